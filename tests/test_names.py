"""Names of arrays: links, long names, what is left beside them; and what a file is besides its bytes."""

import contextlib
import os
import resource
import signal
import stat
import subprocess
import sys
import tarfile
import threading
import traceback

import numpy as np
import pytest
from support import sample

import caterva as cat

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")

DATA = sample((24, 10), "<i4")
HOMES = ["file", "directory"]
NOBODY = 65534


def make(path, home="file", **keywords):
    array = cat.asarray(
        DATA, chunks=(6, 10), blocks=(3, 5), urlpath=path, contiguous=home == "file", **keywords
    )
    array.close()
    return path


def change(path, row=0, value=5):
    with cat.open(path, "a") as array:
        array[row] = value


def names_beside(path):
    return sorted(os.listdir(os.path.dirname(path)))


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def masked():
    """A mask that lets nobody else read."""
    before = os.umask(0o077)
    yield
    os.umask(before)


# -------------------------------------------------------------------- links


@pytest.mark.parametrize("home", HOMES)
def test_a_writer_by_a_link_and_one_by_the_path_exclude_each_other(tmp_path, home):
    target = make(tmp_path / "real" if home == "directory" else tmp_path / "real.b2nd", home)
    link = tmp_path / "link"
    link.symlink_to(target.name)
    refused = []

    def write():
        with cat.open(link, "a", lock_timeout=0.05) as other:
            try:
                other[1] = 7
            except cat.LockedError as error:
                refused.append(str(error))

    with cat.open(target, "a") as array, array.transaction():
        array[0] = 5
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert len(refused) == 1 and str(link) in refused[0]
    change(link, 1, 7)
    with cat.open(target) as array:
        assert (array[0] == 5).all() and (array[1] == 7).all()
    assert not os.path.lexists(f"{link}.b2lock")


@pytest.mark.parametrize("home", HOMES)
def test_changes_by_a_link_are_made_where_it_leads_and_it_stays_a_link(tmp_path, home):
    (tmp_path / "far").mkdir()
    target = make(tmp_path / "far" / "array", home)
    link = tmp_path / "link"
    link.symlink_to(target)
    with cat.open(link, "a") as array:
        array[0] = 5
        array.compact()
        link.unlink()  # resolved once: it may lead elsewhere by now
        link.symlink_to("nowhere")
        array[1] = 6
        array.compact()
        array.append(DATA[:6])
        array.flush()
        assert array.urlpath == str(link)
    assert link.is_symlink() and names_beside(link) == ["far", "link"]
    with cat.open(target) as array:
        assert (array[0] == 5).all() and (array[1] == 6).all() and array.shape == (30, 10)


