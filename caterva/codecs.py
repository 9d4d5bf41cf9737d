"""Codecs and filters: their names, numbers, and what callers may write for them."""

import operator
from collections.abc import Iterable
from enum import Enum
from typing import Any, TypeVar

import numpy as np

from caterva.arguments import as_int

__all__ = ["Codec", "Filter", "SplitMode"]

PIPELINE_SLOTS = 6

# Filters that files may use and callers may ask for by number or name. They are not members of Filter, whose
# five members are those of caterva 0.6.0.
EXTRA_FILTERS = {"BYTEDELTA": 35, "INT_TRUNC": 36}


class Codec(Enum):
    """Available codecs."""

    BLOSCLZ = 0
    LZ4 = 1
    LZ4HC = 2
    ZLIB = 4
    ZSTD = 5


class Filter(Enum):
    """Available filters."""

    NOFILTER = 0
    SHUFFLE = 1
    BITSHUFFLE = 2
    DELTA = 3
    TRUNC_PREC = 4


class SplitMode(Enum):
    """When the bytes of a block are compressed as one stream per byte of the item."""

    ALWAYS = 1
    NEVER = 2
    AUTO = 3
    FORWARD = 4


SIGNED_PARAMETER = {Filter.TRUNC_PREC.value, EXTRA_FILTERS["INT_TRUNC"]}

Member = TypeVar("Member", Codec, Filter, SplitMode)


def as_member(kind: type[Member], value: Any, what: str) -> Member:
    """Return the member of an enum that a member, its number, or its name in any case stands for.

    Examples
    --------
    >>> as_member(Codec, "zstd", "codec")
    <Codec.ZSTD: 5>
    """
    if isinstance(value, kind):
        return value
    names = kind.__members__
    if isinstance(value, str):
        if value.upper() in names:
            return names[value.upper()]
    elif isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} must be a {kind.__name__}, its number or its name, got {value!r}")
    elif (number := operator.index(value)) in {member.value for member in kind}:
        return kind(number)
    raise ValueError(f"{what} {value!r} is unknown: it must be one of {', '.join(names)}")


def filter_number(value: Any) -> int:
    """Return the number of a filter given as member, number or name, the extra ones included."""
    if isinstance(value, str) and value.upper() in EXTRA_FILTERS:
        return EXTRA_FILTERS[value.upper()]
    if not isinstance(value, (bool, Filter, str)) and value in EXTRA_FILTERS.values():
        return operator.index(value)
    return as_member(Filter, value, "filter").value


def as_pipeline(
    filters: Iterable[Any], parameters: Iterable[Any] | None = None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Lay filters and their parameters into the six slots of a pipeline, from the right.

    Parameters
    ----------
    filters : iterable of Filter, int or str
        In the order they are applied when compressing; at most six.
    parameters : iterable of int, optional
        One for each filter, -128 to 255; by default all are 0.

    Returns
    -------
    filters, parameters : tuple of int
        Six numbers each; parameters as bytes, 0 to 255.

    Examples
    --------
    >>> as_pipeline([Filter.DELTA, "shuffle"])
    ((0, 0, 0, 0, 3, 1), (0, 0, 0, 0, 0, 0))
    """
    for what, given in (("filters", filters), ("filtersmeta", parameters)):
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable | None):
            raise TypeError(f"{what} must be a list, got {given!r}")
    numbers = [filter_number(value) for value in filters]
    if len(numbers) > PIPELINE_SLOTS:
        raise ValueError(f"a pipeline has {PIPELINE_SLOTS} slots, got {len(numbers)} filters")
    given = [0] * len(numbers) if parameters is None else list(parameters)
    if len(given) != len(numbers):
        raise ValueError(
            f"filtersmeta needs one number per filter: {len(numbers)} filters, {len(given)} numbers"
        )
    bytes_ = [as_int(value, "filtersmeta", -128, 255) & 0xFF for value in given]
    empty = [0] * (PIPELINE_SLOTS - len(numbers))
    return tuple(empty + numbers), tuple(empty + bytes_)


def check_cut(filters: Iterable[int], dtype: np.dtype[Any]) -> None:
    """Raise for filters that cut bits off, of items whose bits mean something else.

    Parameters
    ----------
    filters : iterable of int
        Numbers of filters.
    dtype : numpy.dtype
        What the items are. Of opaque ones, and of bytes without fields, only their owner knows.

    Raises
    ------
    ValueError
        For TRUNC_PREC of other than float32 and float64, INT_TRUNC of other than integers, and either in
        another byte order than this machine's.
    """
    is_bytes = dtype.kind == "V" and dtype.names is None
    for number in filters:
        if number not in SIGNED_PARAMETER or is_bytes:
            continue
        kinds, suits = (
            ("f", "float32 and float64") if number == Filter.TRUNC_PREC.value else ("iu", "integers")
        )
        fits = dtype.kind in kinds and (kinds != "f" or dtype.itemsize in (4, 8))
        if not (fits and dtype.isnative):
            name = "TRUNC_PREC" if number == Filter.TRUNC_PREC.value else "INT_TRUNC"
            raise ValueError(
                f"filter {name} would destroy items of dtype {dtype.str!r}: it suits {suits} in this "
                "machine's byte order"
            )


def codec_of(number: int) -> Codec | int:
    """Return the codec of a number read from a file; one we have no name for stays a number."""
    return next((codec for codec in Codec if codec.value == number), number)


def filters_of(numbers: Iterable[int]) -> list[Filter | int]:
    """Return the filters of a pipeline read from a file; those without a name stay numbers."""
    known = {filter_.value: filter_ for filter_ in Filter}
    return [known.get(number, number) for number in numbers]


def parameters_of(numbers: Iterable[int], parameters: Iterable[int]) -> list[int]:
    """Return the parameters of a pipeline as callers write them: signed where the filter reads them so."""
    return [
        parameter - 256 if number in SIGNED_PARAMETER and parameter > 127 else parameter
        for number, parameter in zip(numbers, parameters, strict=True)
    ]


def label(value: Codec | Filter | int) -> str:
    """Return the name of a codec or filter, as `info` shows it."""
    if isinstance(value, Enum):
        return value.name
    return next((name for name, number in EXTRA_FILTERS.items() if number == value), str(value))
