"""Commands: ``python -m caterva info [FILE ...]``."""

import argparse
import sys
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


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m caterva", description="Compressed arrays in files.")
    parser.add_argument("--version", action="version", version=f"caterva {caterva.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    command = commands.add_parser("info", help="describe this build, or arrays")
    command.add_argument("paths", nargs="*", metavar="FILE", help="an array's file or directory")
    command.set_defaults(run=info)
    arguments = parser.parse_args(words)
    status: int = arguments.run(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