def test_the_name_of_a_link_that_leads_nowhere_is_taken(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    with pytest.raises(FileExistsError, match="link"):
        make(link)
    with pytest.raises(FileNotFoundError, match="link"):
        cat.open(link)
    assert names_beside(link) == ["link"]


@pytest.mark.parametrize("home", HOMES)
def test_a_new_array_is_made_where_its_folder_led_when_it_was_begun(tmp_path, home):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    folder = tmp_path / "folder"
    folder.symlink_to("first")
    make(folder / "array", home)
    assert "array" in os.listdir(tmp_path / "first")
    with cat.open(folder / "array", "a") as array:
        folder.unlink()
        folder.symlink_to("second")
        array[0] = 5
    assert os.listdir(tmp_path / "second") == []
    with cat.open(tmp_path / "first" / "array") as array:
        assert (array[0] == 5).all()


# -------------------------------------------------------------------- modes, owners, attributes


def dress(path):
    """Give a file a mode, an owner and an attribute of its own. @return What look() then sees."""
    os.chmod(path, 0o640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 2345)
    if hasattr(os, "setxattr"):
        with contextlib.suppress(OSError):  # not on this file system
            os.setxattr(path, "user.note", b"kept")
    return look(path)


def look(path):
    info = os.stat(path)
    try:
        note = os.getxattr(path, "user.note")
    except (AttributeError, OSError):
        note = None
    return stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, note


def test_compact_keeps_mode_owner_and_attributes(tmp_path, masked):
    path = make(tmp_path / "array.b2nd")
    expected = dress(path)
    with cat.open(path, "a") as array:
        array[0] = 5
        before = os.stat(path).st_ino
        array.compact()
        assert os.stat(path).st_ino != before
        array[1] = 6
    assert look(path) == expected


@pytest.mark.parametrize("durability", ["order", "fsync"])
def test_files_in_a_directory_keep_mode_and_owner_and_new_ones_have_them(tmp_path, masked, durability):
    path = make(tmp_path / "array", "directory")
    index = path / "chunks.b2frame"
    for file in path.iterdir():
        expected = dress(file)
    with cat.open(path, "a", durability=durability) as array:
        array[:8] = 5
        array.append(DATA)
        array.flush()
        array[0] = 6
    assert look(index) == expected
    files = [file for file in path.iterdir() if file.suffix == ".chunk"]
    assert len(files) >= 8 and {look(file)[:3] for file in files} == {expected[:3]}
    assert all(mode_of(file) == 0o640 for file in path.iterdir() if file.name.startswith("chunks."))


@pytest.mark.parametrize("home", HOMES)
def test_the_lock_file_may_be_written_by_whom_the_array_may(tmp_path, masked, home):
    path = make(tmp_path / "array", home)
    lock = path / ".b2lock" if home == "directory" else tmp_path / "array.b2lock"
    os.chmod(path, 0o664 if home == "file" else 0o775)
    change(path)
    assert mode_of(lock) == 0o664
    os.chmod(path, 0o600 if home == "file" else 0o700)
    change(path)
    assert mode_of(lock) == 0o600


def as_nobody(work):
    """Whether `work` returns in a child that is another user."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root alone may be others")
@pytest.mark.parametrize("home", HOMES)
def test_two_users_of_a_group_write_to_one_array(tmp_path, masked, home):
    for parent in tmp_path.parents:
        if parent.stat().st_uid == 0 and mode_of(parent) & 0o011 == 0:
            os.chmod(parent, mode_of(parent) | 0o011)
    os.chmod(tmp_path, 0o770)
    os.chown(tmp_path, 0, NOBODY)
    path = make(tmp_path / "array", home)
    for file in [path, *(path.iterdir() if home == "directory" else [])]:
        os.chown(file, 0, NOBODY)
        os.chmod(file, 0o770 if file.is_dir() else 0o660)
    change(path, 0, 5)  # root makes the lock file
    assert as_nobody(lambda: change(path, 1, 6))
    change(path, 2, 7)
    assert as_nobody(lambda: change(path, 3, 8))
    with cat.open(path) as array:
        assert [int(array[row, 0]) for row in range(4)] == [5, 6, 7, 8]


def lock_of(path):
    return path / ".b2lock" if path.is_dir() else path.with_name(path.name + ".b2lock")


def put_no_lock(lock, kind, elsewhere):
    """Put something that is no lock file at the name of one. @return The file whose bytes must stay."""
    contents = {
        "link": b"",
        "long link": bytes(4096),
        "text": b"password",
        "long": bytes(129),
        "zeros, then text": bytes(16) + b"mine",
    }
    lock.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(lock)
    elif "link" in kind:
        elsewhere.write_bytes(contents[kind])
        os.link(elsewhere, lock)
    else:
        lock.write_bytes(contents[kind])
    return lock


@pytest.mark.parametrize("kind", ["link", "long link", "text", "long", "zeros, then text", "pipe"])
@pytest.mark.parametrize("home", HOMES)
def test_what_is_not_a_lock_file_is_not_written(tmp_path, home, kind):
    path = make(tmp_path / "array", home)
    os.chmod(path, 0o777)
    lock = put_no_lock(lock_of(path), kind, tmp_path / "elsewhere")
    os.chmod(lock, 0o600)
    content = None if kind == "pipe" else lock.read_bytes()
    with cat.open(path, "a") as array:
        for _ in range(2):
            with pytest.raises(
                cat.StorageError, match=r"not a lock file.*Rename or remove it.*locking=False"
            ) as caught:
                array[0] = 5
            assert str(lock) in str(caught.value) and caught.value.filename == str(lock)
        np.testing.assert_array_equal(array[...], DATA)
    assert mode_of(lock) == 0o600
    with cat.open(path, "a", locking=False) as array:
        array[0] = 5
    if content is not None:
        assert lock.read_bytes() == content
    if home == "file" and kind != "pipe":
        cat.remove(path)
        assert lock.read_bytes() == content  # it was none of ours
    elif "long" in kind:
        with pytest.raises(ValueError, match="b2lock"):
            cat.remove(path)
        assert lock.read_bytes() == content


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize(
    "content", [b"", bytes(8), bytes(12), bytes(8) + b"\x07" + bytes(7), bytes(128), bytes(16) + b"cat"]
)
def test_short_and_empty_lock_files_are_taken(tmp_path, home, content):
    path = make(tmp_path / "array", home)
    lock_of(path).write_bytes(content)
    change(path)
    assert len(lock_of(path).read_bytes()) == 128
    with cat.open(path) as array:
        assert (array[0] == 5).all()


@pytest.mark.parametrize("home", HOMES)
def test_a_lock_file_of_python_blosc2_is_taken_and_given_back(tmp_path, home):
    blosc2 = pytest.importorskip("blosc2")
    path = tmp_path / "array.b2nd"
    theirs = blosc2.asarray(
        DATA, chunks=(6, 10), blocks=(3, 5), urlpath=str(path), contiguous=home == "file", locking=True
    )
    theirs[1] = 6
    before = lock_of(path).read_bytes()
    assert len(before) == 16
    change(path)
    after = lock_of(path).read_bytes()
    assert after[:8] == before[:8] and after[8:16] != before[8:16]
    again = blosc2.open(str(path), mode="a", locking=True)
    again[2] = 7
    with cat.open(path) as array:
        assert [int(array[row, 0]) for row in range(3)] == [5, 6, 7]
    change(path, 3, 8)


def test_compact_refuses_a_file_with_two_names(tmp_path):
    path = make(tmp_path / "array.b2nd")
    os.link(path, tmp_path / "other.b2nd")
    content = path.read_bytes()
    with cat.open(path, "a") as array:
        with pytest.raises(ValueError, match=r"2 names \(hard links\)") as caught:
            array.compact()
        assert str(path) in str(caught.value)
        assert path.read_bytes() == content
        (tmp_path / "other.b2nd").unlink()
        array.compact()
    with cat.open(path) as array:
        np.testing.assert_array_equal(array[...], DATA)


# -------------------------------------------------------------------- files of several arrays


def frame_of(path, **keywords):
    """The bytes of an array's file, with its second copies, or those of `to_bytes`."""
    if not keywords.pop("exports", False):
        return make(path, **keywords).read_bytes()
    return cat.asarray(DATA, chunks=(6, 10), blocks=(3, 5)).to_bytes()


def padding(kind, first):
    noise = np.random.default_rng(1).integers(0, 256, 600_000, dtype="u1").tobytes()
    sector = {"512": 512, "4096": 4096}.get(kind)
    if sector:
        return bytes(-len(first) % sector or sector)
    return {"none": b"", "1": bytes(1), "7": b"\x9e" * 7, "noise": noise, "zeros": bytes(600_001)}[kind]


PADDINGS = ["none", "1", "7", "512", "4096", "noise", "zeros"]
OPERATIONS = {
    "write": lambda array: array.__setitem__(0, 5),
    "compact": lambda array: array.compact(),
    "append": lambda array: array.append(DATA),
    "attributes": lambda array: array.attrs.__setitem__("k", "v" * 5000),
    "metalayer": lambda array: array.vlmeta.__setitem__("k", b"v" * 5000),
    "resize": lambda array: array.resize((3, 10)),
}


@pytest.mark.parametrize("exports", [False, True])
@pytest.mark.parametrize("kind", PADDINGS)
def test_an_array_that_another_one_follows_in_its_file_is_not_changed(tmp_path, kind, exports):
    frame = frame_of(tmp_path / "one", exports=exports)
    start = len(frame) + len(padding(kind, frame))
    whole = frame + padding(kind, frame) + frame
    path = tmp_path / "both.b2nd"
    path.write_bytes(whole)
    for operate in OPERATIONS.values():
        with cat.open(path) as array:
            with pytest.raises(cat.StorageError, match=f"byte {start} .*file of its own"):
                operate(array)
            np.testing.assert_array_equal(array[...], DATA)
            array.flush()
    with contextlib.suppress(cat.StorageError):  # nothing is to be mended, or it is refused
        cat.repair(path)
    with cat.open(path) as array, contextlib.suppress(cat.StorageError):
        array.verify(adopt=True)
    with pytest.raises(ValueError, match=f"byte {start} .*not removed"):
        cat.remove(path)
    assert path.read_bytes() == whole
    with cat.open(path, offset=start) as second:
        np.testing.assert_array_equal(second[...], DATA)
        with pytest.raises(cat.StorageError):
            second.compact()


@pytest.mark.parametrize("locking", [True, False])
@pytest.mark.parametrize("commits", [0, 3])
def test_an_array_that_was_added_to_an_open_file_is_not_overwritten(tmp_path, commits, locking):
    second = frame_of(tmp_path / "second")
    path = make(tmp_path / "array.b2nd")
    with cat.open(path, "a", locking=locking) as array:
        for row in range(commits):
            array[row] = row
        with open(path, "ab") as file:
            file.write(bytes(100) + second)
        whole = path.read_bytes()
        for operate in OPERATIONS.values():
            with pytest.raises(cat.StorageError):
                operate(array)
        array.flush()
    assert path.read_bytes() == whole
    os.truncate(path, len(whole) - len(second))  # it is gone again
    change(path, 5, 77)
    with cat.open(path) as array:
        assert (array[5] == 77).all()


@pytest.mark.parametrize("count", [1, 10, 40])
def test_remove_leaves_a_file_of_two_arrays_whose_start_is_damaged(tmp_path, count):
    frame = frame_of(tmp_path / "one")
    path = tmp_path / "both.b2nd"
    path.write_bytes(frame + bytes(100) + frame)
    damage(path, count)
    with pytest.raises(ValueError, match=f"byte {len(frame) + 100} "):
        cat.remove(path)
    (tmp_path / "link").symlink_to(path)
    cat.remove(tmp_path / "link")  # the link alone
    assert path.exists()


CRASH = """
import os, sys
import numpy as np
import caterva as cat
array = cat.open(sys.argv[1], "a", checksum=sys.argv[2] == "True")
frames = np.load(sys.argv[3])
for _ in range(3):
    array[...] = frames
    array.vlmeta["frame"] = frames[:2000].tobytes()
if sys.argv[4] == "inside":
    transaction = array.transaction()
    transaction.__enter__()
    array[...] = frames[::-1].copy()[::-1]
    array.vlmeta["frame"] = frames[:3000].tobytes()
os._exit(0)
"""


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("crash", ["inside", "after"])
def test_arrays_that_are_inside_of_what_an_array_holds_are_no_second_array(tmp_path, checksum, crash):
    """What is not compressed shows frames in the file: behind its own after a crash, or beside a reader."""
    content = frame_of(tmp_path / "one", exports=True)
    frames = np.frombuffer((content + bytes(100)) * 40, dtype="u1")
    np.save(tmp_path / "frames.npy", frames)
    path = tmp_path / "array.b2nd"
    chunk = len(frames) // 3 + 1
    keywords = {"clevel": 0, "filters": [], "checksum": checksum}
    cat.asarray(frames, chunks=(chunk,), blocks=(chunk,), urlpath=path, **keywords).close()
    for _ in range(3):
        subprocess.run(
            [sys.executable, "-P", "-c", CRASH, path, str(checksum), tmp_path / "frames.npy", crash],
            check=True,
        )
        assert path.read_bytes().count(b"\x9e\xa8b2frame\0") > 50
        with cat.open(path, "a", checksum=checksum) as array:
            array[:10] = 7
            np.testing.assert_array_equal(array[10:], frames[10:])
    with cat.open(path, "a", checksum=checksum) as writer, cat.open(path, "r") as reader:
        writer.resize((5,))  # what the reader needs stays, behind the frame
        for value in range(4):
            with cat.open(path, "a", checksum=checksum) as other:
                other[:] = value
            writer[:] = value
        np.testing.assert_array_equal(reader[10:], frames[10:])
    cat.remove(path)


# -------------------------------------------------------------------- what dead writers leave

BEGIN = """
import sys, time
from caterva import _core
from caterva.dtypes import items_of
from caterva.storage import Storage
path, home = sys.argv[1:3]
storage = Storage.parse({"urlpath": path, "contiguous": home == "file", "chunks": (4,), "blocks": (2,)})
handle = _core.ArrayHandle.create(**storage.describe((8,), items_of(4, None)), fill=0, fill_value=None)
print("ready", flush=True)
time.sleep(600)
"""

LOCK = """
import sys, time
import caterva as cat
with cat.open(sys.argv[1], "a") as array, array.transaction():
    array[0] = 1
    print("ready", flush=True)
    time.sleep(600)
"""


def start(program, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", program, *map(str, arguments)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def temporaries(path):
    return [name for name in names_beside(path) if ".tmp-" in name]


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("home", HOMES)
def test_what_a_killed_constructor_left_goes_with_the_next_one_and_a_living_ones_stays(tmp_path, home, long):
    path = tmp_path / ("n" * 250 if long else "array")
    first = start(BEGIN, path, home)
    living = start(BEGIN, path, home)
    assert len(temporaries(path)) == 2
    kill(first)
    others = ["array.tmp-1", "array.tmp-999999-0011223344556677", "array.tmp-x-00112233", "other.tmp-1-0011"]
    for name in others:
        (tmp_path / name).write_bytes(b"not ours, or of another host")
    make(path, home)
    left = [name for name in temporaries(path) if name not in others]
    assert len(left) == 1 and f".tmp-{living.pid}-" in left[0]
    assert set(others) < set(names_beside(path))
    kill(living)
    cat.remove(path)
    assert names_beside(path) == sorted(others)


def test_what_a_killed_writer_left_goes_with_the_next_change(tmp_path):
    path = make(tmp_path / "array.b2nd")
    kill(start(BEGIN, tmp_path / "other.b2nd", "file"))
    (left,) = temporaries(path)
    os.rename(tmp_path / left, tmp_path / left.replace("other", "array"))  # as if it had been in compact()
    change(path)
    assert len(temporaries(path)) == 1  # nobody died with the lock
    kill(start(LOCK, path))
    change(path)
    assert temporaries(path) == []


# -------------------------------------------------------------------- long names


@pytest.mark.parametrize("bytes_in_name", [230, 248, 249, 255])
@pytest.mark.parametrize("home", HOMES)
def test_names_up_to_the_systems_limit_work(tmp_path, home, bytes_in_name):
    path = tmp_path / ("é" * 10 + "n" * (bytes_in_name - 20))
    make(path, home)
    with cat.open(path, "a") as array:
        array[0] = 5
        array.compact()
        array.append(DATA)
        caught = []
        with array.transaction():
            array[1] = 6
            thread = threading.Thread(target=lambda: caught.append(try_to_write(path)))
            thread.start()
            thread.join()
        assert isinstance(caught[0], cat.LockedError) and str(path) in str(caught[0])
    with cat.open(path) as array:
        assert (array[0] == 5).all() and (array[1] == 6).all() and array.shape == (48, 10)
    cat.remove(path)
    assert names_beside(path) == []


def try_to_write(path):
    try:
        with cat.open(path, "a", lock_timeout=0.05) as array:
            array[0] = 9
    except cat.CatervaError as error:
        return error
    return None


# -------------------------------------------------------------------- messages


@pytest.mark.parametrize("name", ["array", "n" * 250])
@pytest.mark.parametrize("home", HOMES)
def test_errors_name_the_file_that_the_user_gave(tmp_path, home, name):
    noise = np.random.default_rng(0).integers(0, 256, 2**18, dtype="u1")
    path, link = tmp_path / name, tmp_path / "link"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    errors = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, before[1]))
    try:
        with pytest.raises(cat.StorageError) as caught:
            cat.asarray(noise, chunks=(2**17,), blocks=(2**12,), urlpath=path, contiguous=home == "file")
        errors.append((caught.value, path))
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        cat.asarray(noise, chunks=(2**17,), blocks=(2**12,), urlpath=path, contiguous=home == "file").close()
        link.symlink_to(path.name)
        with cat.open(link, "a") as array:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, before[1]))
            for work in [lambda: array.__setitem__(slice(None), noise[::-1]), array.compact]:
                if home == "directory" and work == array.compact:
                    continue
                with pytest.raises(cat.StorageError) as caught:
                    work()
                errors.append((caught.value, link))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    for error, given in errors:
        assert str(given) in str(error) and ".tmp-" not in str(error) and "b2-" not in str(error)
        assert error.filename.startswith(str(given)) and ".tmp-" not in error.filename
    assert temporaries(path) == []


