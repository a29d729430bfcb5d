"""Pictures of pages, if PICTURES names a folder for them: `make pictures`.

Every page and state as it is on a phone, in the light; a chosen few as they are on a desk in the
dark. With ALL_PICTURES each of them both ways and in both lights, as the browser writes them, for
who wants to look at everything.

Those that are kept are drawn with few colours, as PNGs with a palette: a quarter of the bytes. The
browser does that itself, so that no other program is needed.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

FOLDER = os.environ.get("PICTURES")
ALL = os.environ.get("ALL_PICTURES")
# Sixteen at most: a pixel has four bits.
COLOURS = 16
HIGHEST = 1500
WIDE = frozenset(
    {
        "fan/event-selling",
        "fan/line-waiting",
        "fan/claim-held",
        "fan/tickets",
        "staff/events",
        "staff/event-on-sale",
        "staff/event-with-money",
        "staff/claim-refunded-succeeded-needs-attention",
    }
)
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}

# Base64 of a PNG and a number of colours in; base64 of a PNG with a palette out. Colours are
# counted in steps of 8; those that are most often become the palette, and the others the nearest.
SHRINK = """async ([encoded, most]) => {
  const bytes = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
  const { width, height } = image;
  const canvas = new OffscreenCanvas(width, height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const { data } = canvas.getImageData(0, 0, width, height);
  const counts = new Map(), exact = new Map();
  const step = (at) => (data[at] >> 3) << 10 | (data[at + 1] >> 3) << 5 | data[at + 2] >> 3;
  for (let at = 0; at < data.length; at += 4) {
    const colour = step(at);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
    if (!exact.has(colour)) exact.set(colour, [data[at], data[at + 1], data[at + 2]]);
  }
  // A colour that is not grey says something, however little there is of it.
  const weight = ([colour, count]) =>
    count * (4 + Math.max(...exact.get(colour)) - Math.min(...exact.get(colour)));
  const palette = [...counts].sort((a, b) => weight(b) - weight(a)).slice(0, most)
    .map(([colour]) => exact.get(colour));
  const index = new Map([...counts.keys()].map((colour) => {
    const [r, g, b] = exact.get(colour);
    let best = 0, least = Infinity;
    palette.forEach(([x, y, z], place) => {
      const far = (r - x) ** 2 + (g - y) ** 2 + (b - z) ** 2;
      if (far < least) [best, least] = [place, far];
    });
    return [colour, best];
  }));
  // Two pixels in a byte, and a byte before each row that says that it is as it is.
  const long = Math.ceil(width / 2) + 1, rows = new Uint8Array(height * long);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      rows[y * long + 1 + (x >> 1)] |= index.get(step((y * width + x) * 4)) << (x & 1 ? 0 : 4);
    }
  }
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const crcs = Uint32Array.from({length: 256}, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ n >>> 1 : n >>> 1;
    return n;
  });
  const word = (number) => [number >>> 24, number >>> 16 & 255, number >>> 8 & 255, number & 255];
  const chunk = (name, body) => {
    const whole = new Uint8Array(4 + body.length);
    whole.set([...name].map((one) => one.charCodeAt(0)));
    whole.set(body, 4);
    let crc = ~0;
    for (const one of whole) crc = crcs[(crc ^ one) & 255] ^ crc >>> 8;
    return [new Uint8Array(word(body.length)), whole, new Uint8Array(word(~crc >>> 0))];
  };
  const png = new Blob([
    new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]),
    ...chunk("IHDR", new Uint8Array([...word(width), ...word(height), 4, 3, 0, 0, 0])),
    ...chunk("PLTE", new Uint8Array(palette.flat())),
    ...chunk("IDAT", packed),
    ...chunk("IEND", new Uint8Array()),
  ]);
  const made = new Uint8Array(await png.arrayBuffer());
  let text = "";
  for (const one of made) text += String.fromCharCode(one);
  return btoa(text);
}"""


def take(page: Any, name: str) -> None:
    """Pictures of a page, which is left on a phone in the light; `name` may hold a slash."""
    if FOLDER is None and ALL is None:
        return
    file = f"{name.replace('/', '-')}.png"
    for scheme in ("dark", "light"):
        for width, size in (("1280", DESK), ("360", PHONE)):
            kept = (scheme, width) == ("light", "360") or (
                (scheme, width) == ("dark", "1280") and name in WIDE
            )
            if ALL is None and not kept:
                continue
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(size)
            # Nobody looks further down than this.
            high = min(page.evaluate("document.documentElement.scrollHeight"), HIGHEST)
            clip = {"x": 0, "y": 0, "width": size["width"], "height": high}
            whole = page.screenshot(full_page=True, animations="disabled", clip=clip)
            if ALL:
                _write(Path(ALL) / f"{scheme}-{width}" / file, whole)
            if FOLDER and kept:
                folder = Path(FOLDER) / "wide" if width == "1280" else Path(FOLDER)
                _write(folder / file, _shrunk(page, whole))


def _shrunk(page: Any, whole: bytes) -> bytes:
    small = page.evaluate(SHRINK, [base64.b64encode(whole).decode(), COLOURS])
    return base64.b64decode(small)


def _write(file: Path, whole: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(whole)
