"""Codecs and filters: the members of the seed, and what may be written for them."""

import warnings
from enum import Enum, IntEnum

import numpy as np
import pytest

import caterva as cat
from caterva.arguments import as_int
from caterva.codecs import (
    Codec,
    Filter,
    SplitMode,
    as_member,
    as_pipeline,
    codec_of,
    filters_of,
    label,
    parameters_of,
)


def test_members_are_those_of_the_seed():
    codecs = {"BLOSCLZ": 0, "LZ4": 1, "LZ4HC": 2, "ZLIB": 4, "ZSTD": 5}
    filters = {"NOFILTER": 0, "SHUFFLE": 1, "BITSHUFFLE": 2, "DELTA": 3, "TRUNC_PREC": 4}
    for kind, members in ((Codec, codecs), (Filter, filters)):
        assert {member.name: member.value for member in kind} == members
        assert issubclass(kind, Enum)
        assert not issubclass(kind, IntEnum)
    assert Codec(4) is Codec.ZLIB
    with pytest.raises(ValueError, match="3"):
        Codec(3)


@pytest.mark.parametrize("value", [Codec.ZSTD, 5, np.int8(5), "ZSTD", "zstd", "Zstd"], ids=repr)
def test_a_codec_is_given_as_member_number_or_name(value):
    assert as_member(Codec, value, "codec") is Codec.ZSTD


@pytest.mark.parametrize("value", [3, 99, -1, "snappy", ""], ids=repr)
def test_an_unknown_codec_is_refused_with_the_known_ones(value):
    with pytest.raises(ValueError, match="BLOSCLZ, LZ4, LZ4HC, ZLIB, ZSTD") as caught:
        as_member(Codec, value, "codec")
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", [True, 1.0, None, [1], b"lz4", Filter.SHUFFLE], ids=repr)
def test_a_codec_of_another_type_is_refused(value):
    with pytest.raises(TypeError, match="codec"):
        as_member(Codec, value, "codec")


@pytest.mark.parametrize(
    ("filters", "slots"),
    [
        ([], (0, 0, 0, 0, 0, 0)),
        ([Filter.SHUFFLE], (0, 0, 0, 0, 0, 1)),
        ([Filter.DELTA, Filter.SHUFFLE], (0, 0, 0, 0, 3, 1)),
        (("delta", 2, Filter.NOFILTER), (0, 0, 0, 3, 2, 0)),
        ([1] * 6, (1,) * 6),
        ([1, 35], (0, 0, 0, 0, 1, 35)),
        (["int_trunc", "BYTEDELTA"], (0, 0, 0, 0, 36, 35)),
    ],
    ids=str,
)
def test_filters_fill_the_pipeline_from_the_right(filters, slots):
    assert as_pipeline(filters) == (slots, (0,) * 6)


def test_parameters_stand_below_their_filters():
    assert as_pipeline([4, 1], [-10, 0]) == ((0, 0, 0, 0, 4, 1), (0, 0, 0, 0, 246, 0))
    assert as_pipeline([35], [255])[1] == (0, 0, 0, 0, 0, 255)
    slots, parameters = as_pipeline([4, 35], [-10, 200])
    assert parameters_of(slots, parameters) == [0, 0, 0, 0, -10, 200]


@pytest.mark.parametrize(
    ("filters", "parameters", "error"),
    [
        ([1] * 7, None, ValueError),
        ([99], None, ValueError),
        ([34], None, ValueError),
        (["shufle"], None, ValueError),
        ([True], None, TypeError),
        ([1.0], None, TypeError),
        ([None], None, TypeError),
        ([Codec.LZ4], None, TypeError),
        ("shuffle", None, TypeError),
        (5, None, TypeError),
        (None, None, TypeError),
        ([1], [0, 0], ValueError),
        ([1], [], ValueError),
        ([1], [256], ValueError),
        ([1], [-129], ValueError),
        ([1], ["x"], TypeError),
        ([1], [True], TypeError),
        ([1], 0, TypeError),
    ],
    ids=str,
)
def test_wrong_pipelines_are_refused(filters, parameters, error):
    with pytest.raises(error):
        as_pipeline(filters, parameters)