# -------------------------------------------------------------------- removing


def damage(path, count):
    content = bytearray(path.read_bytes())
    content[:count] = bytes(count)
    path.write_bytes(content)


@pytest.mark.parametrize("count", [1, 10, 100, 512, 4096])
def test_remove_removes_damaged_files_of_arrays(tmp_path, count):
    path = tmp_path / "array.b2nd"
    noise = np.random.default_rng(0).integers(0, 256, 2**16, dtype="u1")
    cat.asarray(noise, chunks=(2**12,), blocks=(2**10,), urlpath=path).close()
    change(path)
    damage(path, count)
    cat.remove(path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("lost", ["chunks.b2frame", "chunk", "content"])
def test_remove_removes_damaged_directories_of_arrays(tmp_path, lost):
    path = make(tmp_path / "array", "directory")
    change(path)
    if lost == "content":
        (path / "chunks.b2frame").write_bytes(b"")
    else:
        next(file for file in path.iterdir() if file.name == lost or file.suffix == f".{lost}").unlink()
    cat.remove(path)
    assert os.listdir(tmp_path) == []


def test_remove_leaves_all_that_is_no_array(tmp_path):
    inside = make(tmp_path / "inside.b2nd")
    change(inside)
    content = inside.read_bytes()
    inside.unlink()
    (tmp_path / "inside.b2nd.b2lock").unlink()
    for name, what in {
        "empty": b"",
        "text": b"b2frame",
        "zeros": bytes(2**17),
        "behind something": bytes(4096) + content,
        "magic": b"cathead\x1a" * 1000,
    }.items():
        (tmp_path / name).write_bytes(what)
    source = tmp_path / "source"
    source.mkdir()
    (source / "array.b2nd").write_bytes(content)
    (source / "note").write_bytes(bytes(3584))
    with tarfile.open(tmp_path / "archive.tar", "w") as archive:
        for name in ("note", "array.b2nd", "array.b2nd"):
            archive.add(source / name)
    (tmp_path / "folder").mkdir()
    mixed = make(tmp_path / "mixed", "directory")
    (mixed / "notes.txt").write_text("mine")
    nested = make(tmp_path / "nested", "directory")
    (nested / "00000009.chunk").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "to text").symlink_to("text")
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    for name in os.listdir(tmp_path):
        with pytest.raises(ValueError, match="not removed") as caught:
            cat.remove(tmp_path / name)
        assert name in str(caught.value)
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before
    cat.remove(tmp_path / "missing")


@pytest.mark.parametrize("home", HOMES)
def test_remove_of_a_link_leaves_the_array_that_it_leads_to(tmp_path, home):
    path = make(tmp_path / "array", home)
    change(path)
    (tmp_path / "link").symlink_to("array")
    before = [name for name in names_beside(path) if name != "link"]
    cat.remove(tmp_path / "link")
    assert names_beside(path) == before
    with cat.open(path) as array:
        assert (array[0] == 5).all()


def test_remove_of_a_directory_follows_no_link_out_of_it(tmp_path):
    path = make(tmp_path / "array", "directory")
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    (path / "00000077.chunk").symlink_to(outside)
    cat.remove(path)
    assert os.listdir(tmp_path) == ["outside"] and outside.read_bytes() == b"mine"
