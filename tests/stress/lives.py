"""Arrays that are damaged and live on: python tests/stress/lives.py [--lives N] [--start SEED] [--planted].

Without --planted: N lives (a million) by the program `lives` of build/c, shared by the processors, each
checked against a model; what is wrong is printed with the seed that shows it again. With --planted: faults
that the library once had are planted again, one by one, in a copy of its sources, and each must be found.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "build/c/subprojects/caterva/lives"
COPY = ROOT / "build/planted"
PIECE = 10_000  # lives of one process
SCHUNK = "subprojects/c-blosc2/src/schunk"


@dataclass(frozen=True)
class Fault:
    """A fault to plant: in each file, one text is replaced by another."""

    name: str
    changes: tuple[tuple[str, str, str], ...]


FAULTS = [
    Fault(
        "an older state passes for a copy of the last one",
        (
            (
                "load.c",
                "return same_place || (may_be && !is_header(found, right));",
                "return same_place || (may_be ? is_header(found, right) : is_header(found, right));",
            ),
        ),
    ),
    Fault(
        "a change takes an older state in passing",
        (
            (
                "refresh.c",
                "if (fresh->recovered == BLOSC2_RECOVERED_OLDER && schunk->recovered",
                "if (fresh->recovered < 0 && schunk->recovered",
            ),
        ),
    ),
    Fault(
        "a flush takes an older state in passing",
        (("change.c", "if (fresh->recovered == BLOSC2_RECOVERED_OLDER)", "if (fresh->recovered < 0)"),),
    ),
    Fault(
        "a handle that does not verify seals damage",
        (("read.c", "(use != BLOSC2_USE_READ && b2_schunk_is_sealed(schunk))", "(use < 0)"),),
    ),
    Fault(
        "extents come from headers that are not verified",
        (
            (
                "frame_space.c",
                "    if (bytes == 0) { /* where",
                "    if (bytes && store->is_sealed) bytes = b2_frame_chunk_bytes(store, location);\n"
                "    if (bytes == 0) { /* where",
            ),
            (
                "frame_space.c",
                "    return (int64_t)view.cbytes + (*is_verified",
                "    if (store->is_sealed) *is_verified = true;\n"
                "    return (int64_t)view.cbytes + (*is_verified",
            ),
        ),
    ),
    Fault(
        "closing an unchanged handle writes",
        (
            (
                "change.c",
                "return schunk->is_unflushed ? blosc2_schunk_flush(schunk) : BLOSC2_OK;",
                "return blosc2_schunk_repair(schunk, BLOSC2_MEND_OLDER);",
            ),
        ),
    ),
    Fault(
        "a damaged start of a block costs the chunk",
        (
            (
                "read.c",
                "sorted[i] = b2_load_le_i32(view->bytes + view->header_bytes + 4 * (size_t)i);",
                "if (b2_view_block_start(view, i, &sorted[i]) < 0) return BLOSC2_E_CORRUPT;",
            ),
        ),
    ),
    Fault(
        "copies of metalayers in doubt are sealed",
        (
            (
                "schunk.c",
                "return blosc2_schunk_layers_in_doubt(schunk) ? BLOSC2_SEAL_LAYERS : BLOSC2_SEAL_WHOLE;",
                "return schunk ? BLOSC2_SEAL_WHOLE : BLOSC2_SEAL_LAYERS;",
            ),
        ),
    ),
    Fault(
        "metadata that do not match are sealed",
        (("schunk.c", "if (!schunk->is_doubtful) return BLOSC2_OK;", "if (schunk) return BLOSC2_OK;"),),
    ),
    Fault(
        "the second copy of index and trailer is not looked at",
        (("load.c", "if (may_be_damage(status) && copy->mirror >= 0) {", "if (status > 0) {"),),
    ),
    Fault(
        "verify() does not see damaged tables",
        (
            (
                "verify.c",
                "if (!job->verdict.bad && check_rest(view, job->postscript) < 0)",
                "if (job->verdict.bad < 0 && check_rest(view, job->postscript) < 0)",
            ),
        ),
    ),
]


def live(program: Path, start: int, count: int) -> tuple[int, str]:
    """Return how many of these lives went wrong, -1 for a crash, and what was printed of them."""
    done = subprocess.run([program, str(start), str(count), "--strict"], capture_output=True, text=True)
    match = re.search(r"(\d+) lives, \d+ damaged: (\d+) wrong", done.stdout)
    findings = "\n".join(line for line in done.stderr.splitlines() if "lives --replay" in line)
    if not match:
        return -1, f"{program} {start} {count} --strict ended with {done.returncode}: {done.stderr[-2000:]}"
    return int(match[2]), findings


def many(start: int, lives: int) -> int:
    """Live, and print what is wrong; return how many are."""
    wrong = 0
    starts = range(start, start + lives, PIECE)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = [min(PIECE, start + lives - one) for one in starts]
        for found, text in pool.map(lambda piece: live(PROGRAM, *piece), zip(starts, counts, strict=True)):
            wrong += abs(found)
            if text:
                print(text, flush=True)
    print(f"{lives} lives: {wrong} wrong")
    return wrong


def plant(fault: Fault) -> dict[Path, str]:
    """Change the copy's sources; return what they were."""
    before: dict[Path, str] = {}
    for name, old, new in fault.changes:
        path = COPY / "source" / SCHUNK / name
        text = path.read_text()
        if text.count(old) != 1:
            raise RuntimeError(f"{path}: {old!r} is there {text.count(old)} times (expected once)")
        before.setdefault(path, text)
        path.write_text(text.replace(old, new))
    return before


