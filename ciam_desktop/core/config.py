"""Owns how settings are settled: where each may come from, and the one coherent set that a program runs with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ciam_desktop.core import authority as typing_in
from ciam_desktop.core.authority import Typed
from ciam_desktop.core.errors import SettingsError
from ciam_desktop.core.setting_specs import SANDBOX, SETTINGS, Program, SettingSpec
from ciam_desktop.i18n import _, ngettext

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping

__all__ = [
    "SANDBOX",
    "SETTINGS",
    "Program",
    "SettingSpec",
    "Settings",
    "Tenant",
    "add_options",
    "given_options",
    "load",
    "tenant_from",
]

# The tutorials' words first, then Python's; the values are what the logging module takes.
_LOG_LEVELS = {
    "error": "ERROR",
    "warning": "WARNING",
    "info": "INFO",
    "verbose": "DEBUG",
    "trace": "DEBUG",
    "debug": "DEBUG",
    "notset": "DEBUG",
    "warn": "WARNING",
    "critical": "CRITICAL",
    "fatal": "CRITICAL",
}
_YES_NO = {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False, "on": True, "off": False}
_TOLD = {"LOG_LEVEL": 5, "STRICT_PORT": 2}
"""How many of a setting's words, the first, a sentence names; the others are taken as well."""


_SECRETS = frozenset(spec.name for spec in SETTINGS if spec.secret)
_DEFAULTS = {spec.name: spec.default for spec in SETTINGS}


@dataclass(frozen=True, slots=True)
class Tenant:
    """The set that belongs together: who signs in where, and for which API.

    `authority` + "/.well-known/openid-configuration" is the discovery document; it ends in "/v2.0" at Entra and
    never in a slash, no more than `api_endpoint` does. The two scopes are the window's ("" for the daemon),
    `application_scope` is the daemon's ("" for the window).
    """

    authority: str
    client_id: str
    read_scope: str
    readwrite_scope: str
    application_scope: str
    api_endpoint: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a program is told, read once.

    `profile` is the stable key of vault and stores: "sandbox", a profile's name, or "tenant-" and a short hash of
    authority and client id. `title` is what people see. `tenant` is None until the sandbox runs (`with_tenant`).
    `log_level` is a name of the logging module. `sources` says in words where each setting came from, `notices`
    are sentences to show.
    """

    profile: str
    title: str
    tenant: Tenant | None
    client_secret: str | None = field(repr=False)
    redirect_uri: str
    post_logout_redirect_uri: str
    ca_bundle: Path | None
    log_level: str
    strict_port: bool
    sources: Mapping[str, str]
    notices: tuple[str, ...]
    domain_hint: str = ""

    def with_tenant(
        self, tenant: Tenant, *, ca_bundle: Path | None = None, client_secret: str | None = None
    ) -> Settings:
        """These settings with the running sandbox's tenant, certificate authority and daemon secret."""
        return replace(
            self,
            tenant=tenant,
            ca_bundle=ca_bundle or self.ca_bundle,
            client_secret=client_secret or self.client_secret,
        )


