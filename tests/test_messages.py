"""Messages: the path as it was given, once; and what can be had of what cannot be opened, which is tried."""

import contextlib
import os
import re
import shutil
import threading
import warnings

import numpy as np
import pytest
from support import sample

import caterva as cat

DATA = sample((61, 140), "<i4")
HOMES = ["file", "directory"]
SHAPES = {"chunks": (9, 51), "blocks": (4, 17)}


def make(path, home="file", **keywords):
    with cat.asarray(DATA, **SHAPES, urlpath=path, contiguous=home == "file", **keywords) as array:
        array[3] = DATA[3]
    return path


def lock_of(path):
    return f"{path}/.b2lock" if os.path.isdir(path) else f"{os.path.realpath(path)}.b2lock"


# -------------------------------------------------------------------- paths


def cut(path, count):
    os.truncate(path, os.path.getsize(path) - count)


def write_here(path):
    with cat.open(path, "r") as array:
        array[0] = 1


def write_beside_a_change(path):
    with cat.open(path, "a") as one, one.transaction(), cat.open(path, "a") as other:
        other[0] = 1


def put_text(path):
    with open(path, "w") as file:
        file.write("mine")


def write_by(path, put):
    lock = lock_of(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(lock)
    put(lock)
    with cat.open(path, "a") as array:
        array[0] = 1


def compact_of_two_names(path):
    os.link(os.path.realpath(path), "another name")
    with cat.open(path, "a") as array:
        array.compact()


def change_of_two_arrays(path):
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "ab") as file:
        file.write(content)
    with cat.open(path, "a") as array:
        array[0] = 1


def read_of_replaced(path):
    with cat.open(path, "a", locking=False) as array:
        with cat.open(path, "a", locking=False) as other:
            other[0] = 1
        array[0] = 1


def read_all(path):
    with cat.open(path) as array:
        return array[...]


def without_chunk(path):
    os.unlink(f"{path}/00000003.chunk")
    read_all(path)


def with_short_chunk(path):
    os.truncate(f"{path}/00000003.chunk", 9)
    read_all(path)


def with_damage(path):
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        file.write(bytes(300))
    read_all(path)


def of_short_indexes(path):
    for name in ("chunks.b2frame", "chunks.b2frame.copy"):
        os.truncate(f"{path}/{name}", 9)
    cat.open(path)


def cut_and_open(count, **keywords):
    def fail(path):
        cut(path, count)
        cat.open(path, **keywords)

    return fail


