"""Run goals and print the table. `bash ci/reliability` builds what this needs, and runs it."""

import argparse
import json
import shutil
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

from reliability import table
from reliability.goal import Effort, Goal, Result


def goals() -> list[Goal]:
    """Return all goals, in order."""
    found = [goal for module in table.modules() for goal in module.GOALS]
    return sorted(found, key=lambda goal: int(goal.name[1:]))


def run(goal: Goal, effort: Effort) -> Result:
    """Measure a goal; what goes wrong in measuring is a failure."""
    begun = time.monotonic()
    try:
        result = goal.run(effort)
    except Exception:
        traceback.print_exc()
        result = Result("the measurement failed: see above", False)
    return replace(result, seconds=time.monotonic() - begun)


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="ci/reliability", description=__doc__)
    parser.add_argument("--only", metavar="G2,G4", help="goals to run")
    parser.add_argument("--quick", action="store_true", help="fewer cases, no peers, some three minutes")
    parser.add_argument("--release", action="store_true", help="the counts before a release: hours")
    parser.add_argument("--no-peers", action="store_true", help="without other libraries beside")
    parser.add_argument("--seconds", type=float, help="for goals that run for a time")
    parser.add_argument(
        "--output", type=Path, default=Path("build/reliability"), help="folder of the results"
    )
    return parser.parse_args()


def main() -> int:
    """Run, print, write the results; 1 if a goal failed."""
    given = arguments()
    name = "release" if given.release else "quick" if given.quick else "ci"
    memory = Path("/dev/shm")
    home = Path(tempfile.mkdtemp(prefix="caterva-reliability-", dir=memory if memory.is_dir() else None))
    seconds = given.seconds or {"quick": 2.0, "ci": 10.0, "release": 600.0}[name]
    effort = Effort(name, home, not (given.no_peers or given.quick), seconds)
    wanted = given.only.split(",") if given.only else [goal.name for goal in goals()]
    done: list[tuple[Goal, Result]] = []
    try:
        for goal in goals():
            if goal.name in wanted:
                result = run(goal, effort)
                done.append((goal, result))
                print(table.lines(goal, result), flush=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    given.output.mkdir(parents=True, exist_ok=True)
    given.output.joinpath("results.json").write_text(json.dumps(table.record(done, name), indent=1) + "\n")
    given.output.joinpath("results.md").write_text(table.markdown(done, name))
    failed = [goal.name for goal, result in done if result.passed is False]
    missing = [goal.name for goal, result in done if result.passed is None]
    print(
        f"\n{len(done) - len(failed) - len(missing)} passed, {len(failed)} failed {' '.join(failed)}, "
        f"{len(missing)} not available {' '.join(missing)}: {given.output}/results.md"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
