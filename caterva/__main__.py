"""Commands: ``python -m caterva info [FILE ...]``, ``python -m caterva verify FILE ...``."""

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from enum import IntEnum

import caterva
from caterva.info import Info
from caterva.verification import Verification


def _show(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {part}" for name, part in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def _sizes(array: caterva.NDArray) -> list[tuple[str, str]]:
    """Return more rows than `info` has: what the items are, and what they take."""
    stored = array.cbytes
    ratio = f"{array.nbytes / stored:.2f}" if stored else "-"
    return [
        ("Dtype", f"opaque, {array.itemsize} bytes" if array._items.is_opaque else str(array.dtype)),
        ("Items", f"{array.size:,} ({array.nbytes:,} bytes)"),
        ("Stored", f"{stored:,} bytes, dead space included (ratio {ratio})"),
    ]


def info(arguments: argparse.Namespace) -> int:
    """Describe this build, or the arrays at some paths; 1 if one of them cannot be opened."""
    if not arguments.paths:
        print(Info([(name, _show(value)) for name, value in caterva.build_info().items()]))
    failures = 0
    for path in arguments.paths:
        try:
            with caterva.open(path, mode="r") as array:
                print(f"{path}\n{Info([*array.info.items, *_sizes(array)])}")
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


class Status(IntEnum):
    """Exit status of `verify`; of several paths the one that is last in the order of definition."""

    FINE = 0
    NOT_FLUSHED = 4  # a power cut may take the last changes, or somebody is at work
    IN_DOUBT = 3  # a copy of metadata differs, and another library may have changed what is read
    DAMAGED = 1  # or only an older state could be opened
    UNREADABLE = 2


def _complain(path: str, error: Exception) -> None:
    print(error if isinstance(error, OSError) else f"{path}: {error}", file=sys.stderr)


def _mend(path: str, arguments: argparse.Namespace) -> Verification | None:
    """Mend one path, if that was asked for; return what was mended. What is refused can be read."""
    if not arguments.repair:
        return None
    try:
        mended = caterva.repair(path, accept_older=arguments.accept_older)
    except caterva.CorruptDataError as error:
        with caterva.open(path, mode="r"):
            _complain(path, error)
        return None
    return mended if mended.repaired else None


def _status(found: Verification) -> Status:
    if found.ok:
        return Status.FINE if found.is_flushed else Status.NOT_FLUSHED
    return Status.DAMAGED if found.places or found.is_damaged or found.is_older else Status.IN_DOUBT


def _verify(path: str, arguments: argparse.Namespace) -> Status:
    """Check one path; return the exit status that it alone would give."""
    ticker = Ticker(path, arguments.quiet)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", caterva.UnverifiedWarning)  # the report says it
            warnings.simplefilter("ignore", caterva.RecoveredWarning)
            mended = _mend(path, arguments)
            with caterva.open(path, mode="a" if arguments.adopt else "r") as array:
                found = array.verify(arguments.adopt, ticker)
    except (OSError, ValueError, caterva.CatervaError) as error:
        ticker.clear()
        _complain(path, error)
        return Status.UNREADABLE
    ticker.clear()
    if mended is not None:
        print(mended)
    is_fine = found.ok and found.is_flushed
    if (mended is None or arguments.adopt) and not (arguments.quiet and is_fine):
        print(found)
    return _status(found)


def verify(arguments: argparse.Namespace) -> int:
    """Check the arrays at some paths; return the gravest `Status`."""
    found = {_verify(path, arguments) for path in arguments.paths}
    return [status for status in Status if status in found][-1]


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m caterva", description="Compressed arrays in files.")
    parser.add_argument("--version", action="version", version=f"caterva {caterva.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    command = commands.add_parser("info", help="describe this build, or arrays")
    command.add_argument("paths", nargs="*", metavar="FILE", help="an array's file or directory")
    command.set_defaults(run=info)
    command = commands.add_parser(
        "verify",
        help="check every block; name those that are damaged",
        epilog="Exit status: 0 all is well; 1 damage, or changes that are lost; 2 cannot be opened; 3 header "
        "and copy differ, and both may be right; 4 not flushed since the last change.",
    )
    command.add_argument("paths", nargs="+", metavar="FILE", help="an array's file or directory")
    command.add_argument(
        "--adopt", action="store_true", help="write checksums for what has none, if all is well"
    )
    command.add_argument(
        "--repair", action="store_true", help="mend header, index and metalayers by their second copies"
    )
    command.add_argument(
        "--accept-older",
        action="store_true",
        help="with --repair: where only the state flushed last can be read, make it the last one for good",
    )
    command.add_argument("--quiet", action="store_true", help="no progress, and only what is damaged")
    command.set_defaults(run=verify)
    arguments = parser.parse_args(words)
    if getattr(arguments, "accept_older", False) and not arguments.repair:
        command.error("--accept-older is of use with --repair only")
    status: int = arguments.run(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
