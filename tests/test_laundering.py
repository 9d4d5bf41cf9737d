"""What is damaged never gets new checksums: verified before it is copied or sealed, by every handle.

A bit is flipped anywhere in a file or directory, then the array lives on through one operation. Afterwards
something has raised, or what is stored still shows the damage, or it is what a model without damage says.
"""

import collections
import shutil
import warnings

import numpy as np
import pytest
from support import copy_tree, parse_frame, sample

import caterva as cat
from caterva.verification import Seal

SHAPE, CHUNKS, BLOCKS = (12, 10), (6, 10), (3, 5)
DATA = sample(SHAPE, "<i4")
META = {"note": b"what the user wrote"}
ATTRS = {"unit": "kelvin", "scale": [1, 2, 3]}
HOMES = ["file", "directory"]


def make(path, home):
    """An array of one commit: there is no older state that could be opened in its place."""
    array = cat.asarray(DATA, chunks=CHUNKS, blocks=BLOCKS, meta=META)
    array.attrs.update(ATTRS)
    array.copy(urlpath=path, contiguous=home == "file").close()
    return path


def set_part(array, expected):
    array[1, 1] = expected[1, 1] = 5
    return array


def set_all(array, expected):
    array[...] = expected[...] = expected[::-1].copy()
    return array


def append(array, expected):
    array.append(DATA[:2])
    return array, np.concatenate([expected, DATA[:2]])


def shrink(array, expected):
    array.resize((7, 10))
    return array, expected[:7]


def grow(array, expected):
    array.resize((13, 11))
    return array, np.pad(expected, ((0, 1), (0, 1)))


def delete(array, expected):
    array.delete(slice(1, 3), axis=0)
    return array, np.delete(expected, [1, 2], axis=0)


def set_attrs(array, expected):
    array.attrs["more"] = 1
    return array


def compact(array, expected):
    array.compact()
    return array


def copy(array, expected):
    return array.copy()


def copy_to_file(array, expected):
    return array.copy(urlpath=f"{array.urlpath_}.copy")


def copy_to_other_chunks(array, expected):
    return array.copy(chunks=(5, 5), blocks=(2, 5))


def copy_as_floats(array, expected):
    return array.copy(dtype="f8"), expected.astype("f8")


def cut_out(array, expected):
    return array.slice(np.s_[2:9], chunks=(3, 3), blocks=(3, 3)), expected[2:9]


def to_bytes(array, expected):
    return cat.from_bytes(array.to_bytes())


def verify(array, expected):
    array.verify()
    return array


def transact(array, expected):
    with array.transaction():
        array[0] = expected[0] = 1
        array[7:, 3] = expected[7:, 3] = 2
    return array


OPERATIONS = [
    set_part,
    set_all,
    append,
    shrink,
    grow,
    delete,
    set_attrs,
    compact,
    copy,
    copy_to_file,
    copy_to_other_chunks,
    copy_as_floats,
    cut_out,
    to_bytes,
    verify,
    transact,
]


class Named:
    """An array, and the path that it was opened from."""

    def __init__(self, array, path):
        self._array, self.urlpath_ = array, path

    def __getattr__(self, name):
        return getattr(self._array, name)

    def __getitem__(self, key):
        return self._array[key]

    def __setitem__(self, key, value):
        self._array[key] = value


def shows_damage(array) -> bool:
    """Whether an array itself says that something in it is not what was written, or not known to be."""
    return Seal(array._handle.seal) != Seal.WHOLE or not array.verify().ok


def is_right(array, expected, keeps_layers) -> bool:
    layers = {name: array.meta[name] for name in META if name in array.meta} if keeps_layers else META
    attrs = {name: array.attrs[name] for name in ATTRS if name in array.attrs} if keeps_layers else ATTRS
    same = array.dtype == expected.dtype and array.shape == expected.shape
    return same and np.array_equal(array[...], expected) and layers == META and attrs == ATTRS


def live_on(path, checksum, operate):
    """Damage has been done to `path`. @return "raised", "shown" or "right"; else fail."""
    expected = DATA.copy()
    try:
        array = cat.open(path, "a", checksum=checksum)
        outcome = operate(Named(array, path), expected)
        result, expected = outcome if isinstance(outcome, tuple) else (outcome, expected)
        is_own = isinstance(result, Named)
        if not is_own:
            kept = result.to_bytes()  # a copy in memory: sealed now, and looked at by one who checks
            result.close()
        array.close()
        found = cat.open(path) if is_own else cat.from_bytes(kept)
        with found:
            if shows_damage(found):
                return "shown"
            assert is_right(found, expected, operate is not cut_out), "damage is not noticed any more"
            return "right"
    except (cat.CatervaError, ValueError, TypeError, OSError):
        return "raised"


