"""Reference checker of checksums: postscripts, fingerprints, tags, and copies of metadata.

Written only from docs/design/durability.md ("Checksums"), on top of the reference decoder. Clarity over speed.
"""

from __future__ import annotations

import os
import struct

import refdecode
from refdecode import FormatError, need

TABLE = []
for byte in range(256):
    crc = byte
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    TABLE.append(crc)

SOFT = [(27, 29), (53, 57), (63, 65), (66, 68), (71, 87)]
SEALED = 1
TAGGED = 4


def crc32c(*parts: bytes) -> int:
    crc = 0xFFFFFFFF
    for part in parts:
        for byte in bytes(part):
            crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


# --------------------------------------------------------------------------
# Postscripts

def stream_end(chunk, header, start, nbytes):
    """Where the streams of a block end that begins at `start`."""
    streams = header.typesize if header.split and nbytes == header.blocksize else 1
    for _ in range(streams):
        csize, = struct.unpack_from("<i", chunk, start)
        start += 4 + (csize if csize > 0 else 1 if csize < 0 else 0)
    return start


def stored_blocks(chunk, header) -> list[tuple[int, int]]:
    """[start, stop) of the stored bytes of each block."""
    if header.special:
        return [(header.size, header.cbytes)] if header.special == refdecode.SPECIAL_VALUE else []
    if header.nbytes == 0:
        return []
    starts = range(0, header.nbytes, header.blocksize)
    if header.memcpyed:
        if header.blocksize < 64:
            return [(header.size, header.cbytes)]
        return [(header.size + i, header.size + min(i + header.blocksize, header.nbytes)) for i in starts]
    count = header.blocksize if header.vlblocks else len(starts)
    bstarts = struct.unpack_from(f"<{count}i", chunk, header.size)
    if header.vlblocks:
        return list(zip(bstarts, [*bstarts[1:], header.cbytes]))
    sizes = [min(header.blocksize, header.nbytes - i) for i in starts]
    return [(start, stream_end(chunk, header, start, size)) for start, size in zip(bstarts, sizes)]


def postscript(chunk: bytes) -> bytes:
    """What belongs behind a chunk; bytes after the chunk are ignored."""
    header = refdecode.parse_chunk_header(chunk)
    blocks = stored_blocks(chunk, header)
    end = header.size
    if header.nbytes and not header.special and not header.memcpyed:
        end += 4 * len(blocks)
        if header.blosc2_flags & refdecode.B2_USEDICT:
            end += 4 + struct.unpack_from("<i", chunk, end)[0]
    sums = [crc32c(chunk[start:stop]) for start, stop in blocks]
    head = struct.pack("<4sIIII", b"\xb2CRC", 1, len(blocks), crc32c(chunk[:header.size]),
                       crc32c(chunk[header.size:end]))
    body = head + struct.pack(f"<{len(sums)}I", *sums)
    return body + struct.pack("<I", crc32c(body))


def has_postscript(stored: bytes) -> bool:
    """Whether a chunk's own postscript is behind it."""
    cbytes = refdecode.parse_chunk_header(stored).cbytes
    expected = postscript(stored)
    return stored[cbytes:cbytes + len(expected)] == expected


# --------------------------------------------------------------------------
# Fingerprints

def header_parts(buf: bytes, header_len: int) -> tuple[bytes, bytes]:
    """The hard and the soft part of a header."""
    soft = list(SOFT)
    position = 87 + 7
    count, = struct.unpack_from(">H", buf, 87 + 5)
    for _ in range(count):
        position += 1 + (buf[position] & 0x1F)
        content, = struct.unpack_from(">i", buf, position + 1)
        size, = struct.unpack_from(">I", buf, content + 1)
        soft.append((content + 5, content + 5 + size))
        position += 5
    is_soft = bytearray(header_len)
    for start, stop in soft:
        is_soft[start:stop] = b"\1" * (stop - start)
    hard = bytes(byte for byte, flag in zip(buf[:header_len], is_soft) if not flag)
    return hard, bytes(byte for byte, flag in zip(buf[:header_len], is_soft) if flag)


def tags_of(frame: refdecode.Frame) -> bytes:
    index = frame.header_len + frame.cbytes
    stored = sum(frame.offsets[number] >= 0 for number in range(frame.nchunks))
    return bytes(frame.buf[index - 24 - 8 * stored:index])


