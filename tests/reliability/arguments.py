"""G10: arguments that are not right: each gives a clear exception, or what NumPy gives."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result, bad, measure, tally

CLEAR = (
    TypeError,
    ValueError,
    IndexError,
    OSError,
    KeyError,
    NotImplementedError,
    MemoryError,
    OverflowError,
)
HUGE, BIG = 2**63, 2**31
# fmt: off
SHAPES = [
    (-1, 2), (2, -3), ("a", 2), (1.5, 2), (None, 2), (HUGE, 2), (2**40, 2**40), (1,) * 17, "ab", b"ab",
    None, [[1, 2]], {1: 2}, object(), (np.nan, 1), (2**62, 0, 8), (True, "x"),
]
PARTS = [
    (0, 1), (1, 0), (-1, 2), (3,), (2, 2, 2), ("a", "b"), (1.5, 2), (HUGE, 1), (None, None), 0, -1, "chunk",
    object(), (BIG, BIG),
]
KEYS = [
    10, -11, (0, 0, 0), "a", 1.5, None, object(), (slice(None), 20), slice(0, 5, 0), {}, b"x", (HUGE, 0),
    (-HUGE, 0), slice("a", None), slice(1.5, 3), [1.5], [100], ([0], "x"), (Ellipsis, Ellipsis), np.nan,
    {0, 1}, 1j, (0, slice(None, None, HUGE * 4), 0), np.array([1, 2.5]), range(3, 30),
]
VALUES = [
    np.zeros((3, 3)), "text", object(), None, np.zeros(7, "i4"), [1, 2, 3], {}, "é", b"abcdefgh",
    np.zeros((20, 20), "i4"), np.array(["a"] * 12), np.zeros((1, 1, 1, 10, 12, 2), "i4"), [[1], [2, 3]], 1j,
    np.datetime64("now"), np.zeros(12, dtype=[("a", "i4"), ("b", "i4")]), np.array([object()] * 12),
]
KEYWORDS = [
    ("codec", "none"), ("codec", 99), ("codec", 1.5), ("codec", None), ("clevel", 10), ("clevel", -1),
    ("clevel", "high"), ("clevel", HUGE), ("filters", ["none"]), ("filters", 7), ("filters", [1] * 7),
    ("filters", [250]), ("filtersmeta", [1] * 9), ("filtersmeta", ["x"]), ("filtersmeta", [300]),
    ("nthreads", 0), ("nthreads", -1), ("nthreads", "two"), ("nthreads", HUGE), ("cache_bytes", -1),
    ("cache_bytes", "1"), ("meta", {"x" * 32: b""}), ("meta", {"": b""}), ("meta", 7),
    ("meta", {"a": object()}), ("meta", {7: b""}), ("meta", {str(i): b"" for i in range(17)}),
    ("meta", {"b2nd": b"x"}), ("meta", {"a\0b": b""}), ("splitmode", "often"), ("usedict", "yes"),
    ("urlpath", 7), ("urlpath", ""), ("urlpath", "a\0b"), ("urlpath", "/no/such/folder/a"),
    ("urlpath", "/dev/null"), ("urlpath", "x" * 5000), ("urlpath", "/"), ("contiguous", "yes"),
    ("memframe", 3), ("color", "red"), ("chunk", (2, 2)), ("itemsize", 3), ("dtype", "O"), ("dtype", "x9"),
    ("dtype", 7), ("durability", "often"), ("checksum", "maybe"), ("locking", "yes"), ("lock_timeout", -2),
    ("fill_value", 3),
]
GROWTH = [
    (5,), (1, 2, 3), (-1, 2), "a", None, (HUGE, 1), (1.5, 2), (2**40, 2**40), object(), 7, ("a", 3),
]
INDICES = [
    99, -99, "a", 1.5, None, object(), HUGE, slice(0, 3, 0), [[1]], [99], {},
]
AXES = [
    2, -3, "a", 1.5, None, HUGE,
]
NAMES = [
    "x" * 32, "", 7, None, "a\0b", "\ud800", b"\xff\xfe", object(), "caterva_fill",
]
CONTENTS = [
    object(), 2**70, {1, 2}, lambda: 0, bytes,
]
OPENING = [
    {"mode": "w"}, {"mode": "x"}, {"mode": 7}, {"mode": "rb"}, {"offset": -1}, {"offset": HUGE},
    {"offset": 1.5}, {"offset": 7}, {"mmap": "yes"}, {"mmap": True, "mode": "a"}, {"max_bytes": 0},
    {"max_bytes": "1"}, {"nthreads": 0}, {"color": 1}, {"cache_bytes": -1}, {"locking": "x"},
    {"lock_timeout": "x"}, {"durability": 7},
]
PATHS = [
    "", "no such file", "/", "a\0b", 7, None, object(), "/dev/null", "/dev/zero", "x" * 5000, b"\xff",
    ["a"],
]
BUFFERS = [
    b"abc", "text", None, 7, np.zeros((4, 4), "i4")[::2, ::2], object(), [1, 2], memoryview(bytes(13)),
]
FRAMES = [
    b"", b"abc", None, 7, "text", bytes(1000), b"\x9e\xa8b2frame\0" + bytes(200), np.zeros(500, "u1"),
    object(),
]
# fmt: on


def _whole(cat, items: np.ndarray, path: Path):
    return cat.asarray(items, chunks=(4, 5), blocks=(2, 3), urlpath=str(path))


def _made(items: np.ndarray, folder: Path) -> list[tuple[str, Callable[[], object]]]:
    """Calls that make arrays."""
    import caterva as cat

    calls: list[tuple[str, Callable[[], object]]] = []
    for shape in SHAPES:
        calls.append(
            (f"zeros({shape!r})", lambda shape=shape: cat.zeros(shape, 4, chunks=(2, 2), blocks=(1, 1)))
        )
    for size in (0, -1, "a", 1.5, None, BIG, HUGE, object()):
        calls.append((f"itemsize={size!r}", lambda size=size: cat.zeros((4, 4), size, chunks=(2, 2))))
    for part in PARTS:
        calls.append((f"chunks={part!r}", lambda part=part: cat.zeros((9, 9), 4, chunks=part, blocks=(1, 1))))
        calls.append((f"blocks={part!r}", lambda part=part: cat.zeros((9, 9), 4, chunks=(3, 3), blocks=part)))
    for word, value in KEYWORDS:
        keywords = {"chunks": (4, 5), "blocks": (2, 3)} | {word: value}
        calls.append((f"{word}={value!r}", lambda keywords=keywords: cat.asarray(items, **keywords)))
    for value in VALUES:
        calls.append((f"full({value!r})", lambda value=value: cat.full((4,), value, itemsize=4, chunks=(2,))))
    for buffer in BUFFERS:
        calls.append((f"from_buffer({buffer!r})", lambda buffer=buffer: cat.from_buffer(buffer, (4, 4), 4)))
    for frame in FRAMES:
        calls.append((f"from_bytes({frame!r:.30})", lambda frame=frame: cat.from_bytes(frame)))
    for place in PATHS:
        calls.append((f"open({place!r:.30})", lambda place=place: cat.open(place)))
    for keywords in OPENING:
        path = folder / "opened"
        if not path.exists():
            _whole(cat, items, path).close()
        calls.append(
            (f"open({keywords})", lambda keywords=keywords, path=path: cat.open(str(path), **keywords))
        )
    for place in ("", "no such file", 7, None, str(folder)):
        calls.append((f"remove({place!r})", lambda place=place: cat.remove(place)))
    return calls


def _used(array, items: np.ndarray) -> list[tuple[str, Callable[[], object]]]:
    """Calls on an array, which holds the same afterwards, or what NumPy makes of it."""
    calls: list[tuple[str, Callable[[], object]]] = []
    for key in KEYS:
        calls.append((f"a[{key!r}]", lambda key=key: array[key]))
        calls.append((f"a[{key!r}] = 1", lambda key=key: array.__setitem__(key, 1)))
    for value in VALUES:
        calls.append((f"a[...] = {value!r}", lambda value=value: array.__setitem__(..., value)))
    for shape in GROWTH:
        calls.append((f"resize({shape!r})", lambda shape=shape: array.resize(shape)))
    for index in INDICES:
        calls.append((f"insert({index!r})", lambda index=index: array.insert(index, np.zeros((1, 12), "i4"))))
        calls.append((f"delete({index!r})", lambda index=index: array.delete(index)))
    for axis in AXES:
        calls.append(
            (f"append(axis={axis!r})", lambda axis=axis: array.append(np.zeros((1, 12), "i4"), axis=axis))
        )
        calls.append((f"delete(axis={axis!r})", lambda axis=axis: array.delete(0, axis=axis)))
    for value in VALUES:
        calls.append((f"append({value!r})", lambda value=value: array.append(value)))
    for name in NAMES:
        calls.append((f"vlmeta[{name!r}]", lambda name=name: array.vlmeta[name]))
        calls.append((f"vlmeta[{name!r}] =", lambda name=name: array.vlmeta.__setitem__(name, b"x")))
        calls.append((f"meta[{name!r}] =", lambda name=name: array.meta.__setitem__(name, b"x")))
    for content in CONTENTS:
        calls.append(
            (f"vlmeta = {content!r}", lambda content=content: array.vlmeta.__setitem__("n", content))
        )
    for word in ("nthreads", "cache_bytes"):
        for value in (-1, "a", HUGE, None, 1.5):
            calls.append((f"{word} = {value!r}", lambda word=word, value=value: setattr(array, word, value)))
    return calls


def _as_numpy(what: str, key: object, items: np.ndarray, result: object, now: np.ndarray) -> bool:
    """Whether NumPy takes this key as well, with the same result."""
    expected = items.copy()
    try:
        if what.endswith("= 1"):
            expected[key] = 1
            return now.shape == expected.shape and bool((now == expected).all())
        return np.array_equal(np.asarray(result), expected[key])
    except Exception:
        return False


def matrix(folder: Path):
    """Cases: a call with a wrong argument."""
    import caterva as cat

    items = np.arange(120, dtype="<i4").reshape(10, 12)
    path = folder / "array"
    arrays = [_whole(cat, items, path)]
    made = _made(items, folder)
    keys = {name: key for key in KEYS for name in (f"a[{key!r}]", f"a[{key!r}] = 1")}

    def judged(what: str, call: Callable[[], object]) -> tuple[str, bool]:
        try:
            result = call()
        except CLEAR as error:
            return "clear exception" if str(error) else f"no message: {what}", False
        except Exception as error:
            return f"{type(error).__name__}: {what}", False
        right = what in RIGHT or (
            what in keys and _as_numpy(what, keys[what], items, result, np.asarray(arrays[0]))
        )
        return ("right result" if right else f"accepted: {what}"), right

    def case(number: int) -> str:
        what, call = [*made, *_used(arrays[0], items)][number]
        verdict, right = judged(what, call)
        now = np.asarray(arrays[0][...])
        if now.shape != items.shape or not (now == items).all():
            if not right:
                verdict = f"{verdict}, and changed: {what}"
            arrays[0].close()
            cat.remove(str(path))
            arrays[0] = _whole(cat, items, path)
        return verdict.replace("\n", " ")[:150]

    case.count = len(made) + len(_used(arrays[0], items))
    return case


# What the seed document has so: removing what is not there is no error.
RIGHT = {"remove('no such file')"}


def bad_arguments(effort: Effort) -> Result:
    """All of them."""
    folder = effort.folder / "arguments"
    folder.mkdir()
    count = matrix(folder).count
    counts = measure(effort, "arguments:matrix", count)
    return Result(f"{count} cases: {tally(counts)}", bad(counts, "clear exception", "right result") == 0)


GOALS = [
    Goal("G10", "bad-argument matrix", ">= 150 cases: a clear exception or a right result", bad_arguments)
]
