"""A page or a fragment with holes: rendered once for all who share it, filled in for each.

In its text a hole is a name between two NUL characters, which no text in Postgres can hold.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from functools import cached_property

# How gzip packs, as zlib.compressobj() takes it: a page as well as it can soon; a fragment, of
# which thousands are sent a second, with a window of its own size, in a third of the time.
PAGE = (5, zlib.DEFLATED, 16 + 15, 8)
FRAGMENT = (1, zlib.DEFLATED, 16 + 11, 5)
# A frame with no more holes than this is packed piece by piece.
FEW = 3
# A gzip member without a name or a date (RFC 1952), and the last block, which holds nothing.
_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_LAST = b"\x03\0"


def hole(name: str) -> str:
    """What stands for a hole in the text of a frame."""
    return f"\0{name}\0"


class Frame:
    """Text and holes in turn; `holes` are their names, in order, some of them more than once."""

    def __init__(self, text: str, packing: tuple[int, int, int, int] = FRAGMENT) -> None:
        pieces = re.split("\0([a-z_]+)\0", text)
        self.holes = pieces[1::2]
        # As bytes: to encode the whole each time would take longer than all the rest of it.
        self._pieces = [piece.encode() for piece in pieces]
        self._packing = packing

    def filled(self, texts: list[str], packed: bool) -> bytes:
        """The whole with these texts in its holes, as it is or gzipped."""
        pieces = self._pieces.copy()
        pieces[1::2] = [text.encode() for text in texts]
        if not packed:
            return b"".join(pieces)
        if len(texts) <= FEW:
            return self._piece_by_piece(pieces)
        start, packer = self._begun
        packer = packer.copy()
        pieces[0] = b""
        return start + packer.compress(b"".join(pieces)) + packer.flush()

    def with_holes(self, names: frozenset[str], text_of: Callable[[str], str]) -> Frame:
        """The frame in which only these holes are left."""
        texts = [hole(name) if name in names else text_of(name) for name in self.holes]
        return Frame(self.filled(texts, packed=False).decode(), self._packing)

    @cached_property
    def _begun(self) -> tuple[bytes, zlib._Compress]:
        """What comes before the first hole, packed once for all, and a packer that has packed it:
        to begin anew would take half of the time."""
        packer = zlib.compressobj(*self._packing)
        return packer.compress(self._pieces[0]), packer

    def _piece_by_piece(self, pieces: list[bytes]) -> bytes:
        # Blocks of deflate may stand in a row as long as none looks back into another one (RFC
        # 1951). So the pieces between the holes are packed once for all, and what fills a hole
        # stands between them as it is. With many holes too little would be left to look back at.
        blocks = self._packed_pieces.copy()
        blocks[1::2] = [_as_it_is(own) for own in pieces[1::2]]
        whole = b"".join(pieces)
        ends = zlib.crc32(whole).to_bytes(4, "little"), len(whole).to_bytes(4, "little")
        return b"".join((_HEAD, *blocks, _LAST, *ends))

    @cached_property
    def _packed_pieces(self) -> list[bytes]:
        return [_packed(piece) for piece in self._pieces]


def _packed(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


def _as_it_is(data: bytes) -> bytes:
    # A block of deflate that is stored has its length twice, once with every bit turned.
    length, turned = len(data), len(data) ^ 0xFFFF
    return b"".join((b"\0", length.to_bytes(2, "little"), turned.to_bytes(2, "little"), data))
