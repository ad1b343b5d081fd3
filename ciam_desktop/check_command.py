"""Owns the setup check on the command line: a line for each finding, and an exit code for scripts."""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ciam_desktop import i18n, paths
from ciam_desktop.core import config, logs
from ciam_desktop.core.config import Program, Settings
from ciam_desktop.core.errors import CiamError, SettingsError, StoredFormatError
from ciam_desktop.core.findings import Finding, Outcome, all_well
from ciam_desktop.i18n import _
from ciam_desktop.resources import clone_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

OPTION = "--check"
EXIT_WELL = 0
EXIT_NOT_WELL = 1
EXIT_USAGE = 2

# The mark, its stand-in where it cannot be written, and its colour (ECMA-48 SGR).
_MARKS = {
    Outcome.FINE: ("✓", "+", "32"),
    Outcome.WORTH_KNOWING: ("!", "!", "33"),
    Outcome.WRONG: ("✗", "x", "31"),
    Outcome.SKIPPED: ("–", "-", "2"),
}


def main(argv: list[str] | None = None) -> int:
    """Check the window's settings and print a line for each finding as soon as it is known.

    Exit codes: 0 nothing is wrong and all was checked, 2 usage or settings that cannot be used, 1 otherwise.
    """
    i18n.install()
    parser = argparse.ArgumentParser(
        prog="ciam-desktop",
        description=_("Check the setup without signing in: the provider, the redirect port, the keyring and the API."),
    )
    parser.add_argument(OPTION, action="store_true", required=True, help=_("Check this setup."))
    config.add_options(parser)
    parsed = parser.parse_args(argv)
    try:
        settings = _load(parsed)
        logs.set_up(settings.log_level, paths.log_dir())
        for notice in settings.notices:
            _complain(notice)
        return _report(settings, sys.stdout or io.StringIO())  # a program without a console has no output on Windows
    except (SettingsError, StoredFormatError) as error:
        _complain(str(error))
        return EXIT_USAGE
    except BrokenPipeError:  # who read has left; Python would complain again when it flushes at the end
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return EXIT_NOT_WELL
    except CiamError as error:  # the sandbox does not start
        _complain(str(error))
        return EXIT_NOT_WELL


def line_of(finding: Finding, *, encoding: str, coloured: bool) -> str:
    """One finding as one line without its end, in characters that `encoding` has."""
    mark, plain, colour = _MARKS[finding.outcome]
    if mark.encode(encoding, "replace") == b"?":
        mark = plain
    words = " ".join(f"{finding.check}: {finding.text} {finding.advice}".split())
    words = words.encode(encoding, "replace").decode(encoding)
    return f"\x1b[{colour}m{mark}\x1b[0m {words}" if coloured else f"{mark} {words}"


def wants_colours(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal that takes colours, and the person has not declined them (NO_COLOR)."""
    if not stream.isatty() or environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return sys.platform != "win32" or "WT_SESSION" in environment  # the older console prints the codes as text


def _complain(sentence: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{sentence}\n")


def _load(parsed: argparse.Namespace) -> Settings:
    return config.load(
        Program.WINDOW,
        command_line=config.given_options(parsed),
        environment=os.environ,
        env_file=parsed.env_file,
        beside=clone_folder(),
        profile_name=parsed.profile,
        config_dir=paths.config_dir(),
    )


def _report(settings: Settings, stream: TextIO) -> int:
    from ciam_desktop.setup_check import findings as found  # only here: --help needs no network code

    coloured = wants_colours(stream, os.environ)
    findings = []
    for finding in found(settings):
        findings.append(finding)
        stream.write(line_of(finding, encoding=stream.encoding or "ascii", coloured=coloured) + "\n")
        stream.flush()
    return EXIT_WELL if all_well(findings) else EXIT_NOT_WELL
