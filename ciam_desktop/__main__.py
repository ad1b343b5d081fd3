"""Owns the command line: the window by default, an operation without one, or the sandbox."""

from __future__ import annotations

import sys

from ciam_desktop import i18n
from ciam_desktop.resources import clone_folder


def main(argv: list[str] | None = None) -> int:
    """Run what `argv` (by default the process's arguments) asks for; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    i18n.install()
    if arguments[:1] == ["sandbox"]:
        from ciam_desktop.sandbox.__main__ import main as sandbox_main

        return sandbox_main(arguments[1:])
    if any(argument.startswith("--op") for argument in arguments):
        from ciam_desktop.daemon import main as daemon_main

        return daemon_main(arguments)
    return _window(_parsed(arguments) if arguments else {})


def _parsed(arguments: list[str]) -> dict[str, str]:
    import argparse  # costs a start without arguments nothing

    from ciam_desktop import __version__
    from ciam_desktop.core import config
    from ciam_desktop.i18n import _

    parser = argparse.ArgumentParser(
        prog="ciam-desktop",
        description=_("Sign in with Microsoft Entra External ID and keep your to-dos, in a desktop window."),
        epilog=_("Without a window: --op getToDos. The practice tenant on its own: sandbox."),
    )
    parser.add_argument("--version", action="version", version=f"CIAM Desktop {__version__}")
    config.add_options(parser)
    parsed = parser.parse_args(arguments)
    options = config.given_options(parsed)
    if parsed.env_file is not None:
        options["env_file"] = str(parsed.env_file)
    if parsed.profile is not None:
        options["profile"] = parsed.profile
    return options


def _window(options: dict[str, str]) -> int:
    from ciam_desktop import bootstrap

    if sentence := bootstrap.no_display() or bootstrap.missing_qt_library():
        bootstrap.tell(sentence)
        return 1
    try:
        from ciam_desktop import gui
    except ImportError as error:
        bootstrap.tell(str(error))
        return 1
    return gui.run(options, clone_folder())


if __name__ == "__main__":
    sys.exit(main())