def fingerprint(frame: refdecode.Frame, flags: int) -> bytes:
    buf = bytes(frame.buf)
    trailer_len, = struct.unpack_from(">I", buf, frame.frame_len - 22)
    start = frame.frame_len - trailer_len
    if frame.nbytes:
        start = frame.header_len + (0 if frame.sparse else frame.cbytes)
    hard, soft = header_parts(buf, frame.header_len)
    rest = struct.pack(">III", crc32c(hard), crc32c(soft), flags)
    tags = tags_of(frame)[:-8] if flags & TAGGED and frame.nbytes else b""
    return b"\3" + struct.pack(">I", crc32c(tags, buf[start:frame.frame_len - 17], rest)) + rest


def seal(frame: refdecode.Frame) -> int | None:
    """The flags of a fingerprint that fits, None without one; FormatError if it does not fit."""
    stored = bytes(frame.buf[frame.frame_len - 17:])
    if stored[0] != 3:
        return None
    flags, = struct.unpack_from(">I", stored, 13)
    need(stored == fingerprint(frame, flags), "fingerprint: does not fit")
    return flags


def check_tags(frame: refdecode.Frame) -> None:
    """The table before the index has the size of each stored chunk with its postscript, and its last four bytes."""
    buf = bytes(frame.buf)
    stored = [number for number in range(frame.nchunks) if frame.offsets[number] >= 0]
    table = tags_of(frame)
    magic, count, _serial, tail, own = struct.unpack_from("<4sIQII", table, len(table) - 24)
    need(magic == b"\xb2TAG" and count == len(stored), "tags: magic or count")
    need(own == crc32c(table[:-4]), "tags: their own CRC")
    need(tail == struct.unpack_from(">I", buf, frame.frame_len - 16)[0], "tags: of another index")
    for position, number in enumerate(stored):
        stated = struct.unpack_from("<II", table, 8 * position)
        if stated[0]:
            expected = postscript(frame.stored_chunk(number))
            cbytes = refdecode.parse_chunk_header(frame.stored_chunk(number)).cbytes
            need(stated == (cbytes + len(expected), *struct.unpack("<I", expected[-4:])), "tags: of another chunk")


def chunk_ranges(source) -> list[tuple[int, int]]:
    """Where stored chunks lie in a frame, their postscripts included, in order: all else is metadata, or of nobody."""
    frame, ranges = refdecode.open_frame(os.fspath(source)), []
    for number in range(frame.nchunks):
        if frame.offsets[number] >= 0:
            start, chunk = frame.header_len + frame.offsets[number], frame.stored_chunk(number)
            size = refdecode.parse_chunk_header(chunk).cbytes + len(postscript(chunk))
            ranges.append((start, start + size))
    return sorted(ranges)


# --------------------------------------------------------------------------
# Copies

def copy_of(header: bytes, serial: int, tail: tuple[int, int], mirror: int, crc: int, flags: int) -> bytes:
    """What a copy of a header is."""
    body = struct.pack("<8sIIQqqqII", b"cathead\x1a", 3, len(header), serial, *tail, mirror, crc, flags) + header
    body += struct.pack("<I", len(body) + 8)
    return body + struct.pack("<I", crc32c(body))


def check_copies(source) -> int:
    """How many copies of its header a flushed file has: each must fit, and the tail's mirror be equal to it."""
    frame = refdecode.open_frame(os.fspath(source))
    buf, size = bytes(frame.buf), frame.header_len
    header, found = buf[:size], 0
    for position in (size, max(8192, -(-(2 * size + 64) // 4096) * 4096)):
        copy = buf[position:position + size + 64]
        if copy[:8] != b"cathead\x1a":
            continue
        serial, start, count, mirror, crc, flags = struct.unpack_from("<QqqqII", copy, 16)
        need(copy == copy_of(header, serial, (start, count), mirror, crc, flags), "copy: does not fit")
        tail = buf[size + start:size + start + count]
        need(size + start + count == frame.frame_len and crc == crc32c(tail), "copy: of another tail")
        need(tail == buf[size + mirror:size + mirror + count], "copy: the tail's mirror differs")
        found += 1
    return found


def check(source) -> tuple[int | None, list[bool]]:
    """The flags of a frame at a path or in bytes, and which of its stored chunks have their postscript."""
    frame = refdecode.parse_frame(source) if isinstance(source, bytes) else refdecode.open_frame(os.fspath(source))
    flags = seal(frame)
    if flags is not None and flags & TAGGED:
        check_tags(frame)
    chunks = [frame.stored_chunk(i) for i in range(frame.nchunks) if frame.offsets[i] >= 0]
    have = [has_postscript(chunk) for chunk in chunks]
    if flags is not None and flags & SEALED:
        need(all(have), "sealed, but a chunk has no postscript")
    return flags, have


__all__ = ["FormatError", "check", "check_copies", "crc32c", "fingerprint", "postscript"]
