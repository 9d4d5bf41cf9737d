"""What messages say: what is wrong, where, once, and what to do."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

import caterva as cat
from caterva.__main__ import main


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(path="a.b2nd", **keywords) -> cat.NDArray:
    return cat.asarray(np.arange(24).reshape(4, 6), chunks=(2, 3), urlpath=path, **keywords)


def said(function) -> str:
    with pytest.raises(Exception) as raised:
        function()
    return str(raised.value)


# ---------------------------------------------------------------- keywords


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: make("b").slice(0, itemsize=8), "dtype="),
        (lambda: cat.zeros((2, 2), itemsise=4), "did you mean 'itemsize'"),
        (lambda: cat.zeros((2, 2), 4, chunk=(2, 2)), "did you mean 'chunks'"),
        (lambda: cat.zeros((2, 2), 4, compression="gzip"), "did you mean 'codec'"),
        (lambda: cat.zeros((2, 2), 4, path="x"), "did you mean 'urlpath'"),
        (lambda: cat.zeros((2, 2), 4, mode="w"), "caterva.remove"),
        (lambda: cat.zeros((2, 2), 4, xyzzy=1), "known are chunks"),
        (lambda: cat.open("a.b2nd", mode="w"), "zeros"),
    ],
)
def test_wrong_keywords_say_what_to_write(call, words):
    message = said(call)
    assert words in message
    given = message.split("'")[1]
    assert f"did you mean {given!r}" not in message


def test_a_copy_takes_its_own_item_size():
    array = make("b")
    assert array.copy(itemsize=8).to_buffer() == cat.copy(array, itemsize=8).to_buffer() == array.to_buffer()
    assert array[...].copy(itemsize=8).to_buffer() == array.to_buffer()
    for source in (array, array[...]):
        with pytest.raises(ValueError, match=r"item size of 8, got 4: dtype="):
            source.copy(itemsize=4)


def test_chunks_are_named_as_they_were_given():
    message = said(lambda: cat.zeros((3000, 3000), 500, chunks=(2999, 2999), blocks=(100, 100)))
    assert "(2999, 2999)" in message and "3000" not in message
    message = said(lambda: cat.zeros((50000, 50000), 1, chunks=(46339, 46339), blocks=(1000, 1000)))
    assert "(46339, 46339)" in message and "(1000, 1000)" in message and "whole blocks" in message


def test_dictionaries_of_codecs_that_have_none_are_left_out_with_a_word():
    for codec in ("blosclz", "zlib"):
        with pytest.warns(UserWarning, match=f"{codec.upper()} has no dictionaries"):
            array = make(f"{codec}.b2nd", codec=codec, usedict=True)
        np.testing.assert_array_equal(array, np.arange(24).reshape(4, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make("zstd.b2nd", codec="zstd", usedict=True)


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: cat.open("none.b2nd"), FileNotFoundError),
        (lambda: make("taken"), FileExistsError),
        (lambda: make("folder"), FileExistsError),
        (lambda: cat.open("no/such/file"), FileNotFoundError),
        (lambda: make("no/such/file"), OSError),
        (lambda: cat.open("taken/x"), OSError),
        (lambda: cat.open("hollow"), cat.NotAnArrayError),
        (lambda: cat.open("/dev/null"), OSError),
    ],
)
def test_a_path_is_said_once(call, error):
    make("taken").close()
    os.mkdir("folder")
    open("hollow", "w").close()
    with pytest.raises(error) as raised:
        call()
    shown = str(raised.value)
    name = next(
        word
        for word in ("none.b2nd", "taken", "folder", "no/such/file", "hollow", "/dev/null")
        if word in shown
    )
    assert shown.count(name) == 1


def write(name, content):
    with open(name, "wb") as file:
        file.write(content)


OTHERS = {
    "text": (b"The quick brown fox\n" * 30, "text"),
    "utf8": ("Käse und Öl\n".encode() * 40, "text"),
    "h5": (b"\x89HDF\r\n\x1a\n" + bytes(range(200)), "HDF5"),
    "npy": (b"\x93NUMPY" + bytes(range(200)), "NumPy"),
    "zip": (b"PK\x03\x04" + bytes(range(200)), "ZIP"),
    "zeros": (bytes(500), "zeros"),
    "noise": (bytes(range(100, 255)), "64 65 66 67"),
    "chunk": (b"\x05\x01\x13\x04" + bytes(range(1, 60)), "05 01 13 04"),
    "empty": (b"", "empty"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_array_is_not_called_damaged(name):
    content, words = OTHERS[name]
    write(name, content)
    with pytest.raises(cat.NotAnArrayError) as raised:
        cat.open(name)
    assert "not a caterva or Blosc2 file" in str(raised.value) and words in str(raised.value)
    assert isinstance(raised.value, cat.CorruptDataError)
    assert main(["verify", name]) == 2


def test_directories_that_are_no_arrays_are_described():
    os.mkdir("empty")
    assert "empty directory" in said(lambda: cat.open("empty"))
    os.makedirs("zarr")
    write("zarr/zarr.json", b"{}")
    assert "Zarr" in said(lambda: cat.open("zarr"))
    write("empty/notes.txt", b"x")
    assert "notes.txt" in said(lambda: cat.open("empty"))


def test_what_is_left_of_an_array_is_called_damaged():
    make().close()
    with open("a.b2nd", "rb") as file:
        content = file.read()
    for damaged in (content[:100], b"\0" + content[1:40]):
        write("a.b2nd", damaged)
        with pytest.raises(cat.CorruptDataError) as raised:
            cat.open("a.b2nd")
        assert type(raised.value) is cat.CorruptDataError


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_deleted_array_is_gone_and_not_changed(contiguous):
    array = make(contiguous=contiguous)
    array[0] = 1
    os.rename("a.b2nd", "b.b2nd")
    for call in (lambda: array.__setitem__(0, 5), array.refresh, lambda: array.append(np.zeros((1, 6)))):
        with pytest.raises(cat.FileChangedError) as raised:
            call()
        assert "a.b2nd is gone" in str(raised.value) and raised.value.filename == "a.b2nd"
    os.rename("b.b2nd", "a.b2nd")
    array[0] = 5
    assert cat.open("a.b2nd")[0, 0] == 5


# ---------------------------------------------------------------- what is shown

LEAVE = """
import os, numpy as np, caterva as cat
array = cat.asarray(np.arange(24).reshape(4, 6), chunks=(2, 3), urlpath="left.b2nd", contiguous={})
array[0] = 1
os._exit(0)
"""


@pytest.mark.parametrize("contiguous", [True, False])
def test_verify_tells_what_was_never_flushed(contiguous, capsys):
    subprocess.run([sys.executable, "-P", "-c", LEAVE.format(contiguous)], check=True)
    with cat.open("left.b2nd", "r") as array:
        found = array.verify()
        assert found.ok and not found.is_flushed and "not flushed" in str(found)
    assert main(["verify", "left.b2nd"]) == 4
    assert "not flushed" in capsys.readouterr().out
    with cat.open("left.b2nd", "a") as array:
        array.flush()
        assert array.verify().is_flushed
    assert main(["verify", "left.b2nd"]) == 0
    make("fine.b2nd").close()
    cat.zeros((0, 3), 4, chunks=(2, 3), urlpath="nothing.b2nd").close()
    make("none.b2nd", checksum=False).close()
    assert main(["verify", "fine.b2nd", "nothing.b2nd", "none.b2nd"]) == 0
    assert make(None).verify().is_flushed


@pytest.mark.parametrize("contiguous", [True, False])
def test_sizes_are_those_of_the_file(contiguous, capsys):
    array = make(contiguous=contiguous)
    for _ in range(5):
        array[...] = np.random.default_rng(0).integers(0, 99, (4, 6))
    array.flush()
    paths = ["a.b2nd"] if contiguous else [entry.path for entry in os.scandir("a.b2nd")]
    assert array.cbytes == sum(os.path.getsize(path) for path in paths)
    assert main(["info", "a.b2nd"]) == 0
    shown = capsys.readouterr().out
    for words in ("int64", f"{array.cbytes:,} bytes", "192 bytes", "24"):
        assert words in shown
    in_memory = make(None)
    assert 0 < in_memory.cbytes < 1000
    plain = cat.zeros((4, 6), dtype="i4")
    assert plain.cbytes == plain.nbytes == 96 and plain.refresh() is False and dict(plain.attrs) == {}
