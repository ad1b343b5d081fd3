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
    if "--check" in arguments:
        from ciam_desktop.check_command import main as check_main

        return check_main(arguments)
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
    parser.add_argument("--check", action="store_true", help=_("Check this setup without signing in, and end."))
    config.add_options(parser)
    parsed = parser.parse_args(arguments)
    options = config.given_options(parsed)
    if parsed.env_file is not None:
        options["env_file"] = str(parsed.env_file)
    if parsed.profile is not None:
        options["profile"] = parsed.profile
    return options


def _window(options: dict[str, str]) -> int:
    import gc

    from ciam_desktop import bootstrap

    gc.disable()  # what is loaded until the first paint stays: looking through it again and again costs 10 ms
    if sentence := bootstrap.no_display():
        bootstrap.tell(sentence)
        return 1
    try:
        from ciam_desktop import first_window
    except ImportError as error:
        bootstrap.tell(bootstrap.missing_qt_library() or str(error))
        return 1
    from ciam_desktop.core.errors import CiamError

    try:
        return first_window.run(options, clone_folder())
    except CiamError as error:  # the folders cannot be made; all else has a window to be told in
        bootstrap.tell(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
