"""Owns the sandbox's command line: the server itself (`--serve`), or a program that holds it."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from ciam_desktop import i18n

# The holding side shares nothing with the server but the lease's wire format, and it belongs to the programs
# that use the sandbox; it is loaded as a program, not imported as a library.
_HOLDER = "ciam_desktop.sandbox_process"


def main(argv: list[str]) -> int:
    """Run `python -m ciam_desktop.sandbox` with `argv` (without the program's name); the exit code."""
    parser = argparse.ArgumentParser(prog="ciam_desktop.sandbox", add_help=False, allow_abbrev=False)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--control", action="store_true")
    known, _rest = parser.parse_known_args(argv)
    if known.serve and known.data_dir is not None:
        from ciam_desktop.sandbox import server

        i18n.install()
        return server.run(known.data_dir, control=known.control)
    holder = importlib.import_module(_HOLDER)
    return int(holder.main(argv))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
