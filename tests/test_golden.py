"""Every frozen vector: valid ones decode to their digest, malformed ones raise a clean error.

The manifest is described in docs/format/README.md.
"""

import json

import numpy as np
import pytest
from support import GOLDEN, sha256

import caterva as cat
from caterva import _core

VARIABLE = 1  # kind of metalayer
CLEAN = (cat.CorruptDataError, cat.UnsupportedFormatError)
MANIFEST = json.loads((GOLDEN / "manifest.json").read_text())


def vectors(*kinds, **wanted):
    """Parameters for the vectors of these kinds that have (True) or lack (False) each key."""
    chosen = [
        case
        for case in MANIFEST
        if case["kind"] in kinds and all(bool(key in case) == present for key, present in wanted.items())
    ]
    assert chosen
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case["id"])


def path_of(case) -> str:
    return str(GOLDEN / case["file"])


def bytes_of(case) -> bytes:
    """The contiguous frame of a vector: nothing before it, nothing after."""
    data = (GOLDEN / case["file"]).read_bytes()[case.get("frame_offset", 0) :]
    if "must_raise" in case:
        return data
    return data[: int.from_bytes(data[16:24], "big")]


def read_all(handle) -> bytes:
    return b"".join(handle.decode_chunk(i) for i in range(handle.nchunks))


def check_content(case, content: bytes) -> None:
    assert len(content) == case["decoded_nbytes"]
    if not case.get("undefined"):
        assert sha256(content) == case["decoded_sha256"]


def check_frame(case, handle) -> None:
    assert (handle.nchunks, handle.itemsize) == (case["nchunks"], case["itemsize"])
    check_content(case, read_all(handle))
    assert {name: sha256(content) for name, content in handle.layers(VARIABLE)} == case["vlmeta"]


def check_array(case, array) -> None:
    assert isinstance(array, cat.NDArray)
    assert array.shape == tuple(case["shape"])
    assert array.chunks == tuple(case["chunkshape"])
    assert array.blocks == tuple(case["blockshape"])
    assert array.itemsize == case["itemsize"]
    if "dtype" in case:
        assert str(array.dtype) == case["dtype"]
    else:  # caterva keeps no dtype
        assert array.dtype == np.dtype(f"S{case['itemsize']}")
    items = array[...].tobytes()
    assert len(items) == case["array_nbytes"]
    if not case.get("undefined"):
        assert sha256(items) == case["array_sha256"]
        assert sha256(array.to_buffer()) == case["array_sha256"]


@vectors("chunk", must_raise=False)
def test_valid_chunk_decodes_to_its_digest(case):
    chunk = (GOLDEN / case["file"]).read_bytes()
    try:
        content = _core.decode_chunk(chunk)
    except cat.UnsupportedFormatError:
        assert case.get("vlblocks"), "only VL-blocks may be rejected"
        return
    check_content(case, content)


@vectors("chunk", must_raise=False)
def test_chunk_larger_than_the_caller_allows_is_refused(case):
    if case["decoded_nbytes"] == 0:
        return
    chunk = (GOLDEN / case["file"]).read_bytes()
    with pytest.raises(CLEAN):
        _core.decode_chunk(chunk, max_nbytes=case["decoded_nbytes"] - 1)


@vectors("chunk", must_raise=True)
def test_malformed_chunk_raises_cleanly(case):
    with pytest.raises(CLEAN):
        _core.decode_chunk((GOLDEN / case["file"]).read_bytes())


@vectors("frame", "sframe", must_raise=False)
def test_valid_frame_decodes_to_its_digests(case):
    check_frame(case, _core.SChunkHandle.open(path_of(case), case.get("frame_offset", 0)))


@vectors("frame", must_raise=False)
def test_valid_frame_decodes_from_bytes(case):
    check_frame(case, _core.SChunkHandle.from_bytes(bytes_of(case)))


@vectors("frame", "sframe", must_raise=True)
def test_malformed_frame_raises_cleanly(case):
    with pytest.raises(CLEAN):
        handle = _core.SChunkHandle.open(path_of(case), 0)
        handle.layers(VARIABLE)
        read_all(handle)


@vectors("frame", must_raise=True)
def test_malformed_frame_raises_cleanly_from_bytes(case):
    with pytest.raises(CLEAN):
        handle = _core.SChunkHandle.from_bytes(bytes_of(case))
        handle.layers(VARIABLE)
        read_all(handle)


@vectors("frame", "sframe", must_raise=False, shape=True)
def test_array_opens_with_its_geometry_and_items(case):
    check_array(case, cat.open(path_of(case), mode="r"))


@vectors("frame", must_raise=False, shape=True)
def test_array_opens_from_bytes(case):
    check_array(case, cat.from_bytes(bytes_of(case)))


@vectors("frame", "sframe", must_raise=False, shape=False)
def test_frame_that_is_no_array_is_refused_with_its_path(case):
    with pytest.raises(CLEAN):
        cat.open(path_of(case), mode="r", offset=case.get("frame_offset", 0))


@vectors("array", "frame", "sframe", must_raise=True)
def test_malformed_array_raises_cleanly(case):
    with pytest.raises(CLEAN):
        cat.open(path_of(case), mode="r")[...]


@vectors("array", "frame", must_raise=True)
def test_malformed_array_raises_cleanly_from_bytes(case):
    with pytest.raises(CLEAN):
        cat.from_bytes(bytes_of(case))[...]
