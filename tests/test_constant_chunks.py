"""Chunks whose items are all equal are stored as one item, however they came to be; NumPy tells the content.

The reference decoder tells how a chunk is stored, and python-blosc2 reads and changes all of it.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support import assert_same_bytes, home_arguments, parse_frame, reference_array

import caterva as cat

refdecode = pytest.importorskip("refdecode")

ZEROS, VALUE, OTHER = "zeros", "value", "other"
HOMES = ["memory", "memframe", "file", "directory"]


def kinds(array) -> list[str]:
    """How each chunk is stored, in C order of the grid."""
    frame = parse_frame(array.to_bytes())
    found = []
    for number, offset in enumerate(frame.offsets):
        if offset < 0:
            found.append(ZEROS)
            continue
        special = refdecode.parse_chunk_header(frame.stored_chunk(number)).special
        found.append(VALUE if special == refdecode.SPECIAL_VALUE else OTHER)
    return found


def expected_kinds(data: np.ndarray, chunks: tuple[int, ...]) -> list[str]:
    """The same by NumPy: from the items that lie in the array, whatever padding may hold."""
    data = np.ascontiguousarray(data).view(f"V{data.dtype.itemsize}").reshape(data.shape)
    found = []
    grid = [range(0, extent, chunk) for extent, chunk in zip(data.shape, chunks, strict=True)]
    for starts in itertools.product(*grid):
        key = tuple(slice(start, start + chunk) for start, chunk in zip(starts, chunks, strict=True))
        items = {item.tobytes() for item in data[key].ravel()}
        [item, *more] = items
        found.append(OTHER if more else VALUE if any(item) else ZEROS)
    return found


def patches(itemsize: int) -> np.ndarray:
    """30 x 26 items: chunks of 8 x 8 of one item, of zeros, of others, with borders of each kind."""
    item = np.arange(1, itemsize + 1, dtype=np.uint8)
    data = np.zeros((30, 26, itemsize), np.uint8)
    data[:, 8:] = item  # the columns after the first are constant, the border ones as well
    data[8:16] = np.random.default_rng(itemsize).integers(1, 255, (8, 26, itemsize))
    data[23, 25] = 9  # breaks one
    return data.view(f"V{itemsize}").reshape(30, 26)


SIZES = [1, 2, 3, 4, 7, 8, 16, 100, 127, 128, 255, 256, 300, 1000]


@pytest.mark.parametrize(
    ("itemsize", "home"), [(n, "memory") for n in SIZES] + [(8, home) for home in HOMES[1:]]
)
def test_constant_chunks_are_stored_as_one_item_and_read_by_all(itemsize, home, tmp_path):
    blosc2 = pytest.importorskip("blosc2")
    data = patches(itemsize)
    path = tmp_path / "a.b2nd"
    array = cat.asarray(data, chunks=(8, 8), blocks=(4, 2), **home_arguments(home, path))
    assert kinds(array) == expected_kinds(data, (8, 8))
    assert_same_bytes(array[...], data)
    assert_same_bytes(array[5:29:3, 25:6:-2], data[5:29:3, 25:6:-2])
    content = array.to_bytes()
    assert_same_bytes(reference_array(content), data)
    theirs = blosc2.ndarray_from_cframe(content, copy=True)
    assert theirs[...].tobytes() == data.tobytes()
    assert theirs[3:27, 7:25].tobytes() == data[3:27, 7:25].tobytes()
    assert theirs[18, 20].tobytes() == data[18, 20].tobytes()


@pytest.mark.parametrize("codec", list(cat.Codec), ids=str)
@pytest.mark.parametrize("clevel", [0, 5, 9])
@pytest.mark.parametrize("filters", [[], ["shuffle"], ["bitshuffle"], ["delta", "shuffle"]], ids=str)
def test_every_codec_and_filter_stores_constant_chunks_as_one_item(codec, clevel, filters):
    data = patches(4)
    array = cat.asarray(
        data,
        chunks=(8, 8),
        blocks=(4, 2),
        codec=codec,
        clevel=clevel,
        filters=[cat.Filter[name.upper()] for name in filters],
    )
    assert kinds(array) == expected_kinds(data, (8, 8))
    assert_same_bytes(array[...], data)


@pytest.mark.parametrize("nthreads", [1, 2])
@pytest.mark.parametrize("shape", [(8, 8), (30, 26)])
def test_updates_make_and_break_constant_chunks(shape, nthreads):
    expected = np.full(shape, 2.5)
    array = cat.asarray(expected, chunks=(8, 8), blocks=(4, 2), nthreads=nthreads)
    steps = [
        (np.s_[1, 1], 7.0),  # an item of a value chunk
        (np.s_[1, 1], 2.5),  # and back
        (np.s_[2:7, 0:5], 2.5),  # what it holds already
        (np.s_[0:8:3, 1:8:2], 4.0),
        (np.s_[0:8, 0:8], 4.0),  # all of it
        (np.s_[0:4, 0:2], 0.0),  # a block of it
        (np.s_[4:8], 0.0),
        (np.s_[0:4], 0.0),  # the rest
        (np.s_[...], -0.0),  # other bytes than zero's
    ]
    for key, value in steps:
        array[key] = value
        expected[key] = value
        assert_same_bytes(array[...], expected)
        assert kinds(array)[0] == expected_kinds(expected, (8, 8))[0], (key, value)


def test_bytes_do_not_depend_on_threads_or_memory_order():
    data = np.repeat(np.repeat(np.arange(6.0).reshape(2, 3), 16, axis=0), 8, axis=1)[:30, :21]
    data[9, 9] = 5
    arguments = {"chunks": (16, 8), "blocks": (4, 4)}
    one = cat.asarray(data, **arguments, nthreads=1)
    assert set(kinds(one)) == {ZEROS, VALUE, OTHER}
    for order, nthreads in itertools.product("CF", [1, 2, 5]):
        again = cat.asarray(np.asarray(data, order=order), **arguments, nthreads=nthreads)
        assert again.to_bytes() == one.to_bytes()
    reversed_ = cat.empty(data.shape, dtype="<f8", **arguments)
    reversed_[::-1, ::-1] = data[::-1, ::-1]
    assert reversed_.to_bytes() == one.to_bytes()


def test_a_scalar_makes_constant_chunks():
    array = cat.zeros((20, 20), dtype="<i4", chunks=(8, 8), blocks=(4, 4))
    array[...] = -7
    assert kinds(array) == [VALUE] * 9
    assert_same_bytes(array[...], np.full((20, 20), -7, "<i4"))


def test_growing_over_a_border_chunk_of_one_value_shows_the_fill_value():
    array = cat.zeros((10, 10), dtype="<i4", chunks=(8, 8), blocks=(4, 4))
    array[...] = 3  # its padding holds 3, too
    array.resize((14, 18))
    expected = np.zeros((14, 18), "<i4")
    expected[:10, :10] = 3
    assert_same_bytes(array[...], expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.nan], ids=str)
def test_constant_chunks_of_special_floats_keep_their_bits(value):
    data = np.full((9, 9), value, "<f8")
    array = cat.asarray(data, chunks=(4, 4), blocks=(2, 2))
    assert kinds(array) == [VALUE] * 9
    assert_same_bytes(array[...], data)


def test_truncation_comes_before_the_value():
    data = np.full((16, 16), 0.1, "<f4")
    options = {"chunks": (8, 8), "blocks": (4, 4)}
    array = cat.asarray(
        data, **options, filters=[cat.Filter.TRUNC_PREC, cat.Filter.SHUFFLE], filtersmeta=[10, 0]
    )
    assert kinds(array) == [VALUE] * 4
    expected = (data.view("<u4") & np.uint32(0xFFFFFFFF << 13 & 0xFFFFFFFF)).view("<f4")
    assert_same_bytes(array[...], expected)


def test_python_blosc2_changes_and_resizes_chunks_of_one_value(tmp_path):
    blosc2 = pytest.importorskip("blosc2")
    path = tmp_path / "a.b2nd"
    expected = np.full((30, 26), 6.5)
    cat.asarray(expected, chunks=(8, 8), blocks=(4, 2), urlpath=path).close()
    theirs = blosc2.open(str(path), mode="a")
    theirs[5:20, 7:12] = 1.25
    expected[5:20, 7:12] = 1.25
    theirs.resize((40, 26))
    del theirs
    assert_same_bytes(cat.open(path)[:30], expected)
