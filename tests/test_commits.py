"""Commits: transactions, flushes, compaction, what is left of a file after a crash."""

import os
import pathlib
import struct
import warnings

import blosc2
import numpy as np
import pytest

import caterva as cat

DATA = np.arange(60 * 50, dtype="i4").reshape(60, 50)
CHUNKS = {"chunks": (17, 20), "blocks": (6, 7)}  # nothing divides evenly
HOMES = {
    "memory": {},
    "memframe": {"memframe": True},
    "file": {"urlpath": "a.b2nd"},
    "directory": {"urlpath": "a.b2frame", "contiguous": False},
}


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(home="file", **keywords):
    return cat.asarray(DATA, **CHUNKS, **HOMES[home], **keywords)


def header_of(path):
    with open(path, "rb") as file:
        head = file.read(24)
        file.seek(0)
        return file.read(struct.unpack(">i", head[11:15])[0])


def frame_bytes(path):
    return struct.unpack(">q", header_of(path)[16:24])[0]


# ---------------------------------------------------------------- transactions


@pytest.mark.parametrize("home", HOMES)
def test_a_transaction_is_one_commit(home):
    array, expected = make(home), DATA.copy()
    with array.transaction() as same:
        assert same is array
        array[3:40, 5] = -1
        array.resize((60, 55))
        array.vlmeta["note"] = b"in it"
        assert array.shape == (60, 55) and array[10, 5] == -1  # own changes are seen
        if array.urlpath:
            other = cat.open(array.urlpath, mode="r")
            np.testing.assert_array_equal(other[...], DATA)
            assert "note" not in other.vlmeta
            other.close()
    expected[3:40, 5] = -1
    expected = np.pad(expected, ((0, 0), (0, 5)))
    np.testing.assert_array_equal(array[...], expected)
    if array.urlpath:
        np.testing.assert_array_equal(cat.open(array.urlpath, mode="r")[...], expected)
        np.testing.assert_array_equal(blosc2.open(array.urlpath)[...], expected)
        assert cat.open(array.urlpath, mode="r").vlmeta["note"] == b"in it"


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_undoes_a_transaction(home, error):
    array = make(home)
    with pytest.raises(error), array.transaction():
        array[...] = 7
        array.append(np.zeros((3, 50), "i4"))
        array.attrs["a"] = 1
        raise error
    assert array.shape == DATA.shape and not array.attrs
    np.testing.assert_array_equal(array[...], DATA)
    array[0, 0] = 9  # and it goes on
    assert array[0, 0] == 9


def test_a_call_that_fails_in_a_transaction_undoes_it_even_if_it_was_caught():
    with make() as array:
        array.flush()
    with open("a.b2nd", "r+b") as file:
        data = file.read()
        damage(file, bytearray(data))
    array = cat.open("a.b2nd")
    with pytest.raises(ValueError, match="rolled back"), array.transaction():
        array[59, 49] = -1
        with pytest.raises(cat.CorruptDataError):
            array[1:59, 1:49] = 1
    assert cat.open("a.b2nd")[59, 49] == DATA[59, 49]


def damage(file, data):
    """Flip a byte of a live chunk."""
    for at in range(len(header_of("a.b2nd")) + 400, len(data) - 300, 7):
        data[at] ^= 1
        file.seek(0)
        file.write(data)
        file.flush()
        if cat.open("a.b2nd", mode="r").verify().bad:
            return
        data[at] ^= 1
    pytest.fail("no byte is of a live chunk")


def test_transactions_do_not_nest():
    array = make()
    with array.transaction():
        array[0] = 5
        with pytest.raises(ValueError, match="open already"), array.transaction():
            pass
    assert (array[0] == 5).all()


def test_closing_in_a_transaction_undoes_it():
    array = make()
    with pytest.raises(ValueError, match="closed"), array.transaction():
        array[...] = 0
        array.close()
    np.testing.assert_array_equal(cat.open("a.b2nd")[...], DATA)


def test_flush_and_compact_wait_for_the_end_of_a_transaction():
    array = make()
    with array.transaction():
        array[0] = 5
        for method in (array.flush, array.compact):
            with pytest.raises(ValueError, match="commit it first"):
                method()
    assert (array[0] == 5).all()


