"""Run the benchmarks, print the tables, draw the pictures: `bash ci/bench`, whose options these are."""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import plots, record, report

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results"
RECORD = FOLDER / "record.json"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ci/bench", description="Benchmarks beside peers, memcpy and floor."
    )
    parser.add_argument(
        "--quick", action="store_true", help="under three minutes: few settings, small arrays"
    )
    parser.add_argument("--only", metavar="PATTERN", help="what pytest's -k takes: 'box and zstd', 'file'...")
    parser.add_argument("--scaling", action="store_true", help="arrays of 1 MiB to 2 GiB instead")
    parser.add_argument("--mib", type=int, help="size of the arrays (32; quick: 16)")
    parser.add_argument("--seconds", type=float, help="time for the rounds of a cell (1.5; quick: 0.3)")
    parser.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="cpu: for a busy machine, and one thread"
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--compare", action="store_true", help="fail on ratios 15 %% worse than benchmarks/record.json"
    )
    kinds.add_argument("--record", action="store_true", help="renew benchmarks/record.json")
    return parser.parse_args()


def measure(chosen: argparse.Namespace, name: str, tests: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Run the benchmarks, all that are chosen or those named, and return their cells."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-c", str(FOLDER / "pytest.ini"), "-q", "--benchmark-quiet"]
    command += [f"--benchmark-json={path}", f"--mib={chosen.mib or (16 if chosen.quick else 32)}"]
    command += [f"--seconds={chosen.seconds or (0.3 if chosen.quick else 1.5)}"]
    command += [f"--clock={chosen.clock}"]
    command += [f"--{name}" for name in ("quick", "scaling") if getattr(chosen, name)]
    command += ["-k", chosen.only] if chosen.only else []
    status = subprocess.run([*command, *(tests or [str(FOLDER)])], check=False).returncode
    if status or not path.exists():
        sys.exit(f"the benchmarks failed ({status})")
    return report.load(path)


def compare(chosen: argparse.Namespace, cells: list[dict[str, Any]]) -> None:
    """End with an error if a cell is worse than its record, each time it is measured."""
    tests = {name: str(FOLDER / cell["test"]) for cell in cells for name in report.record_of([cell])}
    recorded, measured = record.load(RECORD), report.record_of(cells)
    print(f"{len(measured.keys() & recorded.keys())} of {len(measured)} cells are in the record")
    if measured.keys().isdisjoint(recorded):
        sys.exit("nothing to compare: a record is of one size and clock")

    def again(names: Iterable[str]) -> record.Record:
        return report.record_of(measure(chosen, "again", [tests[name] for name in names]))

    failed = record.confirmed(recorded, measured, again)
    for name, by in failed.items():
        print(f"worse: {name}: {by:.2f} times the record")
    sys.exit(1 if failed else 0)


def main() -> None:
    chosen = options()
    cells = measure(chosen, "scaling" if chosen.scaling else "benchmark")
    print(report.tables(cells))
    print("\nCells that miss their aim:\n" + report.missed(cells))
    pictures = plots.draw(cells, RESULTS)
    plots.page(cells, pictures, RESULTS / "index.html")
    (RESULTS / "table.md").write_text(report.tables(cells) + "\n")
    print(f"\nPictures and page: {RESULTS / 'index.html'}")
    if chosen.record:
        record.save(RECORD, record.load(RECORD) | report.record_of(cells))
    if chosen.compare:
        compare(chosen, cells)


if __name__ == "__main__":
    main()
