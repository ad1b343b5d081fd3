"""Owns the table of settings: every name with what it means; options, profile keys and documentation derive from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ciam_desktop.i18n import N_

SANDBOX = "sandbox"
"""The profile that needs no settings; also the name that asks for it."""

DAEMON_CLIENT_ID = "daemon_client_id"
"""The daemon's CLIENT_ID in a profile: it is registered by itself, so a profile keeps it apart from the window's."""


class Program(Enum):
    """Which of the two programs asks."""

    WINDOW = "window"
    DAEMON = "daemon"


_BOTH = (Program.WINDOW, Program.DAEMON)


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """One setting, documented: the options, the profile file's keys and the README's table are made from it.

    `in_set`: it belongs to the set that comes from one place (`load`). `secret`: never an option, never in the
    profile file. `default` is what an absent setting means, `example` a value to show; both as a person types them.
    """

    name: str
    help: str
    example: str
    default: str = ""
    in_set: bool = False
    secret: bool = False
    programs: tuple[Program, ...] = _BOTH

    @property
    def option(self) -> str:
        """Its name on the command line, `--client-id`."""
        return "--" + self.name.lower().replace("_", "-")

    def profile_key(self, program: Program) -> str:
        """Its name in the profile file, `client_id`."""
        own = program is Program.DAEMON and self.name == "CLIENT_ID"
        return DAEMON_CLIENT_ID if own else self.name.lower()


SETTINGS: tuple[SettingSpec, ...] = (
    SettingSpec(
        "TENANT_SUBDOMAIN",
        N_("The external tenant's subdomain: contoso when its domain is contoso.onmicrosoft.com."),
        "contoso",
        in_set=True,
    ),
    SettingSpec(
        "AUTHORITY",
        N_(
            "Instead of TENANT_SUBDOMAIN: the sign-in address of a tenant, a custom domain or any OpenID Connect "
            "provider (https, with a path). It wins when both are given."
        ),
        "https://login.contoso.example/11111111-2222-4333-8444-555555555555",
        in_set=True,
    ),
    SettingSpec(
        "CLIENT_ID",
        N_(
            "The Application (client) ID of this program's registration. The daemon has one of its own; "
            "a profile calls it daemon_client_id."
        ),
        "22222222-3333-4444-8555-666666666666",
        in_set=True,
    ),
    SettingSpec(
        "CLIENT_SECRET",
        N_("The daemon's secret, from the environment or .env only. The window never sends it."),
        "",
        secret=True,
        programs=(Program.DAEMON,),
    ),
    SettingSpec(
        "TODOLIST_READ",
        N_("The full scope that lets the window read to-dos."),
        "api://33333333-4444-4555-8666-777777777777/ToDoList.Read",
        in_set=True,
        programs=(Program.WINDOW,),
    ),
    SettingSpec(
        "TODOLIST_READWRITE",
        N_("The full scope that lets the window change to-dos."),
        "api://33333333-4444-4555-8666-777777777777/ToDoList.ReadWrite",
        in_set=True,
        programs=(Program.WINDOW,),
    ),
    SettingSpec(
        "SCOPES",
        N_("The daemon's API: its application ID URI, with or without /.default."),
        "api://33333333-4444-4555-8666-777777777777",
        in_set=True,
        programs=(Program.DAEMON,),
    ),
    SettingSpec(
        "API_ENDPOINT",
        N_("The address of the to-do list: https, or http on this computer."),
        "https://todo.contoso.example/api/todolist",
        default="https://localhost:44351/api/todolist",
        in_set=True,
    ),
    SettingSpec(
        "REDIRECT_URI",
        N_(
            "Where the browser returns to after sign-in: http://localhost with the registered path. "
            "Without a port any free one is taken."
        ),
        "http://localhost:3000/auth/redirect",
        default="http://localhost:3000",
        programs=(Program.WINDOW,),
    ),
    SettingSpec(
        "POST_LOGOUT_REDIRECT_URI",
        N_("Where the browser goes after sign-out; REDIRECT_URI when absent."),
        "http://localhost:3000",
        programs=(Program.WINDOW,),
    ),
    SettingSpec(
        "DOMAIN_HINT",
        N_("Passed on to the sign-in page as domain_hint: it may lead straight to one identity provider."),
        "contoso.example",
        programs=(Program.WINDOW,),
    ),
    SettingSpec(
        "STRICT_PORT",
        N_("yes: use REDIRECT_URI's port and no other. no: take a free one when it is in use."),
        "yes",
        default="no",
        programs=(Program.WINDOW,),
    ),
    SettingSpec(
        "CA_BUNDLE",
        N_("A file of PEM certificates to trust besides the system's."),
        "/etc/ssl/contoso.pem",
    ),
    SettingSpec(
        "LOG_LEVEL",
        N_("How much is logged: Error, Warning, Info, Verbose or Trace. Personal data never is."),
        "Verbose",
        default="Info",
    ),
)