def test_plain_arrays_have_transactions_too():
    plain = cat.asarray(DATA.copy())
    with pytest.raises(RuntimeError), plain.transaction():
        plain[...] = 0
        raise RuntimeError
    np.testing.assert_array_equal(plain, DATA)
    plain.flush()
    plain.compact()


# ---------------------------------------------------------------- space


def test_a_closed_file_ends_with_its_frame_however_it_was_changed():
    expected = DATA.copy()
    with make() as array:
        for i in range(50):
            array[i, :] = expected[i, :] = i
        array.flush()
        assert os.path.getsize("a.b2nd") == frame_bytes("a.b2nd")
        array[0, 0] = expected[0, 0] = -5
    assert os.path.getsize("a.b2nd") == frame_bytes("a.b2nd")
    with open("a.b2nd", "rb") as file:
        frame = file.read()
    np.testing.assert_array_equal(cat.from_bytes(frame)[...], expected)
    np.testing.assert_array_equal(blosc2.ndarray_from_cframe(frame)[...], expected)


@pytest.mark.parametrize("durability", ["order", "fsync"])
def test_dead_space_is_used_again(durability):
    rng = np.random.default_rng(5)
    data = rng.integers(0, 2**31, (200, 500), dtype="i4")  # does not compress: 400 KB
    array = cat.asarray(data, chunks=(50, 500), blocks=(10, 100), urlpath="a.b2nd", durability=durability)
    for i in range(60):  # 24 MB in all
        data[:] = rng.permutation(data)
        array[...] = data
        if i % 20 == 19:
            array.close()
            np.testing.assert_array_equal(blosc2.open("a.b2nd")[...], data)
            array = cat.open("a.b2nd", durability=durability)
    assert os.path.getsize("a.b2nd") < 4e6
    np.testing.assert_array_equal(array[...], data)
    assert array.verify().ok


def test_a_file_without_checksums_only_grows_until_it_is_compacted():
    array = make(checksum=False)
    first = os.path.getsize("a.b2nd")
    for i in range(20):
        array[...] = DATA + i % 19
    grown = os.path.getsize("a.b2nd")
    array.compact()
    assert os.path.getsize("a.b2nd") <= first < grown
    np.testing.assert_array_equal(array[...], DATA)


@pytest.mark.parametrize("home", HOMES)
def test_compaction_keeps_everything(home):
    array = make(home, meta={"m": b"fixed"}, codec="zstd")
    array.vlmeta["v"] = b"variable"
    array[5:50, 3:44] = 8
    expected = array[...]
    array.compact()
    np.testing.assert_array_equal(array[...], expected)
    assert array.meta["m"] == b"fixed" and array.vlmeta["v"] == b"variable" and array.codec == cat.Codec.ZSTD
    array[0, 0] = 1
    assert array[0, 0] == 1
    if home == "file":
        np.testing.assert_array_equal(blosc2.open("a.b2nd")[1:], array[1:])


def test_compaction_of_a_damaged_array_changes_nothing():
    array = make()
    array[...] = DATA + 1
    array.close()
    with open("a.b2nd", "r+b") as file:
        damage(file, bytearray(file.read()))
    array = cat.open("a.b2nd")
    before = pathlib.Path("a.b2nd").read_bytes()
    with pytest.raises(cat.CorruptDataError, match=r"a\.b2nd.*chunk"):
        array.compact()
    assert pathlib.Path("a.b2nd").read_bytes() == before
    assert sorted(os.listdir()) == ["a.b2nd"] or sorted(os.listdir()) == ["a.b2nd", "a.b2nd.b2lock"]


# ---------------------------------------------------------------- after crashes


def torn(path, old, new, at):
    """Put the file into the state in which its header was replaced up to a byte."""
    with open(path, "r+b") as file:
        body = file.read()
        record = b"cathead\x1a" + struct.pack("<II", 1, len(new)) + old + new
        record += struct.pack("<I", len(record) + 8)
        record += struct.pack("<I", crc32c(record))
        file.seek(0)
        file.write(new[:at] + old[at:] + body[len(new) :] + record)


