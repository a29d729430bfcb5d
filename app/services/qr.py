"""QR codes."""

from __future__ import annotations

import segno

# 15 % of the drawing may be scratched or folded away.
_ERROR_LEVEL = "m"


def drawing(text: str) -> str:
    """A QR code of this text as an inline SVG element, dark on white with its quiet zone."""
    code = segno.make(text, error=_ERROR_LEVEL, micro=False)
    return str(
        code.svg_inline(omitsize=True, dark="#000", light="#fff", svgclass=None, lineclass=None)
    )