def regions_of(path):
    """Files of an array, each with the names of its regions and where they end."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if not file.name.endswith(".b2lock"))
    else:
        files = [path]
    for file in files:
        size = file.stat().st_size
        if file.suffix == ".chunk":
            yield file, [("chunks", size)]
            continue
        frame = parse_frame(path)
        head = frame.header_len
        section = 0 if path.is_dir() else frame.cbytes
        yield file, [("header", head), ("chunks", head + section), ("index and trailer", size)]


def positions(path, step, first):
    for file, regions in regions_of(path):
        start = 0
        for name, stop in regions:
            for at in range(start + first % step, stop, step):
                yield file, name, at
            start = stop


@pytest.mark.parametrize("checksum", [True, False], ids=["checksum", "no-checksum"])
@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("operate", OPERATIONS, ids=lambda f: f.__name__)
def test_a_flipped_bit_never_gets_a_new_checksum(tmp_path, operate, home, checksum):
    template = make(tmp_path / "template", home)
    random = np.random.default_rng(OPERATIONS.index(operate))
    met = collections.Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (file, region, at) in enumerate(positions(template, 9, OPERATIONS.index(operate))):
            path = copy_tree(template, tmp_path / f"{number}")
            target = path / file.name if path.is_dir() else path
            content = bytearray(target.read_bytes())
            content[at] ^= 1 << random.integers(8)
            target.write_bytes(content)
            try:
                met[region, live_on(path, checksum, operate)] += 1
            except AssertionError as error:
                raise AssertionError(f"{file.name}: {region}, byte {at}") from error
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert {region for region, _ in met} == {"header", "chunks", "index and trailer"}
    noticed = met["chunks", "raised"] + met["chunks", "shown"]
    assert noticed > 0 or operate is set_all, met  # which replaces what was damaged


def change_note(path):
    """Replace a byte of a fixed metalayer's content: damage and other libraries look the same there."""
    content = bytearray(path.read_bytes())
    content[content.index(META["note"])] ^= 1
    path.write_bytes(content)


@pytest.mark.filterwarnings("ignore::caterva.UnverifiedWarning")
@pytest.mark.parametrize("checksum", [True, False])
def test_metalayers_in_doubt_stay_so_until_they_are_adopted(tmp_path, checksum):
    path = make(tmp_path / "array.b2nd", "file")
    change_note(path)
    array = cat.open(path, checksum=checksum)
    array[0, 0] = 3
    array.compact()
    array.copy().copy(urlpath=tmp_path / "copy.b2nd").close()
    array.copy(dtype="f8", urlpath=tmp_path / "floats.b2nd").close()
    (tmp_path / "bytes.b2nd").write_bytes(cat.from_bytes(array.copy().to_bytes()).to_bytes())
    array.close()
    for name in ("array.b2nd", "copy.b2nd", "floats.b2nd", "bytes.b2nd"):
        with cat.open(tmp_path / name) as found:
            assert found._handle.seal == Seal.LAYERS, name
            assert found.verify(adopt=True).adopted
        with cat.open(tmp_path / name) as found:
            assert found._handle.seal == Seal.WHOLE, name


REFUSED = (cat.CorruptDataError, cat.UnsupportedFormatError)


@pytest.mark.parametrize("operate", [compact, copy, copy_to_other_chunks, to_bytes], ids=lambda f: f.__name__)
def test_chunks_without_checksums_are_decoded_before_they_get_some(tmp_path, operate):
    blosc2 = pytest.importorskip("blosc2")
    path = tmp_path / "foreign.b2nd"
    smooth = np.arange(4000, dtype="<i4").reshape(40, 100)
    blosc2.asarray(smooth, chunks=(20, 100), blocks=(5, 100), urlpath=str(path), mode="w")
    whole = path.read_bytes()
    refused = 0
    for at in range(200, len(whole) - 200, 7):
        damaged = bytearray(whole)
        damaged[at] ^= 0x40
        path.write_bytes(damaged)
        try:
            array = cat.open(path)
        except (cat.CatervaError, ValueError):
            continue
        with array:
            try:
                array[...]
            except REFUSED:
                refused += 1
                with pytest.raises(REFUSED):
                    operate(Named(array, path), smooth)
        assert path.read_bytes() == damaged
    assert refused > 5


@pytest.mark.parametrize("home", HOMES)
def test_a_frame_that_does_not_match_its_checksum_can_be_read_but_neither_changed_nor_copied(tmp_path, home):
    path = make(tmp_path / "array", home)
    file = path if home == "file" else path / "chunks.b2frame"
    with cat.open(path) as array:
        exported = array.to_bytes()  # without second copies
    if home == "directory":
        (path / "chunks.b2frame.copy").unlink(missing_ok=True)
    content = bytearray(exported if home == "file" else file.read_bytes())
    content[-16] ^= 1  # the checksum of index and trailer
    file.write_bytes(content)
    with pytest.raises(cat.CorruptDataError):
        cat.open(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cat.UnverifiedWarning)
        array = cat.open(path, checksum=False)
    np.testing.assert_array_equal(array[...], DATA)
    for operate in OPERATIONS:
        if operate is compact and home == "directory":
            continue  # there is nothing to do
        if operate is verify:
            assert not array.verify().ok  # it looks at what there is, and says so
            continue
        with pytest.raises(cat.CorruptDataError, match="do not match their checksum") as caught:
            operate(Named(array, path), DATA.copy())
        assert str(path) in str(caught.value)
    array.close()
    assert file.read_bytes() == content
