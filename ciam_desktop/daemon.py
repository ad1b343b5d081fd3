"""Owns the program without a person: builds its objects, runs one operation, prints JSON, ends with an exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ciam_desktop import __version__, i18n, paths
from ciam_desktop.core import config, errors, logs
from ciam_desktop.core.config import Program, Settings, Tenant
from ciam_desktop.core.todos.client import TodoClient
from ciam_desktop.i18n import _
from ciam_desktop.resources import clone_folder

EXIT_DONE = 0
EXIT_USAGE = 2
EXIT_AUTHENTICATION = 3
EXIT_REFUSED = 4
EXIT_UNAVAILABLE = 5
EXIT_INTERRUPTED = 130


def _get_to_dos(todos: TodoClient, token: str) -> Any:
    return todos.fetch_raw(token)


OPERATIONS: dict[str, Callable[[TodoClient, str], Any]] = {"getToDos": _get_to_dos}


def main(argv: list[str] | None = None) -> int:
    """Run the operation that `argv` names; standard output holds its JSON and nothing else.

    Exit codes: 0 done, 2 usage or settings, 3 authentication, 4 refused by the API, 5 network, API or sandbox
    unavailable, 130 interrupted.
    """
    i18n.install()
    parser = argparse.ArgumentParser(prog="ciam-daemon", description=_("Call the to-do service without a person."))
    parser.add_argument("--version", action="version", version=f"CIAM Desktop {__version__}")
    parser.add_argument(
        "--op", "--operation", dest="operation", metavar="NAME", choices=sorted(OPERATIONS), required=True,
        help=_("What to do: %(names)s.") % {"names": ", ".join(sorted(OPERATIONS))},
    )  # fmt: skip
    config.add_options(parser)
    parsed = parser.parse_args(argv)
    try:
        answer = _run(parsed)
    except errors.CiamError as error:
        sys.stderr.write(f"{error}\n")
        return exit_code(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    try:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # who read has left; Python would complain again when it flushes at the end
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return EXIT_DONE


def exit_code(error: errors.CiamError) -> int:
    """The exit code that says who must act on `error`."""
    match error:
        case errors.SettingsError() | errors.StoredFormatError():
            return EXIT_USAGE
        case errors.SignInError() | errors.TokenNotProven() | errors.VaultError():
            return EXIT_AUTHENTICATION
        case errors.ApiError():
            return EXIT_REFUSED
        case _:
            return EXIT_UNAVAILABLE


def _run(parsed: argparse.Namespace) -> Any:
    settings = config.load(
        Program.DAEMON,
        command_line=config.given_options(parsed),
        environment=os.environ,
        env_file=parsed.env_file,
        beside=clone_folder(),
        profile_name=parsed.profile,
        config_dir=paths.config_dir(),
    )
    logs.set_up(settings.log_level, paths.log_dir())
    for notice in settings.notices:
        sys.stderr.write(f"{notice}\n")
    with ExitStack() as held:
        return _operate(settings, OPERATIONS[parsed.operation], held)


def _operate(settings: Settings, operation: Callable[[TodoClient, str], Any], held: ExitStack) -> Any:
    from ciam_desktop import sandbox_process
    from ciam_desktop.core.http import HttpClient
    from ciam_desktop.core.identity.application import Application
    from ciam_desktop.core.identity.provider import Provider

    tenant, secret = settings.tenant, settings.client_secret
    if tenant is None:
        info = held.enter_context(sandbox_process.join(paths.data_dir() / "sandbox")).info
        scope = f"{info.application_id_uri}/.default"
        tenant = Tenant(info.authority, info.daemon_client_id, "", "", scope, info.api_endpoint)
        secret = info.daemon_client_secret
        http = HttpClient(info.ca_file, only=True)
    else:
        http = HttpClient(settings.ca_bundle)
    held.callback(http.close)
    provider = Provider(tenant.authority, http)
    application = Application(tenant.client_id, secret or "", tenant.application_scope, provider, http)
    return operation(TodoClient(tenant.api_endpoint, http), application.access_token())


if __name__ == "__main__":
    sys.exit(main())
