"""What `verify` and `repair` say of metadata: what is lost, what is in doubt, and what each way out does."""

import contextlib
import io
import os
import re
import shutil
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import refdecode

import caterva as cat
from caterva.__main__ import main

INDEX, COPY = "chunks.b2frame", "chunks.b2frame.copy"
HOMES = ["file", "directory"]
ROWS, COLUMNS = 40, 30


def values(seed=0):
    return np.random.default_rng(seed).integers(0, 1 << 30, (ROWS, COLUMNS)).astype("i4")


@pytest.fixture(params=HOMES)
def path(request, tmp_path):
    return tmp_path / f"{request.param}.b2nd"


def is_directory(path):
    return path.name.startswith("directory")


def make(path, **keywords):
    """Make an array of chunks that do not compress: each of them always has as many bytes."""
    return cat.asarray(
        values(), chunks=(10, 30), blocks=(5, 30), urlpath=path, contiguous=not is_directory(path), **keywords
    )


def metadata_file(path):
    return path / INDEX if is_directory(path) else path


def header_bytes(path):
    return refdecode.open_frame(os.fspath(path)).header_len


def leave(path, change):
    """Make an array, and what a process leaves that has changed it, and died before a flush."""
    made = path.parent / f"{path.stem}-of-others.b2nd"
    array = cat.asarray(
        values(), chunks=(10, 30), blocks=(5, 30), urlpath=made, contiguous=not is_directory(path)
    )
    array.flush()
    change(array)
    (shutil.copytree if is_directory(path) else shutil.copy)(made, path)
    later = array[...].copy()
    array.close()
    return later


def overwrite(file, at, content):
    """Change a file in its place, as a medium does, but for its time."""
    with open(file, "r+b") as stream:
        stream.seek(at)
        stream.write(content)


def flip(file, at, bits=0x10):
    overwrite(file, at, bytes([file.read_bytes()[at] ^ bits]))


def state(path):
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.name: file.read_bytes() for file in files if file.suffix != ".b2lock"}


def put_back(path, files):
    for name, content in files.items():
        (path / name if path.is_dir() else path).write_bytes(content)


