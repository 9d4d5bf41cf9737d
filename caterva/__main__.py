"""Commands: ``python -m caterva info [FILE ...]``, ``python -m caterva verify FILE ...``."""

import argparse
import sys
import time
import warnings
from collections.abc import Sequence

import caterva
from caterva.info import Info


def _show(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {part}" for name, part in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def info(arguments: argparse.Namespace) -> int:
    """Describe this build, or the arrays at some paths; 1 if one of them cannot be opened."""
    if not arguments.paths:
        print(Info([(name, _show(value)) for name, value in caterva.build_info().items()]))
    failures = 0
    for path in arguments.paths:
        try:
            with caterva.open(path, mode="r") as array:
                print(f"{path}\n{array.info}")
        except (OSError, ValueError, caterva.CatervaError) as error:
            print(error if isinstance(error, OSError) else f"{path}: {error}", file=sys.stderr)
            failures += 1
    return 1 if failures else 0


class Ticker:
    """Progress on one line of stderr; every ten seconds a line, where that is no terminal."""

    def __init__(self, path: str, quiet: bool) -> None:
        self.path = path
        self.is_terminal = sys.stderr.isatty()
        self.interval = float("inf") if quiet else 0.1 if self.is_terminal else 10.0
        self.shown_at = time.monotonic()
        self.width = 0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.shown_at >= self.interval:
            self.shown_at = now
            self._show(f"{self.path}: {done} of {total} chunks")

    def _show(self, text: str) -> None:
        end, start = ("", "\r") if self.is_terminal else ("\n", "")
        print(start + text.ljust(self.width), end=end, file=sys.stderr, flush=True)
        self.width = len(text)

    def clear(self) -> None:
        """Wipe the line."""
        if self.is_terminal and self.width:
            print("\r" + " " * self.width, end="\r", file=sys.stderr, flush=True)


def _verify(path: str, adopt: bool, quiet: bool) -> int:
    """Check one path; return the exit status that it alone would give."""
    ticker = Ticker(path, quiet)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", caterva.UnverifiedWarning)  # the report says it
            with caterva.open(path, mode="a" if adopt else "r") as array:
                found = array.verify(adopt, ticker)
    except (OSError, ValueError, caterva.CatervaError) as error:
        ticker.clear()
        print(error if isinstance(error, OSError) else f"{path}: {error}", file=sys.stderr)
        return 2
    ticker.clear()
    if not (quiet and found.ok):
        print(found)
    return 0 if found.ok else 1


def verify(arguments: argparse.Namespace) -> int:
    """Check the arrays at some paths; 1 if one has a bad block, 2 if one cannot be opened or read."""
    return max(_verify(path, arguments.adopt, arguments.quiet) for path in arguments.paths)


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m caterva", description="Compressed arrays in files.")
    parser.add_argument("--version", action="version", version=f"caterva {caterva.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    command = commands.add_parser("info", help="describe this build, or arrays")
    command.add_argument("paths", nargs="*", metavar="FILE", help="an array's file or directory")
    command.set_defaults(run=info)
    command = commands.add_parser("verify", help="check every block; name those that are damaged")
    command.add_argument("paths", nargs="+", metavar="FILE", help="an array's file or directory")
    command.add_argument(
        "--adopt", action="store_true", help="write checksums for what has none, if all is well"
    )
    command.add_argument("--quiet", action="store_true", help="no progress, and only what is damaged")
    command.set_defaults(run=verify)
    arguments = parser.parse_args(words)
    status: int = arguments.run(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