def test_what_a_file_says_is_shown_even_without_a_name():
    assert codec_of(5) is Codec.ZSTD
    assert codec_of(77) == 77
    assert filters_of([0, 1, 35, 99]) == [Filter.NOFILTER, Filter.SHUFFLE, 35, 99]
    assert [label(value) for value in (Codec.LZ4, Filter.DELTA, 35, 99)] == [
        "LZ4",
        "DELTA",
        "BYTEDELTA",
        "99",
    ]


@pytest.mark.parametrize("value", [SplitMode.NEVER, 2, "never"], ids=repr)
def test_a_split_mode_is_given_as_member_number_or_name(value):
    assert as_member(SplitMode, value, "splitmode") is SplitMode.NEVER


@pytest.mark.parametrize(
    ("value", "error"), [(True, TypeError), ("5", TypeError), (2.5, TypeError), (10, ValueError)]
)
def test_numbers_are_checked(value, error):
    assert as_int(np.uint8(9), "clevel", 0, 9) == 9
    with pytest.raises(error, match="clevel"):
        as_int(value, "clevel", 0, 9)


@pytest.mark.parametrize("filters", ["trunc_prec", "int_trunc"])
@pytest.mark.parametrize(
    "dtype",
    ["i4", "u2", "f4", "f8", "f2", ">f4", ">i4", "c8", "M8[s]", "?", "S4", "U1", [("a", "f4")]],
    ids=str,
)
def test_filters_that_cut_bits_off_are_for_items_that_they_suit(filters, dtype):
    suited = {"trunc_prec": ("f4", "f8"), "int_trunc": ("i4", "u2")}[filters]
    how = {"filters": [filters], "filtersmeta": [10 if filters == "trunc_prec" else 4], "chunks": (3,)}
    data = np.zeros(5, dtype)
    array = cat.asarray(data, chunks=(3,))
    for make in (
        lambda: cat.zeros((5,), dtype=dtype, **how),
        lambda: cat.asarray(data, **how),
        lambda: cat.from_buffer(data, (5,), dtype=dtype, **how),
        lambda: array.copy(**how),
        lambda: array.slice(slice(1, 3), **how),
    ):
        if dtype in suited:
            make()
        else:
            with pytest.raises(ValueError, match=f"{filters.upper()} would destroy"):
                make()
    itemsize = np.dtype(dtype).itemsize
    if itemsize in (4, 8):
        cat.zeros((5,), itemsize=itemsize, **how)  # opaque: its owner knows
    if dtype in suited:
        other = "M8[s]" if itemsize == 8 else "S4"
        with pytest.raises(ValueError, match="would destroy"):
            cat.zeros((5,), dtype=dtype, **how).copy(dtype=other)


def test_compression_of_a_plain_buffer_is_told_of():
    for name, value in (("codec", "zstd"), ("clevel", 9), ("filters", ["shuffle"]), ("usedict", True)):
        with pytest.warns(UserWarning, match=f'^{name} ignored.*chunks="auto"'):
            cat.zeros((4,), dtype="i4", **{name: value})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        array = cat.zeros((4,), dtype="i4", codec="zstd", chunks=(2,))
        assert isinstance(array.copy(chunks=None, blocks=None), cat.PlainArray)
        cat.zeros((4,), dtype="i4", filters=None)


def test_no_filters_given_are_the_default():
    array = cat.zeros((4,), dtype="i4", chunks=(2,), filters=None, filtersmeta=None)
    plain = cat.zeros((4,), dtype="i4", chunks=(2,))
    assert (array.codec, array.clevel, array.filters) == (plain.codec, plain.clevel, plain.filters)


def test_a_chunk_of_a_plugins_codec_names_the_codec_and_a_way_to_read_it():
    array = cat.asarray(np.arange(1000), chunks=(1000,), blocks=(1000,), checksum=False)
    frame = bytearray(array.to_bytes())
    chunk = int.from_bytes(
        frame[11:15], "big"
    )  # the length of the frame's header: docs/format/frame-format.md
    frame[chunk + 2] = frame[chunk + 2] & 0x1F | 6 << 5  # the format "other", of codec 38
    frame[chunk + 0x16] = 38
    with pytest.raises(cat.CatervaError, match=r"codec id 38 .* plugin.*copy the array .*python-blosc2"):
        cat.from_bytes(bytes(frame))[...]
