"""Golden files on this side of ci/cross: python ci/golden.py prepare|verify DIRECTORY...

`prepare` fills a directory for the C program `golden read`: the vectors of tests/golden, and arrays written
by caterva and by python-blosc2, each with the answer that the reference decoder gives. `verify` reads with
both libraries what `golden write` wrote on another machine. subprojects/caterva/tests/golden.c describes the
list.
"""

import itertools
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "reference")]

import check_vectors  # noqa: E402
import numpy as np  # noqa: E402
import test_golden  # noqa: E402
import test_interop as interop  # noqa: E402
from support import reference_array, sample  # noqa: E402

import caterva as cat  # noqa: E402

FIXED, VARIABLE = 0, 1  # kinds of metalayers


class List:
    """The list of a directory, being written, and the answers beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lines: list[str] = []

    def add(self, kind: str, file: str, answer: bytes | str, offset: int = 0) -> None:
        """One file and what it holds; an answer in words is one of the marks `*` and `-`."""
        if isinstance(answer, bytes):
            name = f"{len(self.lines)}.answer"
            (self.directory / name).write_bytes(answer)
            answer = name
        self.lines.append(f"{kind} {answer} {file} {offset}\n")

    def close(self) -> None:
        (self.directory / "list").write_text("".join(self.lines))


def add_vector(target: List, case: dict) -> None:
    """A vector of the manifest, its answer by the reference decoder and of the manifest's digest."""
    kind = {"sframe": "frame"}.get(case["kind"], case["kind"])
    where = (case["file"], case.get("frame_offset", 0))
    if "must_raise" in case:
        target.add(kind, where[0], "-", where[1])
        return
    got = check_vectors.decode(case, str(target.directory / case["file"]))
    problems = check_vectors.compare(case, got)
    assert not problems, (case["id"], problems)
    undefined = case.get("undefined")
    target.add(kind, where[0], "*" if undefined else got["data"], where[1])
    if "array" in got:
        target.add("array", where[0], "*" if undefined else got["array"], where[1])
    if kind == "frame":
        frame = check_vectors.ref.open_frame(str(target.directory / case["file"]), where[1])
        for name, content in frame.vlmeta.items():
            target.add(f"variable={name}", where[0], bytes(content), where[1])


def add_arrays(target: List, make, suffix: str, wanted) -> None:
    """Every codec x pipeline x item size, made by one of the two libraries."""
    for parameters in interop.matrix(wanted):
        codec, pipeline, itemsize, home, ndim = parameters.values
        shape, chunks, blocks = interop.SHAPES[ndim]
        data = sample(shape, f"V{itemsize}", seed=itemsize)
        home = "file" if home == "memframe" else home
        path = target.directory / f"{parameters.id}-{suffix}.b2nd"
        make(data, home, path, chunks, blocks, codec, pipeline)
        answer = reference_array(path).tobytes()
        assert interop.kept_bits(np.frombuffer(answer, data.dtype), pipeline) == interop.kept_bits(
            data, pipeline
        )
        target.add("array", path.name, answer)


def make_ours(data, home, path, chunks, blocks, codec, pipeline) -> None:
    filters, metas = interop.PIPELINES[pipeline]
    interop.make_ours(data, home, path, chunks, blocks, codec=codec, filters=filters, filtersmeta=metas)


def prepare(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(test_golden.GOLDEN, directory)
    target = List(directory)
    for case in test_golden.MANIFEST:
        add_vector(target, case)
    vectors = len(target.lines)
    add_arrays(target, make_ours, "ours", lambda pipeline, itemsize: True)
    add_arrays(target, interop.make_theirs, "blosc2", interop.oracle_opens)
    target.close()
    print(
        f"{directory}: {vectors} answers of tests/golden, {len(target.lines) - vectors} arrays written here"
    )


def oracle_can_tell(name: str) -> bool:
    """False where blosc2 cannot open a file (docs/format/filters.md 8), or content is undefined."""
    return not (name.startswith("uninit") or name.endswith("shuffle_bytedelta_300.b2nd"))


def verify(directory: Path) -> None:
    """Read each file of the list by caterva and, where it can, by blosc2."""
    counts = {"caterva": 0, "blosc2": 0}
    lines = [line.split() for line in (directory / "list").read_text().splitlines()]
    for file, entries in itertools.groupby(lines, key=lambda line: line[2]):
        answers = {kind: (directory / answer).read_bytes() for kind, answer, _, _ in entries}
        ours = cat.open(str(directory / file), mode="r")
        assert ours[...].tobytes() == answers["array"], f"caterva: {file}"
        assert ours._handle.layer(VARIABLE, "notes") == answers["variable=notes"], f"caterva: {file}, notes"
        if "fixed=user" in answers:
            assert ours.meta["user"] == answers["fixed=user"], f"caterva: {file}, user"
        counts["caterva"] += 1
        if oracle_can_tell(file):
            theirs = interop.oracle_open(directory / file)
            assert (theirs.shape, theirs.chunks, theirs.blocks) == (ours.shape, ours.chunks, ours.blocks), (
                file
            )
            items = interop.oracle_read(theirs).tobytes() if theirs.size else b""
            assert items == answers["array"], f"blosc2: {file}"
            assert theirs.schunk.vlmeta["notes"] == answers["variable=notes"][3:], f"blosc2: {file}, notes"
            counts["blosc2"] += 1
    print(f"{directory}: right as read by caterva {counts['caterva']} and by blosc2 {counts['blosc2']}")


if __name__ == "__main__":
    command = {"prepare": prepare, "verify": verify}[sys.argv[1]]
    for argument in sys.argv[2:]:
        command(Path(argument))
