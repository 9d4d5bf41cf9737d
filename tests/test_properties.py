"""NumPy is the oracle: any shape, chunks, blocks, dtype, home and key gives what NumPy gives."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support import CODECS, assert_same_bytes, home_arguments, reference_array, sample

import caterva as cat

HOMES = ["memory", "memframe", "file", "directory"]
DTYPES = [
    "|i1", "|u1", "|b1", "<i2", ">i2", "<u4", ">i4", "<i8", "<f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c16",
    "|S1", "|S7", "<U1", "<U5", ">U2", "<M8[ns]", "<M8[D]", ">m8[s]", "|V3",
    [("a", "<i4"), ("b", ">f8")],
    [("x", "|u1"), ("inner", [("y", "<i2"), ("z", "<f4", (2,))])],
]  # fmt: skip


# Delta comes first: docs/format/filters.md 4. Lossy filters are not for this.
PIPELINES = st.lists(
    st.sampled_from([f for f in cat.Filter if f is not cat.Filter.TRUNC_PREC]), max_size=3, unique=True
).map(lambda filters: sorted(filters, key=lambda f: f is not cat.Filter.DELTA))


@pytest.fixture(scope="module")
def folder():
    """One folder for all examples of a test: hypothesis does not renew function-scoped ones."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def shapes(max_dims=5, min_side=0):
    """Shapes of at most some 2,000 items."""
    sides = {0: 1, 1: 200, 2: 40, 3: 12, 4: 6, 5: 4}
    return st.integers(0, max_dims).flatmap(
        lambda ndim: st.tuples(*[st.integers(min_side, sides[ndim])] * ndim)
    )


@st.composite
def grids(draw, shape):
    """Chunk and block shapes for a shape: they divide nothing, and chunks may exceed it."""
    chunks = tuple(draw(st.integers(1, side + 2)) for side in shape)
    blocks = tuple(draw(st.integers(1, side)) for side in chunks)
    return chunks, blocks


@st.composite
def arrays(draw, **limits):
    """A NumPy array, and the arguments that make ours of it (but the home)."""
    data = sample(draw(shapes(**limits)), np.dtype(draw(st.sampled_from(DTYPES))), draw(st.integers(0, 9)))
    chunks, blocks = draw(grids(data.shape))
    arguments = {
        "chunks": chunks,
        "blocks": blocks,
        "codec": draw(st.sampled_from(CODECS)),
        "clevel": draw(st.sampled_from([0, 1, 5, 9])),
        "filters": draw(PIPELINES),
        "nthreads": draw(st.sampled_from([1, 2])),
    }
    return data, arguments


@st.composite
def values_for(draw, target: np.ndarray):
    """A value that broadcasts into `target`: fewer axes, axes of length 1, or more of them in front."""
    shape = list(target.shape)
    for axis in range(len(shape)):
        if draw(st.booleans()):
            shape[axis] = 1
    if set(shape[: (cut := draw(st.integers(0, len(shape))))]) <= {1}:
        shape = shape[cut:]
    if not draw(st.integers(0, 4)):
        shape = [1, *shape]
    return sample(tuple(shape), target.dtype, draw(st.integers(10, 19)))


class Place:
    """Makes an array in a home, and removes what it left."""

    def __init__(self, folder: Path, home: str):
        self.path = folder / "array.b2nd"
        self.home = home

    def __enter__(self):
        cat.remove(str(self.path))
        return home_arguments(self.home, self.path)

    def __exit__(self, *_):
        cat.remove(str(self.path))


def region(data: np.ndarray, key) -> np.ndarray:
    """A view of data[key], 0-d for one item: NumPy's scalars have lost byte order and trailing zeros."""
    key = key if isinstance(key, tuple) else (key,)
    return data[key if Ellipsis in key else (*key, ...)]


def assert_equals_numpy(got, expected) -> None:
    """Same values, dtype, shape; scalars where NumPy gives scalars."""
    if isinstance(expected, np.ndarray):
        assert isinstance(got, np.ndarray) and isinstance(got, cat.NDArray)
    else:
        assert type(got) is type(expected)
    assert got.dtype == expected.dtype
    assert_same_bytes(got, np.asarray(expected))