# name: what fails, and where
FAILURES = {
    "read only": (write_here, HOMES),
    "locked": (write_beside_a_change, HOMES),
    "lock is text": (lambda path: write_by(path, put_text), HOMES),
    "lock is a directory": (lambda path: write_by(path, os.mkdir), HOMES),
    "taken": (lambda path: cat.zeros((4,), 1, chunks=(2,), urlpath=path), HOMES),
    "two names": (compact_of_two_names, ["file"]),
    "two arrays": (change_of_two_arrays, ["file"]),
    "changed": (read_of_replaced, HOMES),
    "chunk missing": (without_chunk, ["directory"]),
    "chunk short": (with_short_chunk, ["directory"]),
    "chunk damaged": (with_damage, ["file"]),
    "indexes short": (of_short_indexes, ["directory"]),
    "cut": (cut_and_open(1), ["file"]),
    "cut, unchecked": (cut_and_open(1, checksum=False), ["file"]),
    "cut in half": (cut_and_open(30_000), ["file"]),
    "gone": (lambda path: cat.open(path + "x"), HOMES),
    "no folder": (lambda path: cat.zeros((4,), 1, chunks=(2,), urlpath=path + "x/y"), HOMES),
    "mapped": (lambda path: cat.open(path, mmap=True, mode="a"), HOMES),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.mark.skipif(os.name == "nt", reason="links, and other words for a directory that is opened")
@pytest.mark.parametrize("spelling", ["zq7", "./zq7", "../work/zq7", "zl7", "{}/zq7"])
@pytest.mark.parametrize(
    "failure, home", [(name, home) for name, (_, homes) in FAILURES.items() for home in homes]
)
def test_a_message_shows_the_path_as_it_was_given_and_once(folder, failure, home, spelling):
    make("zq7", home)
    os.symlink("zq7", "zl7")
    given = spelling.format(folder)
    with pytest.raises((OSError, ValueError)) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        FAILURES[failure][0](given)
    error = caught.value
    message = str(error)
    if failure == "mapped":
        return
    assert message.count(given) == 1, message
    if given == spelling:
        assert str(folder) not in message, message
    if isinstance(error, OSError):
        assert error.filename.startswith(given)


def test_who_has_the_lock_is_named_in_a_sentence(folder):
    make("zq7")
    refused = []

    def write():
        with cat.open("zq7", "a", lock_timeout=0.05) as array:
            try:
                array[0] = 1
            except cat.LockedError as error:
                refused.append(error.strerror)

    with cat.open("zq7", "a") as array, array.transaction():
        array[0] = 1
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    words = (
        rf"zq7 is locked by another thread of this process, {os.getpid()} \(lock_timeout 0.050 s is over\)"
    )
    assert len(refused) == 1 and re.fullmatch(words, refused[0]), refused


def test_the_working_directory_may_change_and_the_message_stays(folder):
    make("array")
    os.mkdir("elsewhere")
    with cat.open("array", "a") as array:
        os.chdir("elsewhere")
        shutil.move("../array", "../moved")
        with pytest.raises(cat.FileChangedError, match=r"^\[Errno \d+\] array is gone"):
            array[0] = 1


def test_a_directory_may_be_given_with_a_separator_at_its_end(folder):
    make("array/", "directory")
    assert os.listdir() == ["array"]
    with cat.open("array/", "a") as array:
        assert array.urlpath == "array/"
        array[0] = 1
        array.flush()
    assert os.listdir() == ["array"]
    with pytest.raises(FileExistsError, match=r"array: .*a directory of that name"):
        make("array//", "directory")
    with pytest.raises(ValueError, match=r"'new/' ends as the name of a directory does.*contiguous=False"):
        make("new/")
    if os.name != "nt":
        os.symlink("array", "link")
        cat.remove("link/")  # the link alone
    assert os.listdir() == ["array"]
    cat.remove("array/")
    assert os.listdir() == []


def test_a_name_that_is_taken_is_told_by_what_has_it(folder):
    make("file")
    make("directory", "directory")
    for name in ("file", "directory"):
        for contiguous in (True, False):
            words = {
                "file": "a file of that name already",
                "directory": "a directory of that name",
            }
            with pytest.raises(FileExistsError, match=words[name]) as caught:
                cat.zeros((4,), 1, chunks=(2,), urlpath=name, contiguous=contiguous)
            assert caught.value.filename == name
    if os.name != "nt":
        os.symlink("nowhere", "link")
        with pytest.raises(FileExistsError, match=r"leads nowhere.*link"):
            make("link")
        assert not os.path.exists("nowhere")


# -------------------------------------------------------------------- what can be had

ACCEPT, REPAIR, UNCHECKED, NOTHING = (
    "accept_older=True",
    "caterva.repair(path",
    "checksum=False",
    "No second copies can mend it",
)


def try_to(work):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return work()
    except cat.CorruptDataError:
        return None


def content_of(path):
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [(file.name, file.read_bytes()) for file in files]


def check_advice(path):
    """Whether what the message of a failed open promises is so. @return What it says; None: it opens."""
    content = content_of(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cat.open(path, "r").close()
        return None
    except cat.CorruptDataError as error:
        message = str(error)
    assert content_of(path) == content  # looking for what there is writes nothing
    said = [word for word in (REPAIR, UNCHECKED, NOTHING) if word in message]
    unchecked = try_to(lambda: cat.open(path, "r", checksum=False))
    older = ACCEPT in message
    repaired = try_to(lambda: cat.repair(path, accept_older=older))
    if repaired is not None:
        assert said == [REPAIR], message
        with cat.open(path, "r") as array:
            for row, chunk in enumerate(DATA):
                with contextlib.suppress(cat.CorruptDataError):  # a chunk that was hit, too
                    np.testing.assert_array_equal(array[row], chunk)
    else:
        assert REPAIR not in said, message
        assert (UNCHECKED in said) == (unchecked is not None), message
        assert NOTHING in said, message
    if unchecked is not None:
        unchecked.close()
    return said


def damage(content, random):
    """Change some of a file: cut it, or flip bits where all copies of some part are."""
    out = bytearray(content)
    kind = random.integers(4)
    if kind == 0:
        del out[max(len(out) - int(random.choice([1, 17, 40, 300, 900, 5000])), 0) :]
    elif kind == 1:
        for match in re.finditer(rb"\xb2TAG", content):
            out[match.start() - 9] ^= 1 << int(random.integers(8))
    elif kind == 2:
        at = int(random.integers(10, 87))
        for start in [0, *(match.start() + 56 for match in re.finditer(rb"cathead\x1a", content))]:
            out[start + at] ^= 1 << int(random.integers(8))
    else:
        end = min(int(random.integers(1, 1500)), len(out))
        for at in random.integers(len(out) - end, len(out), size=20):
            out[at] ^= 1 << int(random.integers(8))
    return bytes(out)


@pytest.mark.parametrize("checksum", [True, False])
def test_what_a_message_promises_of_a_damaged_file_is_so(tmp_path, checksum):
    content = make(tmp_path / "array", checksum=checksum).read_bytes()
    random = np.random.default_rng(5)
    path = tmp_path / "damaged"
    seen = {}
    for _ in range(150):
        path.write_bytes(damage(content, random))
        said = str(check_advice(path))
        seen[said] = seen.get(said, 0) + 1
        cat.remove(path)
    assert seen.get(str([REPAIR]), 0) > 3 and seen.get(str([NOTHING]), 0) > 3, seen
    assert not checksum or seen.get(str([UNCHECKED, NOTHING]), 0) > 3, seen


@pytest.mark.parametrize("checksum", [True, False])
def test_what_a_message_promises_of_a_damaged_directory_is_so(tmp_path, checksum):
    source = make(tmp_path / "array", "directory", checksum=checksum)
    random = np.random.default_rng(6)
    index = (source / "chunks.b2frame").read_bytes()
    seen = set()
    for _ in range(60):
        path = shutil.copytree(source, tmp_path / "damaged")
        (path / "chunks.b2frame").write_bytes(damage(index, random))
        copied = random.integers(3)
        if copied == 0:
            (path / "chunks.b2frame.copy").unlink()
        elif copied == 1:
            (path / "chunks.b2frame.copy").write_bytes(damage(index, random))
        seen.add(str(check_advice(path)))
        shutil.rmtree(path)
    assert {str(None), str([NOTHING])} <= seen, seen


def test_what_is_no_array_gets_no_advice(tmp_path):
    path = tmp_path / "text"
    path.write_text("a text of some length, in which there is no array. " * 10)
    with pytest.raises(cat.CorruptDataError) as caught:
        cat.open(path)
    assert "second copies" not in str(caught.value) and str(caught.value).count(str(path)) == 1


def test_refused_repairs_say_that_the_copies_were_looked_at(tmp_path):
    path = make(tmp_path / "array")
    os.truncate(path, os.path.getsize(path) // 2)
    with pytest.raises(cat.CorruptDataError, match=NOTHING):
        cat.repair(path)
