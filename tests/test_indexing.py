"""Keys become boxes that select what NumPy selects, or are refused as NumPy refuses them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from caterva.indexing import select, whole


def take(array, box):
    """The items of a selection, gathered axis by axis: no slicing that the test could share with the code."""
    axes = zip(box.start, box.count, box.step, strict=True)
    for axis, (start, count, step) in enumerate(axes):
        array = array.take([start + step * place for place in range(count)], axis=axis)
    return array.reshape(box.shape)


def numbered(shape):
    return np.arange(np.prod(shape, dtype=int)).reshape(shape)


@st.composite
def shapes_and_keys(draw):
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=7))
    return shape, draw(hnp.basic_indices(shape, max_dims=12, allow_newaxis=True, allow_ellipsis=True))


@given(shapes_and_keys())
def test_a_key_selects_what_numpy_selects(case):
    shape, key = case
    expected = numbered(shape)[key]
    box = select(key, shape)
    np.testing.assert_array_equal(take(numbered(shape), box), expected, strict=not box.is_item)
    assert box.is_item == (not isinstance(expected, np.ndarray))
    assert box.is_empty == (np.size(expected) == 0)


BOUNDS = st.none() | st.integers(-(2**70), 2**70) | st.integers(-12, 12)


@given(st.integers(0, 10), BOUNDS, BOUNDS, BOUNDS.filter(lambda step: step != 0))
def test_slices_of_any_size_select_what_numpy_selects(length, start, stop, step):
    key = slice(start, stop, step)
    box = select(key, (length,))
    assert take(numbered(length), box).tolist() == list(range(length))[key]


@given(shapes_and_keys())
def test_a_selection_stays_within_the_array(case):
    shape, key = case
    box = select(key, shape)
    for extent, start, count, step in zip(shape, box.start, box.count, box.step, strict=True):
        assert step != 0
        assert count >= 0
        if count:
            assert 0 <= start < extent
            assert 0 <= start + (count - 1) * step < extent


@pytest.mark.parametrize(
    "integer",
    [2, np.int8(2), np.uint64(2), np.array(2), np.array(-1, dtype="i2"), -3],
    ids=lambda i: type(i).__name__ + str(i),
)
def test_integers_of_any_kind_are_indices(integer):
    box = select(integer, (3, 4))
    np.testing.assert_array_equal(take(numbered((3, 4)), box), numbered((3, 4))[int(integer)])


def test_the_ellipsis_decides_whether_a_single_item_is_a_scalar():
    assert select((0, 1), (3, 4)).is_item
    assert select((), ()).is_item
    assert not select((0, 1, ...), (3, 4)).is_item
    assert not select(..., ()).is_item
    assert not select((0, None), (3,)).is_item
    assert select(..., (3, 4)) == whole((3, 4))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (3, ["index 3", "axis 0", "size 3"]),
        ((0, -5), ["index -5", "axis 1", "size 4"]),
        ((slice(None), 2**70), [f"index {2**70}", "axis 1"]),
        ((None, ..., 4), ["index 4", "axis 1", "size 4"]),
        ((0, 0, 0), ["too many indices", "2-dimensional", "3 were indexed"]),
        ((..., ...), ["single ellipsis"]),
        (1.0, ["1.0"]),
        ({}, ["{}"]),
    ],
    ids=str,
)
def test_wrong_keys_raise_the_error_of_numpy(key, words):
    with pytest.raises(IndexError) as expected:
        numbered((3, 4))[key]
    with pytest.raises(IndexError) as caught:
        select(key, (3, 4))
    for word in words:
        assert word in str(caught.value)
    if words[0].startswith("index") and str(2**70) not in words[0]:
        assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize(
    ("key", "error"), [(np.s_[::0], ValueError), (np.s_[1.5:], TypeError), (np.s_["a":], TypeError)], ids=str
)
def test_wrong_slices_raise_the_error_of_numpy(key, error):
    for make in (lambda: numbered((3,))[key], lambda: select(key, (3,))):
        with pytest.raises(error):
            make()


@pytest.mark.parametrize(
    ("key", "word"),
    [
        (True, "boolean"),
        (np.True_, "boolean"),
        (np.array(True), "boolean"),
        (np.array([True, False, True]), "boolean"),
        ((0, False), "boolean"),
        ([0, 2], "integers"),
        (np.array([0, 2]), "integers"),
        ((slice(None), [1]), "integers"),
        ("x", "fields"),
        (["x", "y"], "fields"),
    ],
    ids=str,
)
def test_keys_that_only_numpy_takes_are_refused_by_kind(key, word):
    with pytest.raises(NotImplementedError, match=word):
        select(key, (3, 4))