@dataclass(frozen=True, slots=True)
class _Source:
    """One place that settings come from: its name in words, and each non-empty setting found there."""

    words: str
    found: Mapping[str, Typed]
    profile: str = ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add one option per setting that is no secret, and `--env-file` and `--profile`."""
    group = parser.add_argument_group(_("settings"))
    for spec in SETTINGS:
        if not spec.secret:
            group.add_argument(spec.option, dest=spec.name, metavar=spec.name, help=_(spec.help))
    group.add_argument("--env-file", type=Path, metavar="PATH", help=_("The .env file to read."))
    group.add_argument("--profile", metavar="NAME", help=_("The profile to use; sandbox needs no settings."))


def given_options(options: argparse.Namespace) -> dict[str, str]:
    """The settings among parsed `options` (`add_options`), as `load` takes them."""
    chosen = {spec.name: getattr(options, spec.name, None) for spec in SETTINGS if not spec.secret}
    return {name: text for name, text in chosen.items() if text is not None}


def load(
    program: Program,
    *,
    command_line: Mapping[str, str],
    environment: Mapping[str, str],
    env_file: Path | None,
    beside: Path | None,
    profile_name: str | None,
    config_dir: Path,
) -> Settings:
    """Settle every setting: the first of command line, environment, .env, profile file that gives it, else its default.

    The settings that are `in_set` come together from the first place that names any of them; a profile asked for
    by name (`profile_name`) is that place. With none at all it is the sandbox. `env_file` must exist; else
    the `.env` in the folder `beside` (main.py's) is read when there is one. Nothing is read from the current folder.

    Raises SettingsError, a sentence that names the setting and its place, and StoredFormatError for the profile file.
    """
    sources = [
        _source(_("the command line"), {name: text for name, text in command_line.items() if name not in _SECRETS}),
        _source(_("the environment"), environment),
        _env_file_source(env_file, beside),
    ]
    chosen = next((source for source in sources if _names_set(program, source)), None)
    if profile_name is not None:
        if chosen is sources[0]:
            raise SettingsError(
                _("Give either a profile or %(settings)s on the command line, not both.")
                % {"settings": _list(sources[0].found)},
                setting="--profile",
                source=sources[0].words,
            )
        chosen = None
    if chosen is None and profile_name != SANDBOX:
        chosen = _profile_source(program, config_dir, profile_name)
        sources += [chosen] if chosen else []
    tenant = _tenant(program, chosen) if chosen else None
    secret, notices = _secret(program, sources, chosen, tenant)
    used = {spec.name for spec in SETTINGS if program in spec.programs}
    first = {name: typed for source in reversed(sources) for name, typed in source.found.items() if name in used}
    redirect = first.get("REDIRECT_URI")
    redirect_uri = typing_in.normalise_redirect_uri(redirect) if redirect else _DEFAULTS["REDIRECT_URI"]
    if tenant and "[::1]" in redirect_uri and typing_in.is_entra(tenant.authority):
        notices.append(_("REDIRECT_URI names [::1], which cannot be registered at Entra; use http://localhost."))
    after_sign_out, ca_bundle = first.get("POST_LOGOUT_REDIRECT_URI"), first.get("CA_BUNDLE")
    hint = first.get("DOMAIN_HINT")
    return Settings(
        profile=_key(chosen, tenant),
        title=typing_in.tenant_name(tenant.authority) if tenant else _("Sandbox"),
        tenant=tenant,
        client_secret=secret,
        redirect_uri=redirect_uri,
        post_logout_redirect_uri=typing_in.normalise_page(after_sign_out) if after_sign_out else redirect_uri,
        ca_bundle=_certificates(ca_bundle) if ca_bundle else None,
        log_level=_LOG_LEVELS[_word(first, "LOG_LEVEL", _LOG_LEVELS)],
        strict_port=_YES_NO[_word(first, "STRICT_PORT", _YES_NO)],
        sources=_where(program, first, chosen),
        notices=tuple(notices),
        domain_hint=typing_in.one_line(hint) if hint else "",
    )


def tenant_from(program: Program, values: Mapping[str, str], *, source: str) -> Tenant:
    """The set in `values` (a setting's name -> text), normalised; `source` says in words where they were typed.

    Raises SettingsError.
    """
    return _tenant(program, _source(source, values))


def _source(words: str, values: Mapping[str, str], base: Path | None = None) -> _Source:
    """What `values` gives; an empty text gives nothing."""
    return _Source(
        words,
        {
            spec.name: Typed(spec.name, text, words, spec.name, base)
            for spec in SETTINGS
            if typing_in.tidy(text := values.get(spec.name, ""))
        },
    )


def _env_file_source(env_file: Path | None, beside: Path | None) -> _Source:
    path = env_file or (beside / ".env" if beside else None)
    if path is None or (env_file is None and not path.is_file()):
        return _Source("", {})
    from ciam_desktop.core.envfile import read_env_file  # only here: most people have no .env

    path = path.absolute()
    return _source(str(path), read_env_file(path), base=path.parent)


def _profile_source(program: Program, config_dir: Path, name: str | None) -> _Source | None:
    """The profile `name`, or without a name the file's default or only one; None when that is the sandbox."""
    from ciam_desktop.core import profiles  # only here: a set from the environment needs no file

    path = config_dir / profiles.FILE_NAME
    stored = profiles.read_profiles(config_dir)
    if name is None:
        name = stored.default or (next(iter(stored.names), SANDBOX) if len(stored.names) < 2 else "")
    if name == SANDBOX:
        return None
    if not name:
        raise SettingsError(
            _("%(path)s holds several profiles and no default; add default, or choose one by --profile.")
            % {"path": path},
            setting="--profile",
            source=str(path),
        )
    if name in stored.unusable:
        raise stored.unusable[name]
    if name not in stored.values:
        raise profiles.no_such_profile(path, name, stored.names)
    words = _('profile "%(name)s" in %(path)s') % {"name": name, "path": path}
    keys = {spec.name: spec.profile_key(program) for spec in SETTINGS}
    found = {
        setting: Typed(setting, text, words, key, config_dir)
        for setting, key in keys.items()
        if typing_in.tidy(text := stored.values[name].get(key, ""))
    }
    return _Source(words, found, name)


def _names_set(program: Program, source: _Source) -> bool:
    return any(spec.in_set and program in spec.programs and spec.name in source.found for spec in SETTINGS)


def _tenant(program: Program, source: _Source) -> Tenant:
    _refuse_gaps(program, source)
    found = source.found
    authority = typing_in.normalise_authority(found.get("AUTHORITY") or found["TENANT_SUBDOMAIN"])
    entra = typing_in.is_entra(authority)
    client_id = typing_in.normalise_client_id(found["CLIENT_ID"], entra=entra)
    endpoint = found.get("API_ENDPOINT")
    api_endpoint = typing_in.normalise_endpoint(endpoint) if endpoint else _DEFAULTS["API_ENDPOINT"]
    if program is Program.DAEMON:
        scope = typing_in.normalise_application_scope(found["SCOPES"], entra=entra)
        return Tenant(authority, client_id, "", "", scope, api_endpoint)
    read = typing_in.normalise_scope(found["TODOLIST_READ"], entra=entra)
    readwrite = typing_in.normalise_scope(found["TODOLIST_READWRITE"], entra=entra)
    if entra and typing_in.resource_of(read).lower() != typing_in.resource_of(readwrite).lower():
        raise found["TODOLIST_READWRITE"].refused(
            _(
                "%(setting)s from %(source)s belongs to another API than %(other)s; "
                "a token is for one API, so both must begin with the same application ID URI."
            ),
            other=found["TODOLIST_READ"].shown,
        )
    return Tenant(authority, client_id, read, readwrite, "", api_endpoint)


def _refuse_gaps(program: Program, source: _Source) -> None:
    """Raise SettingsError when `source` does not give the whole set."""
    needed = [
        spec
        for spec in SETTINGS
        if spec.in_set and not spec.default and program in spec.programs and spec.name not in source.found
    ]
    if "AUTHORITY" in source.found or "TENANT_SUBDOMAIN" in source.found:
        needed = [spec for spec in needed if spec.name not in ("AUTHORITY", "TENANT_SUBDOMAIN")]
    if not needed:
        return
    names = [spec.profile_key(program) if source.profile else spec.name for spec in needed]
    if needed[0].name == "TENANT_SUBDOMAIN":
        names[:2] = [_("%(one)s (or %(other)s)") % {"one": names[0], "other": names[1]}]
    given = [
        typed.shown
        for spec in SETTINGS
        if spec.in_set and program in spec.programs and (typed := source.found.get(spec.name))
    ]
    sentence = ngettext(
        "%(missing)s is missing from %(source)s, which gives %(given)s. "
        "These settings must come from one place together: complete them there, or remove them.",
        "%(missing)s are missing from %(source)s, which gives %(given)s. "
        "These settings must come from one place together: complete them there, or remove them.",
        len(names),
    )
    hint = ""
    if program is Program.WINDOW and "SCOPES" in source.found:
        hint = _(
            "SCOPES is the daemon's setting; the window asks for the API's two permissions by their full scopes "
            "and has a client ID of its own."
        )
    elif program is Program.DAEMON and "TODOLIST_READ" in source.found:
        hint = _("The TODOLIST settings are the window's; the daemon asks for SCOPES and has a client ID of its own.")
    words = {"missing": _list(names), "source": source.words, "given": _list(given)}
    raise SettingsError(f"{sentence % words} {hint}".rstrip(), setting=needed[0].name, source=source.words)


def _secret(
    program: Program, sources: Iterable[_Source], chosen: _Source | None, tenant: Tenant | None
) -> tuple[str | None, list[str]]:
    """The daemon's secret, and what to tell about one that is not used.

    A secret that stands beside another set belongs to that set: it must not be sent to this one's provider.
    """
    holders = [(source, source.found["CLIENT_SECRET"]) for source in sources if "CLIENT_SECRET" in source.found]
    if program is Program.WINDOW:
        if not any(not typing_in.holds_placeholder(typed.text) for _holder, typed in holders):
            return None, []
        why = _(
            "CLIENT_SECRET from %(source)s is never sent by this window: a program on a person's computer cannot "
            "keep a secret, so it signs in as a public client. Only the daemon uses it."
        )
        return None, [why % {"source": holders[0][1].source}]
    if chosen is None or tenant is None:
        why = _("CLIENT_SECRET from %(source)s is not used: the sandbox has a secret of its own.")
        return None, [why % {"source": typed.source} for _holder, typed in holders[:1]]
    for holder, typed in holders:
        if holder is chosen or not _names_set(program, holder):
            return typing_in.checked_secret(typed, entra=typing_in.is_entra(tenant.authority)), []
    if holders:
        raise holders[0][1].refused(
            _(
                "%(setting)s from %(source)s belongs to the other settings there and is not sent for those from "
                "%(chosen)s; give the secret in the environment or .env without a second set beside it."
            ),
            chosen=chosen.words,
        )
    raise SettingsError(
        _(
            "CLIENT_SECRET is missing: the daemon needs it for the settings from %(source)s. "
            "Put it into the environment or .env."
        )
        % {"source": chosen.words},
        setting="CLIENT_SECRET",
        source=chosen.words,
    )


def _key(chosen: _Source | None, tenant: Tenant | None) -> str:
    if chosen is None or tenant is None:
        return SANDBOX
    if chosen.profile:
        return chosen.profile
    import hashlib  # only here: it loads OpenSSL, and neither the sandbox nor a profile needs it

    return "tenant-" + hashlib.sha256(f"{tenant.authority} {tenant.client_id}".encode()).hexdigest()[:12]


def _word(first: Mapping[str, Typed], name: str, words: Iterable[str]) -> str:
    typed = first.get(name)
    word = typing_in.tidy(typed.text if typed else _DEFAULTS[name]).lower()
    if typed and word not in words:
        choices = _list(known.capitalize() for known in list(words)[: _TOLD[name]])
        raise typed.refused(_("%(setting)s from %(source)s must be one of %(choices)s."), choices=choices)
    return word


def _certificates(typed: Typed) -> Path:
    """The file of CA_BUNDLE, which holds a certificate; a relative path starts where the setting was written."""
    import binascii  # only here: hardly anybody sets it
    import re

    text = typing_in.tidy(typed.text)
    if not text.isprintable():
        raise typed.refused(
            _(
                "%(setting)s from %(source)s holds a control character; in .env put a path with backslashes "
                "between single quotation marks."
            )
        )
    try:
        path = ((typed.base or Path.cwd()) / Path(text).expanduser()).absolute()
        content = path.read_bytes()
        blocks = re.findall(rb"-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----", content)
        # X.509 in DER is a SEQUENCE (0x30); anything else is another thing between the right marks.
        sound = any(binascii.a2b_base64(block).startswith(b"\x30") for block in blocks)
    except (OSError, RuntimeError):  # RuntimeError: "~" without a home folder
        raise typed.refused(_("%(setting)s from %(source)s names a file that cannot be read.")) from None
    except binascii.Error:
        sound = False
    if not sound:
        raise typed.refused(_("%(setting)s from %(source)s names a file without a PEM certificate."))
    return path


def _where(program: Program, first: Mapping[str, Typed], chosen: _Source | None) -> dict[str, str]:
    """Setting -> the place it came from, in words; a setting that is not used is left out."""
    places: dict[str, str] = {}
    set_found = chosen.found if chosen else {}
    for spec in SETTINGS:
        typed = set_found.get(spec.name) if spec.in_set else first.get(spec.name)
        replaced = spec.name == "TENANT_SUBDOMAIN" and (chosen is None or "AUTHORITY" in set_found)
        if program not in spec.programs or replaced:
            continue
        if spec.in_set and chosen is None:
            places[spec.name] = _("the sandbox")
        elif typed:
            places[spec.name] = typed.source
        elif spec.default:
            places[spec.name] = _("the default")
    return places


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