@given(st.data(), arrays(), st.sampled_from(HOMES))
def test_getitem_equals_numpy(folder, draw, made, home):
    data, arguments = made
    with Place(folder, home) as where:
        array = cat.asarray(data, **arguments, **where)
        assert (array.shape, array.dtype, array.ndim, array.size) == (
            data.shape,
            data.dtype,
            data.ndim,
            data.size,
        )
        for _ in range(3):
            key = draw.draw(basic_indices(data.shape, allow_newaxis=True))
            assert_equals_numpy(array[key], data[key])
        assert_equals_numpy(array[...], data[...])
        assert array.to_buffer() == data.tobytes()


@given(st.data(), arrays(), st.sampled_from(HOMES))
def test_setitem_equals_numpy(folder, draw, made, home):
    data, arguments = made
    data = data.copy()
    with Place(folder, home) as where:
        array = cat.asarray(data, **arguments, **where)
        for _ in range(3):
            key = draw.draw(basic_indices(data.shape, allow_newaxis=True))
            value = draw.draw(values_for(region(data, key)))
            region(data, key)[...] = value
            array[key] = value
            assert_same_bytes(array[...], data)
        assert_same_bytes(reference_array(array.to_bytes()), data)
        if "urlpath" in where:
            assert_same_bytes(cat.open(where["urlpath"])[...], data)


@given(st.data(), arrays(), st.sampled_from(HOMES), st.sampled_from(HOMES))
def test_copy_and_rechunk_keep_every_item(folder, draw, made, home, target_home):
    data, arguments = made
    chunks, blocks = draw.draw(grids(data.shape))
    with Place(folder, home) as where, tempfile.TemporaryDirectory() as other:
        array = cat.asarray(data, **arguments, **where)
        target = home_arguments(target_home, Path(other) / "copy.b2nd")
        copy = array.copy(chunks=chunks, blocks=blocks, codec=draw.draw(st.sampled_from(CODECS)), **target)
        assert (copy.shape, copy.chunks, copy.blocks, copy.dtype) == (data.shape, chunks, blocks, data.dtype)
        assert_same_bytes(copy[...], data)
        if data.size:
            copy[...] = data[(slice(None, None, -1),) * data.ndim]
        assert_same_bytes(array[...], data)  # the source is another array
        same = array.copy()
        assert (same.chunks, same.blocks) == (arguments["chunks"], arguments["blocks"])
        assert_same_bytes(same[...], data)
        plain = array.copy(chunks=None, blocks=None)
        assert isinstance(plain, cat.PlainArray)
        assert_equals_numpy(plain, data)


@given(st.data(), arrays(), st.sampled_from(HOMES))
def test_slice_equals_numpy_and_compresses_again(folder, draw, made, home):
    data, arguments = made
    key = draw.draw(basic_indices(data.shape, allow_newaxis=False))
    expected = region(data, key)
    with Place(folder, home) as where:
        array = cat.asarray(data, **arguments, **where)
        assert_same_bytes(array.slice(key), expected)
        chunks, blocks = draw.draw(grids(expected.shape))
        part = array.slice(key, chunks=chunks, blocks=blocks)
        assert (part.shape, part.chunks, part.blocks) == (expected.shape, chunks, blocks)
        assert_same_bytes(part[...], expected)


@given(arrays(), st.sampled_from(HOMES))
def test_what_is_written_opens_the_same(folder, made, home):
    data, arguments = made
    with Place(folder, home) as where:
        array = cat.asarray(data, **arguments, meta={"m": b"\0x"}, **where)
        frame = array.to_bytes()
        assert frame == array.to_bytes()
        for again in [cat.from_bytes(frame)] + ([cat.open(where["urlpath"])] if "urlpath" in where else []):
            assert (again.shape, again.chunks, again.blocks) == (data.shape, array.chunks, array.blocks)
            assert (again.dtype, again.codec, again.clevel) == (data.dtype, array.codec, array.clevel)
            assert (again.filters, again.meta["m"]) == (array.filters, b"\0x")
            assert_same_bytes(again[...], data)
            assert again.to_bytes() == frame
        assert_same_bytes(reference_array(frame), data)


@given(st.data(), shapes(min_side=1), st.integers(1, 300), st.sampled_from(HOMES))
def test_opaque_items_keep_their_bytes(folder, draw, shape, itemsize, home):
    data = sample(shape, f"S{itemsize}", itemsize)
    chunks, blocks = draw.draw(grids(shape))
    with Place(folder, home) as where:
        array = cat.from_buffer(data.tobytes(), shape, itemsize, chunks=chunks, blocks=blocks, **where)
        assert (array.itemsize, array.dtype) == (itemsize, data.dtype)
        key = draw.draw(basic_indices(shape))
        part = array[key]
        assert isinstance(part, cat.NDArray)  # 0-d arrays too: opaque items have no scalars
        assert_same_bytes(part, region(data, key))
        array[key] = part
        assert array.to_buffer() == data.tobytes()


