"""Files stay within a bound, whatever is done to them: tests/stress/space.py has the situations."""

import sys
from pathlib import Path

import numpy as np
import pytest
from stress import space

import caterva

POSIX = {space.killed_each_time, space.killed_each_time_without_checksums}
HELD = {
    space.an_idle_reader,
    space.an_idle_reader_without_checksums,
    space.an_idle_reader_of_two_writers,
    space.an_idle_reader_of_short_writers,
    space.readers_that_come_and_go,
    space.a_directory_beside_an_idle_reader,
    space.a_directory_of_readers_that_come_and_go,
}  # where the system tells what others hold
ELSEWHERE = {
    space.of_another_library,
    space.opened_each_time_of_another_library,
    space.changed_by_another_library,
    space.metadata_of_another_library,
}


@pytest.mark.parametrize("situation", space.SITUATIONS, ids=lambda situation: situation.__name__)
def test_a_file_stays_within_its_bound(situation, tmp_path):
    if sys.platform != "linux" and situation in POSIX | HELD:
        pytest.skip("locks of open file descriptions are Linux's")
    if situation in ELSEWHERE:
        pytest.importorskip("blosc2")
    live, needed, largest, closed = space.run(situation, Path(tmp_path, "a.b2nd"))
    assert largest <= space.bound(live, needed)
    assert closed <= space.bound(live, needed)


ROWS, WIDTH = 24, 8192
HEADER_BITS = [(4, 30), (4, 28), (4, 25), (8, 6), (8, 12), (12, 5), (12, 15), (12, 20), (12, 29)]


def start_of_chunk(raw, chunk):
    """Of chunks that do not compress, one behind the other: right behind the checksums of the one before."""
    at = -1
    for _ in range(chunk):
        at = raw.index(b"\xb2CRC", at + 1)
    return at + 24 + 4 * int.from_bytes(raw[at + 8 : at + 12], "little")


@pytest.mark.parametrize("durability", ["order", "fsync"])
@pytest.mark.parametrize(("field", "bit"), HEADER_BITS)
def test_a_damaged_header_costs_its_own_chunk_alone(field, bit, durability, tmp_path):
    """The chunk is replaced without a look at it. How much room it had is not for its header to say."""
    path = tmp_path / "a.b2nd"
    data = space.noise(0, (ROWS, WIDTH))
    caterva.asarray(data, chunks=(1, WIDTH), blocks=(1, 128), urlpath=str(path)).close()
    raw = bytearray(path.read_bytes())
    at = start_of_chunk(raw, 3)
    assert int.from_bytes(raw[at + 4 : at + 8], "little") == WIDTH * 4
    raw[at + field + bit // 8] ^= 1 << (bit % 8)
    path.write_bytes(raw)

    with caterva.open(str(path), "a", durability=durability) as array:
        assert not array.verify().ok
        data[3] = array[3] = space.noise(1, WIDTH)
        assert array.verify().ok
        for turn in range(90):
            row = 12 + turn % 12
            data[row] = array[row] = space.noise(turn, WIDTH)
            if turn % 10 == 5:
                with pytest.raises(KeyError), array.transaction():
                    array[0] = 0
                    raise KeyError
        live = array._handle.stored_bytes()
        assert path.stat().st_size <= space.bound(live, 0)
    with caterva.open(str(path), "r") as array:
        assert array.verify().ok
        np.testing.assert_array_equal(array[...], data)


@pytest.mark.parametrize(("field", "bit"), HEADER_BITS)
def test_without_checksums_too_it_costs_its_own_chunk_alone(field, bit, tmp_path):
    path = tmp_path / "a.b2nd"
    data = space.noise(0, (ROWS, WIDTH))
    caterva.asarray(data, chunks=(1, WIDTH), blocks=(1, 128), urlpath=str(path), checksum=False).close()
    raw = bytearray(path.read_bytes())
    at = raw.index(data[3, :100].tobytes()) - 32
    assert int.from_bytes(raw[at + 12 : at + 16], "little") == WIDTH * 4 + 32
    raw[at + field + bit // 8] ^= 1 << (bit % 8)
    path.write_bytes(raw)

    others = np.delete(np.arange(ROWS), 3)
    for opening in range(4):
        with caterva.open(str(path), "a", checksum=False) as array:
            for turn in range(60):
                row = others[(7 * turn + opening) % len(others)]
                data[row] = array[row] = space.noise(turn, WIDTH)
    with caterva.open(str(path), "r", checksum=False) as array:
        for row in others:
            np.testing.assert_array_equal(array[row], data[row])