def build() -> Path:
    """Build `lives` of the copy."""
    folder = COPY / "build"
    if not (folder / "build.ninja").exists():
        setup = ["meson", "setup", folder, COPY / "source", "-Dpython=disabled", "-Dbuildtype=debugoptimized"]
        subprocess.run([*setup, "-Db_ndebug=false"], check=True, capture_output=True)
    subprocess.run(["ninja", "-C", folder, "subprojects/caterva/lives"], check=True, capture_output=True)
    return folder / "subprojects/caterva/lives"


def copy_sources() -> None:
    """Copy what `lives` is built from; times of files stay, so that little is built again."""
    for name in (
        "subprojects",
        "meson.build",
        "meson_options.txt",
        "VERSION",
        "tests/golden",
        "tests/corpus",
    ):
        source, target = ROOT / name, COPY / "source" / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def planted(start: int, lives: int) -> int:
    """Plant each fault, and live until it is found; return how many are not."""
    missed = 0
    copy_sources()
    for fault in FAULTS:
        begun, found, lived = time.monotonic(), 0, 0
        before = plant(fault)
        try:
            program = build()
            while not found and lived < lives:
                _, text = live(program, start + lived, PIECE)
                known = live(PROGRAM, start + lived, PIECE)[1].splitlines() if text else []
                text = "\n".join(line for line in text.splitlines() if line not in known)
                found = len(text.splitlines())
                lived += PIECE
        finally:
            for path, content in before.items():
                path.write_text(content)
        missed += not found
        first = text.splitlines()[0] if found else "NOT FOUND"
        seconds = time.monotonic() - begun
        print(f"{fault.name}: {found} in {lived} lives, {seconds:.0f} s: {first[:150]}", flush=True)
    print(f"{len(FAULTS)} faults planted: {missed} not found")
    return missed


def main() -> int:
    """Return 0 if all is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=1_000_000)
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--planted", action="store_true")
    given = parser.parse_args()
    if given.planted:
        return min(1, planted(given.start, min(given.lives, 200_000)))
    return min(1, many(given.start, given.lives))


if __name__ == "__main__":
    sys.exit(main())