def crc32c(data):
    """Compute the checksum by its definition."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_a_header_torn_at_any_byte_opens_whole():
    array = make()
    old = header_of("a.b2nd")
    array.resize((60, 51))
    array.close()
    new = header_of("a.b2nd")
    with open("a.b2nd", "rb") as file:
        whole = file.read()
    expected = np.pad(DATA, ((0, 0), (0, 1)))
    different = [at for at in range(len(new) + 1) if new[:at] + old[at:] not in (old, new)]
    assert len(different) > 10
    for at in different:
        for mode in ("r", "a"):
            with open("a.b2nd", "wb") as file:
                file.write(whole)
            torn("a.b2nd", old, new, at)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                array = cat.open("a.b2nd", mode=mode)
            np.testing.assert_array_equal(array[...], expected)
            if mode == "a":
                array[0, 0] = 77
                array.close()
                assert cat.open("a.b2nd", mode="r")[0, 0] == 77
                assert blosc2.open("a.b2nd")[0, 0] == 77


def test_the_flushed_state_opens_if_a_power_cut_took_the_bytes_of_later_ones():
    array = make()
    array.flush()
    with open("a.b2nd", "rb") as file:
        flushed = file.read()
    array[...] = -DATA
    with open("a.b2nd", "rb") as file:
        later = file.read()
    array.close()
    header_bytes = len(header_of("a.b2nd"))
    lost = bytearray(later)
    lost[len(flushed) :] = bytes(len(later) - len(flushed))
    # Nothing flushed was written over, but the header, and the checksums of its copies, which are followed.
    kept, same = bytearray(flushed), lost[: len(flushed)]
    for start, stop in [
        (0, header_bytes),
        *((at, at + 4) for at in (2 * header_bytes + 60, header_bytes + 8252)),
    ]:
        kept[start:stop] = same[start:stop] = bytes(stop - start)
    assert same == kept
    with open("lost.b2nd", "wb") as file:
        file.write(lost)
    with pytest.warns(cat.RecoveredWarning, match=r"lost\.b2nd.*last flushed"):
        array = cat.open("lost.b2nd")
    np.testing.assert_array_equal(array[...], DATA)
    array[0, 0] = 5
    array.close()
    np.testing.assert_array_equal(blosc2.open("lost.b2nd")[1:], DATA[1:])


@pytest.mark.parametrize("home", ["file", "directory"])
def test_with_fsync_changes_are_right_and_others_read_them(home):
    array, expected = make(home, durability="fsync"), DATA.copy()
    for i in range(5):
        array[i * 10, :] = expected[i * 10, :] = -i
    array.append(expected[:3])
    expected = np.concatenate([expected, expected[:3]])
    array.flush()
    np.testing.assert_array_equal(blosc2.open(array.urlpath)[...], expected)
    array.close()
    reopened = cat.open(HOMES[home]["urlpath"], durability="fsync")
    np.testing.assert_array_equal(reopened[...], expected)
    reopened.close()


def test_durability_is_one_of_two():
    for wrong, error in (("always", ValueError), (1, TypeError), (None, TypeError)):
        with pytest.raises(error, match=r"order.*fsync"):
            cat.zeros((2, 2), 4, chunks=(2, 2), durability=wrong)
    make()
    with pytest.raises(ValueError, match="always"):
        cat.open("a.b2nd", durability="always")


def test_a_handle_takes_no_state_that_is_older_than_its_own():
    """What was written last is lost under open handles: they keep what they have; a new one warns."""
    array = make()
    array.flush()
    flushed = os.path.getsize("a.b2nd")
    array[...] = -DATA
    reader, writer = cat.open("a.b2nd", mode="r"), cat.open("a.b2nd")
    with open("a.b2nd", "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(flushed)
        file.write(bytes(size - flushed))
    for call in (
        reader.refresh,
        lambda: writer.__setitem__(0, 1),
        lambda: writer.append(DATA),
        writer.refresh,
    ):
        with warnings.catch_warnings(), pytest.raises(cat.CorruptDataError, match=r"a\.b2nd"):
            warnings.simplefilter("error")
            call()
        assert reader.shape == writer.shape == DATA.shape
    with pytest.warns(cat.RecoveredWarning, match=r"last flushed"):
        again = cat.open("a.b2nd")
    np.testing.assert_array_equal(again[...], DATA)
    again[0, 0] = 9  # which accepts it
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert writer.refresh() and reader.refresh()
    assert writer[0, 0] == reader[0, 0] == 9
