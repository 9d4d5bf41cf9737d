"""Arrays grow and shrink as NumPy's copies do, in every home, and python-blosc2 reads them."""

import errno
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import assert_same_bytes, home_arguments, neighbours, reference_array, sample, snapshot

import caterva as cat
from caterva import growth

# Each library changes what the other wrote, and that is said each time.
pytestmark = pytest.mark.filterwarnings("ignore::caterva.UnverifiedWarning")

HOMES = ["memory", "memframe", "file", "directory"]


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def resized(data: np.ndarray, shape, fill) -> np.ndarray:
    """The oracle of resize: a new array of the fill value, and the old one's items where both have them."""
    result = np.empty(shape, data.dtype)
    result[...] = fill
    common = tuple(slice(0, min(pair)) for pair in zip(data.shape, shape, strict=True))
    result[common] = data[common]
    return result


@st.composite
def grids(draw):
    ndim = draw(st.integers(1, 3))
    sides = {1: 60, 2: 15, 3: 7}[ndim]
    shape = tuple(draw(st.integers(0, sides)) for _ in range(ndim))
    chunks = tuple(draw(st.integers(1, max(sides // 2, 1))) for _ in range(ndim))
    return shape, chunks, tuple(draw(st.integers(1, chunk)) for chunk in chunks)


@st.composite
def changes(draw, shape):
    """A method, its arguments but the values, and the shape that values take."""
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    length = shape[axis]
    kind = draw(st.sampled_from(["append", "insert", "inserts", "delete", "resize"]))
    others = list(shape)
    if kind == "append":
        others[axis] = draw(st.integers(0, 25))
        return "append", (axis,), tuple(others)
    if kind == "insert":
        others[axis] = draw(st.integers(0, 25))
        values = np.moveaxis(np.empty(others, "V0"), axis, 0).shape  # NumPy's rule for one index
        return "insert", (draw(st.integers(-length, length)), axis), values
    if kind == "inserts":
        indices = draw(st.lists(st.integers(-length, length), max_size=8))
        others[axis] = draw(st.sampled_from([1, len(indices)])) if len(indices) != 1 else 3
        return "insert", (indices, axis), tuple(others)
    if kind == "delete":
        key = draw(st.slices(length))
        if length and draw(st.booleans()):
            key = draw(
                st.integers(-length, length - 1) | st.lists(st.integers(-length, length - 1), max_size=9)
            )
        return "delete", (key, axis), None
    return "resize", tuple(max(0, side + draw(st.integers(-9, 12))) for side in shape), None


@given(st.data(), grids(), st.sampled_from(["<i4", ">f8", "|S3", "V5", "opaque"]), st.sampled_from(HOMES))
def test_every_change_equals_numpys(folder, draw, grid, dtype, home):
    shape, chunks, blocks = grid
    path = folder / "array.b2nd"
    cat.remove(str(path))
    is_opaque = dtype == "opaque"
    dtype = np.dtype("V4" if is_opaque else dtype)
    fill = sample((), dtype, seed=draw.draw(st.integers(0, 9)))
    kind = {"itemsize": 4} if is_opaque else {"dtype": dtype}
    if draw.draw(st.booleans()):
        fill_value = fill.tobytes() if is_opaque else fill
        extra = {} if is_opaque else {"dtype": dtype}
        array = cat.full(
            shape, fill_value, chunks=chunks, blocks=blocks, **extra, **home_arguments(home, path)
        )
    else:
        fill = np.zeros((), dtype)
        array = cat.zeros(shape, chunks=chunks, blocks=blocks, **kind, **home_arguments(home, path))
    data = np.empty(shape, dtype)
    data[...] = fill
    for step in range(5):
        values = sample(data.shape, dtype, seed=step)
        if draw.draw(st.booleans()):
            array[...] = values
            data[...] = values
        name, arguments, value_shape = draw.draw(changes(data.shape))
        if name == "resize":
            array.resize(arguments)
            data = resized(data, arguments, fill)
        elif name == "delete":
            data = np.delete(data, *arguments)
            assert array.delete(*arguments) == data.shape[arguments[1]]
        elif name == "append":
            new = sample(value_shape, dtype, seed=step + 20)
            data = np.append(data, new, *arguments).astype(dtype)
            assert array.append(new, *arguments) == data.shape[arguments[0]]
        else:
            new = sample(value_shape, dtype, seed=step + 20)
            indices, axis = arguments
            data = np.insert(data, indices, new, axis).astype(dtype)
            assert array.insert(indices, new, axis) == data.shape[axis]
        assert_same_bytes(array, data)
        if home in ("file", "directory") and draw.draw(st.booleans()):
            array.close()
            assert_same_bytes(reference_array(path), data)
            array = cat.open(str(path))
    array.close()


@pytest.mark.parametrize("home", HOMES)
def test_whole_chunks_come_and_go_without_compression(home, path):
    """The other chunks' bytes are those that were there."""
    data = sample((40, 30), "<i4")
    array = cat.asarray(data, chunks=(10, 10), blocks=(5, 5), **home_arguments(home, path))
    stored = array._handle.stored_bytes()
    array.insert(10, np.zeros((20, 30), "<i4"))
    array.delete(slice(10, 30))
    assert array._handle.stored_bytes() == stored
    array.resize((40, 60))
    array.resize((100, 60))
    assert array._handle.stored_bytes() == stored  # zeros are kept in the index alone
    assert_same_bytes(array[:40, :30], data)
    assert not np.asarray(array[40:]).any() and not np.asarray(array[:, 30:]).any()


@pytest.mark.parametrize("key", [3, slice(1, 9, 2), [4, 4, 0], np.arange(10) % 3 == 0])
def test_delete_takes_numpys_keys(key):
    array = cat.asarray(np.arange(10), chunks=(4,))
    array.delete(key)
    assert_same_bytes(array, np.delete(np.arange(10), key))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda a: a.resize((3,)), ValueError),
        (lambda a: a.resize((-1, 4)), ValueError),
        (lambda a: a.resize((2**62, 4)), ValueError),
        (lambda a: a.append(np.zeros((2, 5))), ValueError),
        (lambda a: a.append(7.0), ValueError),
        (lambda a: a.append(np.full((2, 4), "text")), ValueError),
        (lambda a: a.append(np.zeros((2, 4)), axis=2), ValueError),
        (lambda a: a.append(np.zeros((2, 4)), axis=None), TypeError),
        (lambda a: a.insert(6, 0.0), IndexError),
        (lambda a: a.insert([0, 9], 0.0), IndexError),
        (lambda a: a.insert(0, np.zeros(3)), ValueError),
        (lambda a: a.delete(5), IndexError),
        (lambda a: a.delete([0.5]), IndexError),
        (lambda a: a.delete(np.ones(4, bool)), ValueError),
    ],
)
def test_wrong_calls_change_nothing(call, error, path):
    data = sample((5, 4), "<f8")
    array = cat.asarray(data, chunks=(2, 2), urlpath=str(path))
    before = snapshot(path)
    with pytest.raises(error):
        call(array)
    assert snapshot(path) == before
    assert_same_bytes(array, data)


def test_a_failure_in_the_middle_leaves_the_file_as_it_was(path):
    resource = pytest.importorskip("resource")
    data = np.random.default_rng(0).integers(0, 256, (300, 100), dtype=np.uint8)
    array = cat.asarray(data, chunks=(50, 50), urlpath=str(path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.stat().st_size
    for more in (10, 3000, 20000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, hard))
        try:
            with pytest.raises(OSError) as failed:
                array.insert(7, np.ones((3, 100), np.uint8))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert failed.value.errno == errno.EFBIG
        assert_same_bytes(array, data)
        assert_same_bytes(cat.open(str(path), mode="r"), data)
    assert array.insert(7, np.ones((3, 100), np.uint8)) == 303
    assert_same_bytes(array, np.insert(data, [7] * 3, 1, 0))
    assert neighbours(path) == [path.name]


def test_a_rollback_undoes_growth():
    data = sample((9, 9), "<i4")
    array = cat.asarray(data, chunks=(4, 4))
    array._handle.begin()
    array.resize((12, 3))
    array.append(np.ones((12, 5), "<i4"), axis=1)
    array.delete(slice(0, 4))
    assert array.shape == (8, 8)
    array._handle.rollback()
    assert array.shape == (9, 9)
    assert_same_bytes(array, data)


def test_plain_arrays_say_that_they_cannot_grow():
    plain = cat.asarray(np.arange(3))
    for method in (plain.append, plain.insert, plain.delete):
        with pytest.raises(TypeError, match="plain array cannot"):
            method(0)


def test_plans_for_whole_chunks_move_no_more_than_a_chunk():
    for start in range(60):
        moved = sum(s.count for s in growth.plan_delete(1000, 10, [(start, start + 20)]) if s.kind == 3)
        assert moved < 10


@pytest.mark.parametrize("home", ["file", "directory"])
@pytest.mark.parametrize("shape", [(13, 17), (5, 0)])
def test_blosc2_reads_and_resizes_what_grew_and_the_other_way(shape, home, path):
    blosc2 = pytest.importorskip("blosc2")
    array = cat.full(shape, fill_value=7, dtype="<i4", chunks=(4, 5), **home_arguments(home, path))
    array.vlmeta["note"] = b"\xc4\x02hi"
    array.resize((15, 22))
    array.insert(3, np.arange(22, dtype="<i4"))
    array.delete(slice(0, 8), axis=1)
    data = np.asarray(array)
    array.close()
    theirs = blosc2.open(str(path), mode="a")
    np.testing.assert_array_equal(theirs[:], data)
    assert theirs.schunk.vlmeta["note"] == b"hi"
    theirs.resize((20, 9))
    del theirs
    array = cat.open(str(path))
    assert_same_bytes(array[:16, :9], data[:, :9])
    assert array.shape == (20, 9)
    array.resize((0, 9))
    array.close()
    theirs = blosc2.open(str(path), mode="r")
    assert theirs.shape == (0, 9) and theirs.schunk.vlmeta["note"] == b"hi"
    array = cat.open(str(path))
    array.resize((6, 6))
    assert (np.asarray(array) == 7).all()


@pytest.mark.parametrize("maker", ["caterva", "blosc2"])
@pytest.mark.parametrize("note_bytes", [0, 1, 1000, 100_000])  # in the hole, or with a commit more
@pytest.mark.parametrize("durability", ["order", "fsync"])
def test_blosc2_opens_what_has_lost_all_its_chunks(durability, note_bytes, maker, path):
    blosc2 = pytest.importorskip("blosc2")
    data = np.arange(60.0).reshape(5, 12)
    if maker == "blosc2":
        blosc2.asarray(data, urlpath=str(path), chunks=(2, 5), blocks=(1, 3))
    else:
        cat.asarray(data, urlpath=path, chunks=(2, 5), blocks=(1, 3)).close()
    array = cat.open(path, durability=durability)
    note = bytes(range(256)) * 400
    array.vlmeta["note"] = note[:note_bytes]
    for _ in range(3):  # the second time around chunks lie where the trailer has been
        array.resize((0, 12))
        assert blosc2.open(str(path), mode="r").shape == (0, 12)
        assert cat.open(path, mode="r").vlmeta["note"] == note[:note_bytes]
        array.resize((5, 12))
        array[...] = data
        assert_same_bytes(blosc2.open(str(path), mode="r")[:], data)
    array.close()
    assert_same_bytes(cat.open(path, mode="r")[...], data)
