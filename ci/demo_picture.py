"""The demo's picture: a plane of the scan with its chunks and blocks, and the blocks that a box needs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import caterva as cat

ZOOM = 6  # pixels of the picture for an item
TOP, BOTTOM, LEFT = 56, 130, 20  # pixels around the plane
CHUNK, BLOCK, DECODED, ASKED = "red", "dodgerblue", (60, 200, 90), "gold"


def block_ranges(box: slice, block: int, length: int) -> list[tuple[int, int]]:
    """Along an axis, [start, stop) of the blocks that have items of the box."""
    first, last = box.start // block, (box.stop - 1) // block
    return [(number * block, min((number + 1) * block, length)) for number in range(first, last + 1)]


def times(lengths: Iterable[int]) -> str:
    """Lengths as they are read: 2x3x4."""
    return "x".join(map(str, lengths))


def plane_image(array: cat.NDArray, key: Any) -> Image.Image:
    """The plane through the middle of the box, in gray, enlarged; first axis downwards."""
    middle = tuple((part.start + part.stop) // 2 for part in key[2:])
    plane = np.asarray(array[(slice(None), slice(None), *middle)], dtype="f4")
    gray = (255 * np.clip(plane / np.percentile(plane, 99.5), 0, 1)).astype("u1")
    return Image.fromarray(gray.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)).convert("RGB")


def draw_grid(pen: ImageDraw.ImageDraw, shape: tuple[int, ...], steps: tuple[int, ...], **line: Any) -> None:
    """Lines between chunks or blocks."""
    height, width = shape[0] * ZOOM, shape[1] * ZOOM
    for row in range(0, shape[0] + 1, steps[0]):
        pen.line([(LEFT, TOP + row * ZOOM), (LEFT + width, TOP + row * ZOOM)], **line)
    for column in range(0, shape[1] + 1, steps[1]):
        pen.line([(LEFT + column * ZOOM, TOP), (LEFT + column * ZOOM, TOP + height)], **line)


def draw(array: cat.NDArray, key: Any, png: Path) -> None:
    """Save the picture of a box in an array of four axes.

    Parameters
    ----------
    array : caterva.NDArray
        The scan, with chunks and blocks.
    key : tuple of slice
        The box: start and stop for each axis.
    png : Path
        Where the picture goes.
    """
    plane = plane_image(array, key)
    needed = [block_ranges(*axis) for axis in zip(key, array.blocks, array.shape, strict=True)]
    shade = Image.new("RGB", plane.size, DECODED)
    mask = Image.new("L", plane.size, 0)
    for top, bottom in needed[0]:
        for left, right in needed[1]:
            mask.paste(110, (left * ZOOM, top * ZOOM, right * ZOOM, bottom * ZOOM))
    plane.paste(shade, mask=mask)
    image = Image.new("RGB", (plane.width + 2 * LEFT, plane.height + TOP + BOTTOM), "white")
    image.paste(plane, (LEFT, TOP))
    pen = ImageDraw.Draw(image)
    draw_grid(pen, array.shape, array.blocks, fill=BLOCK, width=1)
    draw_grid(pen, array.shape, array.chunks, fill=CHUNK, width=3)
    rows, columns = key[:2]
    corners = [(LEFT + ZOOM * columns.start, TOP + ZOOM * rows.start)]
    corners += [(LEFT + ZOOM * columns.stop, TOP + ZOOM * rows.stop)]
    pen.rectangle([*corners[0], *corners[1]], outline=ASKED, width=3)
    title, font = ImageFont.load_default(22), ImageFont.load_default(16)
    pen.text((LEFT, 16), "Reading a box decodes the blocks that it touches", fill="black", font=title)
    touched = int(np.prod([len(ranges) for ranges in needed]))
    blocks = int(
        np.prod([-(-length // step) for length, step in zip(array.shape, array.blocks, strict=True)])
    )
    legend = [
        (
            ASKED,
            f"the box: {times(part.stop - part.start for part in key)} of {times(array.shape)}",
        ),
        (DECODED, f"blocks decoded for it: {touched:,d} of {blocks:,d}, in all four axes"),
        (BLOCK, f"borders of blocks, {times(array.blocks)}"),
        (CHUNK, f"borders of chunks, {times(array.chunks)}"),
    ]
    for line, (color, words) in enumerate(legend):
        y = TOP + plane.height + 16 + 26 * line
        pen.rectangle([LEFT, y, LEFT + 22, y + 16], fill=color, outline="black")
        pen.text((LEFT + 32, y - 2), words, fill="black", font=font)
    image.save(png)
