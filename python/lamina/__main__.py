"""The ``lamina`` command: ``lamina bench`` measures this machine and lamina on it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand.

    Args:
        arguments: The command line without the program's name; ``sys.argv`` by default.

    Returns:
        The exit status.

    Example:
        >>> main(["bench", "--list"])  # doctest: +SKIP
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="lamina", description="Dense networks, fast.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("bench", help="measure lamina, the machine's limits and other libraries")
    if words[:1] == ["bench"]:  # its own parser reads the rest, also --help
        from lamina.bench.cli import main as bench

        return bench(words[1:])
    parser.parse_args(words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