def opened(path, mode="r"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        array = cat.open(path, mode=mode)
    return array, [(warning.category, str(warning.message)) for warning in caught]


def command(*words):
    """Run the command, in this process: its status, and what it prints."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            status = main(["verify", *map(str, words)])
        except SystemExit as end:
            status = end.code
    return SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=errors.getvalue())


# ---------------------------------------------------------------- an older state


def write_noise(array):
    array[0:10] = values(1)[0:10]


def damage_last_state(path):
    """Damage what says where the last state is: the one before it, which was flushed, is opened."""
    if is_directory(path):
        metadata_file(path).write_bytes(b"")
    else:
        flip(path, 17)  # frame_len


def test_nothing_makes_an_older_state_the_last_one_unasked(path):
    leave(path, write_noise)
    damage_last_state(path)
    before = state(path)
    array, caught = opened(path, "a")
    assert [kind for kind, _ in caught] == [cat.RecoveredWarning]
    assert "accept_older=True" in caught[0][1] and "last flush" in caught[0][1]
    with array:
        np.testing.assert_array_equal(array[...], values())
        found = array.verify()
        assert found.is_older and not found.ok and not found.repaired
        assert "is lost" in str(found) and "accept_older" in str(found)
        for mend in (lambda: array.verify(repair=True), lambda: cat.repair(path)):
            with pytest.raises(cat.CorruptDataError, match=f"{path.name}.*is lost.*accept_older=True"):
                mend()
        with pytest.raises(ValueError, match="accept_older"):
            array.verify(accept_older=True)
    for words in ((), ("--quiet",), ("--repair",), ("--repair", "--quiet"), ("--adopt",)):
        done = command(*words, path)
        assert done.returncode == 1, words
        assert "is lost" in done.stdout, words
        assert ("accept-older" in done.stderr) == ("--repair" in words)
    assert command("--accept-older", path).returncode == 2  # of argparse: it is of no use alone
    assert state(path) == before


@pytest.mark.parametrize("way", ["repair", "verify", "command", "change"])
def test_an_older_state_can_be_accepted(path, way):
    leave(path, write_noise)
    damage_last_state(path)
    expected = values()
    if way == "command":
        done = command("--repair", "--accept-older", path)
        assert done.returncode == 0 and "is lost" in done.stdout and "with the older state" in done.stdout
    elif way == "repair":
        found = cat.repair(path, accept_older=True)
        assert found.is_older and found.repaired and found.ok and "is lost" in str(found)
    else:
        array, _ = opened(path, "a")
        with array:
            if way == "verify":
                found = array.verify(repair=True, accept_older=True)
                assert found.is_older and found.repaired and found.ok
            else:
                array[39] = expected[39] = 5
            found = array.verify()  # of the same handle: it is accepted
            assert (found.ok, found.is_older, found.metadata) == (True, False, ())
            assert not array.verify(repair=True).repaired
    array, caught = opened(path)
    with array:
        assert not caught
        np.testing.assert_array_equal(array[...], expected)
        found = array.verify()
        assert found.ok and found.twice and not found.is_older
    assert command(path).returncode == 0


def test_a_handle_that_has_accepted_an_older_state_takes_no_older_one_again(path):
    leave(path, write_noise)
    damage_last_state(path)
    array, _ = opened(path, "a")
    with array:
        array.flush()
        array[20] = 7
        damage_last_state(path)
        for call in (array.refresh, lambda: array.__setitem__(0, 1)):
            with warnings.catch_warnings(), pytest.raises(cat.CorruptDataError):
                warnings.simplefilter("error")
                call()
        assert (array[20] == 7).all()
        with contextlib.suppress(cat.CorruptDataError):
            array.close()


# ---------------------------------------------------------------- an index that was cut


def directories(tmp_path):
    return tmp_path / "directory.b2nd"


def cuts(count):
    return [*range(0, count, 9), *range(count - 20, count), None]


def cut(path, whole, count):
    index = path / INDEX
    if count is None:
        index.unlink(missing_ok=True)
    elif not index.exists():
        index.write_bytes(whole[:count])
    else:
        overwrite(index, 0, whole)
        os.truncate(index, count)


@pytest.mark.parametrize("has_layers", [False, True])
def test_what_is_left_of_a_cut_index_proves_what_it_can(tmp_path, has_layers):
    path = directories(tmp_path)
    array = make(path)
    if has_layers:
        array.attrs["note"] = "of a later state there may be another one"
    array.close()
    whole, header = (path / INDEX).read_bytes(), header_bytes(path)
    proven = 0
    for count in cuts(len(whole)):
        cut(path, whole, count)
        array, caught = opened(path)
        assert [kind for kind, _ in caught] == [cat.RecoveredWarning]
        np.testing.assert_array_equal(array[...], values())
        array.close()
        text = caught[0][1]
        least = len(whole) - 17 if has_layers else header
        is_same = count is not None and count >= least
        assert ("Nothing is lost" in text) == is_same, count
        assert ("if anything was" in text) == (not is_same), count
        if is_same:
            proven += 1
            assert cat.repair(path).repaired
        else:
            with pytest.raises(cat.CorruptDataError, match="if anything was"):
                cat.repair(path)
            assert cat.repair(path, accept_older=True).repaired
        array, caught = opened(path)
        assert not caught and array.verify().ok
        array.close()
        assert (path / INDEX).read_bytes() == whole
    assert proven >= 17


def other_noise(array):
    array[0:10] = np.roll(array[0:10], 1)


def other_layer(array):
    array.attrs["note"] = "b"


def other_special(array):
    array[10:20] = np.nan


@pytest.mark.parametrize("change", [other_noise, other_layer, other_special], ids=lambda it: it.__name__)
def test_a_cut_index_of_a_later_state_is_never_taken_for_the_flushed_one(tmp_path, change):
    """Headers and sizes are the same, and many of the bytes."""
    path = directories(tmp_path)
    data = np.random.default_rng(2).random((ROWS, COLUMNS), dtype="f4")
    if change is other_special:
        data[10:20] = 0
    array = cat.asarray(data, chunks=(10, 30), clevel=0, urlpath=path, contiguous=False)
    if change is other_layer:
        array.attrs["note"] = "a"
    array.flush()
    flushed = (path / INDEX).read_bytes()
    change(array)
    later, header = (path / INDEX).read_bytes(), header_bytes(path)
    assert later != flushed and len(later) == len(flushed)
    assert later[:header] == flushed[:header] or change is other_special
    for count in cuts(len(later)):
        cut(path, later, count)
        again, caught = opened(path)
        np.testing.assert_array_equal(again[...], data)
        again.close()
        assert "if anything was" in caught[0][1], count
        with pytest.raises(cat.CorruptDataError, match="accept_older"):
            cat.repair(path)
    cut(path, later, len(later))
    array.close()


def test_an_index_with_a_later_fingerprint_is_of_a_later_state_whatever_else_it_says(tmp_path):
    """One bit tells one chunk file from another: a flip may make all else what it was."""
    path = directories(tmp_path)
    array = make(path)
    array.flush()
    flushed = (path / INDEX).read_bytes()
    write_noise(array)
    later = (path / INDEX).read_bytes()
    assert len(later) == len(flushed) and later[-17:] != flushed[-17:]
    for fingerprint, is_same in ((later[-17:], False), (flushed[-17:-1] + b"\x07", True)):
        overwrite(path / INDEX, 0, flushed[:-17] + fingerprint)
        again, caught = opened(path)
        np.testing.assert_array_equal(again[...], values())
        again.close()
        assert ("Nothing is lost" in caught[0][1]) == is_same
    overwrite(path / INDEX, 0, later)
    array.close()


# ---------------------------------------------------------------- a header that may be another library's


def soft_places(path):
    """Bytes of the header that another library may change in place, and bits: parameters, dtype, shape."""
    raw, length = metadata_file(path).read_bytes(), header_bytes(path)
    shape = raw.rindex(b"\xd3" + ROWS.to_bytes(8, "big"), 0, length) + 8
    return [(27, 1), (63, 1), (71, 1), (raw.index(b"<i4", 0, length) + 1, 0x1C), (shape, 0x0E), (shape, 0x80)]


def test_a_header_that_differs_from_its_copy_is_in_doubt_and_both_ways_out_work(path):
    make(path).close()
    whole = state(path)
    for at, bits in soft_places(path):
        for way in ("repair", "verify", "adopt"):
            flip(metadata_file(path), at, bits)
            damaged = metadata_file(path).read_bytes()
            array, caught = opened(path, "a")
            texts = [text for kind, text in caught if kind is cat.UnverifiedWarning]
            if not texts:  # it makes no array: the copy was taken
                assert [kind for kind, _ in caught] == [cat.RecoveredWarning] and bits == 0x80
                array.close()
                put_back(path, whole)
                break
            assert bits != 0x80
            assert "another library" in texts[0].lower() and "damaged" in texts[0]
            assert "repair(path)" in texts[0] and "verify(adopt=True)" in texts[0]
            found = array.verify()
            assert (found.ok, found.is_in_doubt, found.is_damaged) == (False, True, False)
            difference = re.search(r"0x(..), and 0x(..)", found.metadata[0])
            right = whole[metadata_file(path).name][at]
            assert [int(value, 16) for value in difference.groups()] == [damaged[at], right]
            assert f"byte {at}" in found.metadata[0] and "expected" not in str(found)
            assert "repair(path)" in str(found)
            done = command(path)
            assert done.returncode == 3 and "repair(path)" in done.stdout
            if way == "adopt":
                adopted = array.verify(adopt=True)
                assert adopted.adopted and adopted.ok and "without checksums" not in str(adopted)
            array.close()
            if way == "repair":
                assert cat.repair(path).repaired
            elif way == "verify":
                array, _ = opened(path, "a")
                with array:
                    assert array.verify(repair=True).ok
            now = metadata_file(path).read_bytes()[at]
            assert now == (damaged[at] if way == "adopt" and at != 63 else right)  # 63: of the writer
            array, caught = opened(path)
            assert not caught and array.verify().ok
            array.close()
            assert command(path).returncode == 0
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            make(path).close()
            whole = state(path)


def test_the_gravest_status_is_that_of_the_command(path, tmp_path):
    good, soft = tmp_path / "good.b2nd", path
    cat.zeros((4,), 4, chunks=(2,), urlpath=good).close()
    make(soft).close()
    flip(metadata_file(soft), 27, 1)
    missing = tmp_path / "missing.b2nd"
    assert command(soft, good).returncode == 3
    assert command(soft, missing).returncode == command(missing, soft).returncode == 2
    bad = tmp_path / "bad.b2nd"
    cat.zeros((4,), 4, chunks=(2,), urlpath=bad).close()
    with cat.open(bad) as array:
        array[...] = b"abcd"
    flip(bad, 20)
    assert (
        command(bad).returncode == command(soft, bad).returncode == command(bad, soft, good).returncode == 1
    )


@pytest.mark.parametrize("home", HOMES)
def test_without_a_copy_a_changed_header_is_what_it_was(tmp_path, home):
    path = tmp_path / f"{home}.b2nd"
    make(path).close()
    raw, header = metadata_file(path).read_bytes(), header_bytes(path)
    if home == "directory":
        (path / COPY).unlink()
    else:
        for at in [place for place in range(header, len(raw)) if raw[place : place + 3] == b"cat"]:
            flip(path, at)
    flip(metadata_file(path), 27, 1)
    array, caught = opened(path)
    assert "verify(adopt=True)" in caught[0][1] and "repair" not in caught[0][1]
    with array:
        found = array.verify()
        assert found.ok and found.is_foreign and not found.is_in_doubt
    assert command(path).returncode == 0


def test_a_copy_of_another_state_puts_no_header_in_doubt(path):
    """It is right that it says otherwise."""
    leave(path, lambda array: array.__setitem__(slice(0, 10), values(1)[0:10]))
    flip(metadata_file(path), 27, 1)
    array, caught = opened(path)
    with array:
        assert [kind for kind, _ in caught] == [cat.UnverifiedWarning]
        assert "repair(path)" not in caught[0][1]
        assert not array.verify().metadata


@pytest.mark.parametrize(("old", "new"), [(b"<i4", b"<u4"), (b"<i4", b"|S4")])
def test_a_handle_whose_dtype_is_mended_says_that_the_file_is_to_be_opened_again(path, old, new):
    make(path).close()
    raw = metadata_file(path).read_bytes()
    overwrite(metadata_file(path), raw.index(old), new)
    array, _ = opened(path, "a")
    with array:
        assert array.dtype == np.dtype(new.decode())
        found = array.verify(repair=True)
        assert found.repaired and found.is_other and found.ok and "open it again" in str(found)
        for call in (array.refresh, lambda: array.__setitem__(0, array[1])):
            with pytest.raises(cat.FileChangedError, match=r"mended.*<i4.*open it again") as error:
                call()
            assert new.decode() in str(error.value)
    array, caught = opened(path)
    with array:
        assert not caught and array.dtype == np.dtype("<i4") and array.verify().ok
        np.testing.assert_array_equal(array[...], values())


def test_an_array_of_other_axes_in_its_place_is_described(path):
    with make(path) as array:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        cat.zeros(
            (4, 4, 4), dtype="u4", chunks=(2, 2, 2), urlpath=path, contiguous=not is_directory(path)
        ).close()
        with pytest.raises(cat.FileChangedError, match=r'3 axes.*"<u4" now.*had 2 and "<i4".*open'):
            array.refresh()


def test_in_a_file_that_others_have_changed_a_header_in_doubt_is_not_mended_by_guess(path):
    blosc2 = pytest.importorskip("blosc2")
    make(path).close()
    other = blosc2.open(os.fspath(path), mode="a")
    other[0, 0] = 1
    del other
    array, _ = opened(path, "a")
    array[1] = 2  # with copies, and without a seal
    array.close()
    array, _ = opened(path)
    assert array.verify().ok and array._handle.seal == 3
    array.close()
    for at, bits in soft_places(path)[:1]:
        flip(metadata_file(path), at, bits)
    before = state(path)
    array, _ = opened(path, "a")
    with array:
        found = array.verify()
        assert found.is_in_doubt and not found.ok
        assert "verify(adopt=True)" in str(found) and "repair(path)" not in str(found)
        for mend in (lambda: array.verify(repair=True), lambda: cat.repair(path)):
            with (
                warnings.catch_warnings(action="ignore"),
                pytest.raises(cat.CorruptDataError, match=r"differs from its second copy.*adopt=True"),
            ):
                mend()
        assert state(path) == before
        assert array.verify(adopt=True).ok
    array, caught = opened(path)
    with array:
        assert not caught and array.verify().ok and (array[1] == 2).all()


# ---------------------------------------------------------------- what is in the file, flushed or not


def damages(path):
    """Each kind of damage of header, index and trailer in a file: a name, a place, and other bytes."""
    raw, header = metadata_file(path).read_bytes(), header_bytes(path)
    frame_bytes = int.from_bytes(raw[16:24], "big")
    yield "nothing", 0, raw[:1]
    for at in (*range(0, header, 11), header - 1):
        yield f"bit of the header, {at}", at, bytes([raw[at] ^ 4])
    for at in range(frame_bytes - 160, frame_bytes, 7):
        yield f"bit of the tail, {at}", at, bytes([raw[at] ^ 4])
    yield "header", 0, bytes(header)
    yield "tail", frame_bytes - 100, bytes(100)
    yield "first sector", 0, bytes(min(512, len(raw)))


@pytest.mark.parametrize("is_flushed", [False, True])
def test_verify_looks_at_the_file_of_what_is_not_flushed_yet(path, is_flushed):
    """The oracle is who opens the file: what he does not find, or is warned of, is not ok."""
    expected = values()
    with make(path) as array:
        array.flush()
        array[3] = expected[3] = 9
        if is_flushed:
            array.flush()
        assert array.verify().ok
        file = metadata_file(path)
        raw, times, noticed = file.read_bytes(), file.stat(), 0
        for keeps_time in (False, True):
            for name, at, content in list(damages(path)):
                overwrite(file, at, content)
                if keeps_time:
                    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
                try:
                    other, caught = opened(path)
                    with other:
                        is_right = not caught and np.array_equal(other[...], expected)
                except cat.CatervaError:
                    is_right = False
                found = array.verify()
                assert found.ok == is_right or (is_right and found.metadata), name
                assert found.ok or found.metadata or not is_right, name
                noticed += not found.ok
                overwrite(file, 0, raw)
                os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert noticed > 50


def test_repair_of_what_is_not_flushed_says_what_would_be_lost(path):
    with make(path) as array:
        array.flush()
        array[3] = 9
        raw = metadata_file(path).read_bytes()
        damage_last_state(path)
        with pytest.raises(cat.CorruptDataError, match=path.name):
            array.verify(repair=True)
        assert (array[3] == 9).all()
        if is_directory(path):
            metadata_file(path).write_bytes(raw)
        else:
            overwrite(path, 0, raw[:100])
            assert array.verify().ok and array.verify(repair=True).ok


def test_verify_of_a_handle_that_others_have_left_behind_is_ok(path):
    with make(path) as array, cat.open(path) as other:
        other[0] = 1
        found = array.verify()
        assert found.ok and not found.metadata
        other.flush()
        found = array.verify()
        assert found.ok and found.twice and not found.metadata


# ---------------------------------------------------------------- comments


def test_sections_that_comments_point_to_are_there(tree):
    pattern = re.compile(r'(docs/[\w/-]+\.md), "([^"]+)"')
    count = 0
    for folder in ("subprojects", "caterva", "tests"):
        for file in sorted((tree / folder).rglob("*")):
            if file.suffix not in (".c", ".h", ".py", ".pxi", ".pyx") or not file.is_file():
                continue
            for page, section in pattern.findall(re.sub(r"\n *(\*|#|//)? *", " ", file.read_text())):
                text = (tree / page).read_text()
                heads = re.findall(r"^#+ (.*)$|^\*\*(.*?)\*\*", text, re.MULTILINE)
                assert any(section in first or section in second for first, second in heads), (file, section)
                count += 1
    assert count > 5