@given(st.data(), shapes(min_side=1, max_dims=3), st.sampled_from(HOMES))
def test_full_and_zeros_equal_numpy_after_a_write(folder, draw, shape, home):
    chunks, blocks = draw.draw(grids(shape))
    fill = draw.draw(st.sampled_from([0, 7, -1]))
    expected = np.full(shape, fill, "<i4")
    with Place(folder, home) as where:
        if fill:
            array = cat.full(shape, fill, dtype="<i4", chunks=chunks, blocks=blocks, **where)
        else:
            array = cat.zeros(shape, dtype="<i4", chunks=chunks, blocks=blocks, **where)
        assert_equals_numpy(array[...], expected)
        key = draw.draw(basic_indices(shape))
        array[key] = expected[key] = 5
        assert_equals_numpy(array[...], expected)
        assert_same_bytes(reference_array(array.to_bytes()), expected)


class Life(RuleBasedStateMachine):
    """Writes, copies, moves between homes, metalayers and reopenings, against a NumPy array and a dict."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.turn = 0

    def place(self, home):
        self.turn += 1
        self.path = self.folder / f"{self.turn}.b2nd"
        self.home = home
        return home_arguments(home, self.path)

    @initialize(made=arrays(max_dims=3), home=st.sampled_from(HOMES))
    def make(self, made, home):
        data, arguments = made
        self.model = data.copy()
        self.layers = {}
        self.note = b"start"
        self.array = cat.asarray(data, meta={"note": self.note}, **arguments, **self.place(home))

    @rule(draw=st.data())
    def write(self, draw):
        key = draw.draw(basic_indices(self.model.shape, allow_newaxis=True))
        value = draw.draw(values_for(region(self.model, key)))
        region(self.model, key)[...] = value
        self.array[key] = value

    @rule(draw=st.data())
    def read(self, draw):
        key = draw.draw(basic_indices(self.model.shape, allow_newaxis=True))
        assert_equals_numpy(self.array[key], self.model[key])

    @rule(draw=st.data(), home=st.sampled_from(HOMES), rechunk=st.booleans())
    def copy(self, draw, home, rechunk):
        arguments = self.place(home)
        if rechunk:
            chunks, blocks = draw.draw(grids(self.model.shape))
            arguments |= {"chunks": chunks, "blocks": blocks}
        self.array = self.array.copy(**arguments)

    @precondition(lambda self: self.home in ("file", "directory"))
    @rule()
    def reopen(self):
        del self.array
        self.array = cat.open(str(self.path))

    @rule(detach=st.booleans())
    def through_bytes(self, detach):
        frame = self.array.to_bytes()
        if detach or self.home in ("memory", "memframe"):
            self.array, self.home = cat.from_bytes(frame), "memframe"

    @rule(name=st.sampled_from("abc"), value=st.binary(max_size=80))
    def set_layer(self, name, value):
        self.array.vlmeta[name] = self.layers[name] = value

    @precondition(lambda self: self.layers)
    @rule(draw=st.data())
    def delete_layer(self, draw):
        name = draw.draw(st.sampled_from(sorted(self.layers)))
        del self.layers[name]
        del self.array.vlmeta[name]

    @rule(note=st.binary(min_size=5, max_size=5))
    def set_note(self, note):
        self.note = self.array.meta["note"] = note

    @precondition(lambda self: 1 in self.model.shape)
    @rule()
    def squeeze(self):
        squeezed = self.array.squeeze()
        np.testing.assert_array_equal(squeezed, self.model.squeeze(), strict=False)
        assert squeezed.shape == self.model.squeeze().shape

    @invariant()
    def agrees_with_the_model(self):
        assert self.array.shape == self.model.shape
        assert_same_bytes(self.array[...], self.model)
        assert {name: self.array.vlmeta[name] for name in self.array.vlmeta} == self.layers
        assert self.array.meta["note"] == self.note

    def teardown(self):
        if hasattr(self, "array"):
            assert_same_bytes(reference_array(self.array.to_bytes()), self.model)
            if self.home in ("file", "directory"):
                assert_same_bytes(reference_array(self.path), self.model)
        shutil.rmtree(self.folder)


TestLife = Life.TestCase
TestLife.settings = settings(
    settings(), max_examples=max(10, settings().max_examples // 4), suppress_health_check=list(HealthCheck)
)
