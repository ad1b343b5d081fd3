"""Owns how what people type becomes a setting's value: authorities, ids, scopes and addresses, or why not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ciam_desktop.core.errors import SettingsError
from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from pathlib import Path

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NAMED_TENANT = re.compile(rf"({_LABEL})\.onmicrosoft\.com")
_ALMOST_GUID = re.compile(r"[0-9a-fA-F-]{24,}")
_SHORT_AUTHORITY = re.compile(rf"({_LABEL})(?:\.onmicrosoft\.com)?/*", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"(?i:enter_the_)|<[^<>]*>|YOUR_|00000000-0000-0000-0000-000000000000")
_INVISIBLE_AND_QUOTES = "\u200b\u200c\u200d\u2060\ufeff\"'`\u201c\u201d\u2018\u2019"

_CIAM = ".ciamlogin.com"
_WORKFORCE_HOSTS = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.chinacloudapi.cn",
        "login.microsoft.com",
        "login.windows.net",
    }
)
_NO_TENANT = frozenset({"common", "organizations", "consumers", "oauth2"})
_DISCOVERY = "/.well-known/openid-configuration"
_ENTRA_TAIL = re.compile(r"(?:/+(?:oauth2/)?v2\.0(?:/(?:authorize|token|logout|devicecode))?)+\Z", re.IGNORECASE)
_BARE_LOOPBACK = re.compile(r"(?://)?(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|\Z)", re.IGNORECASE)
_LONGEST_LINE = 200
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_RESERVED_SCOPES = frozenset({"openid", "profile", "offline_access"})
_TUTORIAL_PERMISSION = re.compile(r"/todolist\.read(?:write)?(?:\.all)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Typed:
    """One setting as somebody wrote it: its name, the text, and where it was found.

    `source` is that place in words ("the environment", a file's path), `shown` the name used there (a profile says
    `authority`), `base` the folder that a relative path starts from (None: the current one).
    """

    setting: str
    text: str = field(repr=False)
    source: str
    shown: str
    base: Path | None = None

    def refused(self, sentence: str, **details: str) -> SettingsError:
        """The error to raise; `sentence` (translated) may use %(setting)s, %(source)s and `details`."""
        words = {"setting": self.shown, "source": self.source, **details}
        return SettingsError(sentence % words, setting=self.setting, source=self.source)


@dataclass(frozen=True, slots=True)
class _Address:
    """A URL taken apart: lower-case scheme, host in its DNS form, port or None, path as it was typed."""

    scheme: str
    host: str
    port: int | None
    path: str

    def with_path(self, path: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = {"https": 443, "http": 80}.get(self.scheme)
        port = "" if self.port in (None, default) else f":{self.port}"
        return f"{self.scheme}://{host}{port}{path}"


def tidy(text: str) -> str:
    """`text` without what copying leaves around it: white space, quotes and invisible characters."""
    while (shorter := text.strip().strip(_INVISIBLE_AND_QUOTES)) != text:
        text = shorter
    return text


def holds_placeholder(text: str) -> bool:
    """Whether the tutorials' `Enter_the_…_Here`, `<…>`, `YOUR_…` or an all-zero GUID is left in `text`."""
    return _PLACEHOLDER.search(text) is not None


def refuse_placeholder(typed: Typed) -> None:
    """Raise SettingsError when a placeholder is left in."""
    if holds_placeholder(typed.text):
        raise typed.refused(
            _("%(setting)s from %(source)s still holds a placeholder; put your own value in its place.")
        )


def is_entra(authority: str) -> bool:
    """Whether a normalised authority is Microsoft Entra's: an external tenant's host, a workforce host, or a custom
    domain, which shows by a path that is one tenant id or one `*.onmicrosoft.com` name."""
    host, _slash, path = authority.removeprefix("https://").partition("/")
    host = host.partition(":")[0]
    tenant = path.removesuffix("/v2.0")
    return host.endswith(_CIAM) or host in _WORKFORCE_HOSTS or _names_tenant(tenant)


def tenant_name(authority: str) -> str:
    """What people call the tenant of a normalised authority: `contoso`, or its host when that says more."""
    host, _slash, path = authority.removeprefix("https://").partition("/")
    tenant = path.removesuffix("/v2.0")
    if named := _NAMED_TENANT.fullmatch(tenant):
        return named[1]
    subdomain = host.removesuffix(_CIAM)
    return host if _GUID.fullmatch(subdomain) else subdomain


def normalise_authority(typed: Typed) -> str:
    """The https URL whose `/.well-known/openid-configuration` is the provider's discovery document.

    Takes a tenant's name, its `*.onmicrosoft.com` or `*.ciamlogin.com` name, its id, or a URL with or without a
    trailing slash, `/v2.0` or the discovery suffix. Ends in `/v2.0` for Entra and never in a slash. The setting
    TENANT_SUBDOMAIN takes the first forms only. Idempotent. Raises SettingsError, and nothing else.
    """
    refuse_placeholder(typed)
    text = tidy(typed.text)
    if short := _SHORT_AUTHORITY.fullmatch(text):
        text = f"https://{short[1]}{_CIAM}"
    elif "://" not in text and not re.match(r"https?[:/]", text, re.IGNORECASE):
        text = f"https://{text}"
    address = _taken_apart(typed, text)
    if address.scheme == "http":
        raise typed.refused(_("%(setting)s from %(source)s is an http address; a sign-in authority must be https."))
    if address.scheme != "https":
        raise _malformed(typed)
    path = _without_tail(address.path)
    if typed.setting == "TENANT_SUBDOMAIN" and not address.host.endswith(_CIAM):
        raise typed.refused(
            _(
                "%(setting)s from %(source)s must be a tenant's subdomain such as contoso; "
                "put any other address into AUTHORITY."
            )
        )
    if address.host == _CIAM[1:] or address.host.endswith(_CIAM):
        path = _external_tenant_path(typed, address, path)
    elif address.host in _WORKFORCE_HOSTS or _names_tenant(_without_version(path)[1:]):
        path = _tenant_path(typed, _without_version(path))
    if not path:
        raise typed.refused(
            _("%(setting)s from %(source)s needs a path after its host, such as https://id.example/realms/todo.")
        )
    return address.with_path(path)


def normalise_client_id(typed: Typed, *, entra: bool) -> str:
    """An application's id: a lower-case GUID at Entra, elsewhere any printable text (RFC 6749 appendix A.1).

    Raises SettingsError.
    """
    refuse_placeholder(typed)
    text = tidy(typed.text)
    if entra:
        guid = text.removeprefix("{").removesuffix("}").lower()
        if not _GUID.fullmatch(guid):
            raise typed.refused(
                _(
                    "%(setting)s from %(source)s is not a GUID; copy the Application (client) ID "
                    "of the app registration."
                )
            )
        return guid
    return _printable(typed, text)


def checked_secret(typed: Typed, *, entra: bool) -> str:
    """A client secret, without white space around it. Raises SettingsError, which never holds it."""
    refuse_placeholder(typed)
    text = _printable(typed, typed.text.strip())
    if entra and _GUID.fullmatch(text.lower()):
        raise typed.refused(
            _("%(setting)s from %(source)s looks like the secret's ID; copy the secret's value instead.")
        )
    return text


def normalise_scope(typed: Typed, *, entra: bool) -> str:
    """One permission to ask for on a person's behalf; at Entra the full `<application id URI>/<permission>`.

    Raises SettingsError.
    """
    text = _single_scope(typed)
    resource = resource_of(text)
    if entra and (not resource or resource.endswith((":", "/")) or text.endswith("/")):
        raise typed.refused(
            _(
                "%(setting)s from %(source)s must be the full scope: the application ID URI of the API, a slash and "
                "the permission, such as api://<application id>/ToDoList.Read."
            )
        )
    if entra:
        _check_resource(typed, resource)
    return text


def normalise_application_scope(typed: Typed, *, entra: bool) -> str:
    """What a daemon asks for: at Entra `<application id URI>/.default`, elsewhere the scope as it is typed.

    Raises SettingsError.
    """
    text = _single_scope(typed)
    if not entra:
        return text
    resource = text.rstrip("/")
    while resource.lower().endswith("/.default"):
        resource = resource[: -len("/.default")].rstrip("/")
    if not resource or resource.endswith(":"):
        raise typed.refused(
            _("%(setting)s from %(source)s must be the application ID URI of the API, such as api://<application id>.")
        )
    if _TUTORIAL_PERMISSION.search(resource):
        raise typed.refused(
            _(
                "%(setting)s from %(source)s names one permission; a daemon asks for the API as a whole, "
                "so give the application ID URI alone."
            )
        )
    _check_resource(typed, resource)
    return f"{resource}/.default"


def resource_of(scope: str) -> str:
    """The API that an Entra scope belongs to: all before its last slash, or nothing."""
    return scope.rpartition("/")[0]


def normalise_endpoint(typed: Typed) -> str:
    """The to-do list's address without a trailing slash: https, or http on this computer. Raises SettingsError."""
    refuse_placeholder(typed)
    address = _taken_apart(typed, tidy(typed.text))
    if not _https_or_here(address):
        raise typed.refused(
            _("%(setting)s from %(source)s must be an https address; http is accepted for this computer only.")
        )
    return address.with_path(address.path.rstrip("/"))


def normalise_redirect_uri(typed: Typed) -> str:
    """The address that the browser returns to: http on this computer (RFC 8252 section 7.3), the path as typed.

    No port means any free one. Raises SettingsError.
    """
    refuse_placeholder(typed)
    text = tidy(typed.text)
    if _BARE_LOOPBACK.match(text):
        raise typed.refused(_("%(setting)s from %(source)s lacks http:// at its beginning."))
    address = _taken_apart(typed, text)
    if address.scheme != "http" or address.host not in _LOOPBACK:
        raise typed.refused(
            _(
                "%(setting)s from %(source)s must be http://localhost with a port and path of your choice: "
                "a desktop program can receive the sign-in's answer on its own computer only, where http is safe."
            )
        )
    return address.with_path(address.path)


def normalise_page(typed: Typed) -> str:
    """A page to end a sign-out on: https, or http on this computer, the path as typed. Raises SettingsError."""
    refuse_placeholder(typed)
    address = _taken_apart(typed, tidy(typed.text))
    if not _https_or_here(address):
        raise typed.refused(_("%(setting)s from %(source)s must be an https address, or http on this computer."))
    return address.with_path(address.path)


def one_line(typed: Typed) -> str:
    """Free text as it was typed, but for what copying leaves around it: one line, which the provider understands.

    Raises SettingsError.
    """
    text = tidy(typed.text)
    if len(text) > _LONGEST_LINE or len(text.splitlines()) > 1 or "\0" in text:
        raise typed.refused(_("%(setting)s from %(source)s must be one line of at most 200 characters."))
    return text


def _https_or_here(address: _Address) -> bool:
    return address.scheme == "https" or (address.scheme == "http" and address.host in _LOOPBACK)


def _names_tenant(text: str) -> bool:
    tenant = text.lower()
    return (_NAMED_TENANT.fullmatch(tenant) or _GUID.fullmatch(tenant)) is not None


def _without_tail(path: str) -> str:
    """`path` without trailing slashes and discovery suffixes."""
    path = path.rstrip("/")
    while path.lower().endswith(_DISCOVERY):
        path = path[: -len(_DISCOVERY)].rstrip("/")
    return path


def _without_version(path: str) -> str:
    """`path` without what Entra puts behind a tenant: `/v2.0`, or an endpoint copied from the portal."""
    return _ENTRA_TAIL.sub("", path).rstrip("/")


def _external_tenant_path(typed: Typed, address: _Address, path: str) -> str:
    subdomain = address.host.removesuffix(_CIAM)
    if not subdomain or "." in subdomain:
        raise typed.refused(
            _("%(setting)s from %(source)s must name one tenant, such as https://contoso.ciamlogin.com.")
        )
    tenant = _without_version(path)
    if tenant.lower() in ("", f"/{subdomain}"):
        tenant = f"/{subdomain}" if _GUID.fullmatch(subdomain) else f"/{subdomain}.onmicrosoft.com"
    return _tenant_path(typed, tenant)


def _tenant_path(typed: Typed, path: str) -> str:
    tenant = path.removeprefix("/").lower()
    if not _HOST.fullmatch(tenant) or tenant in _NO_TENANT:  # an id, or a domain name
        raise typed.refused(
            _("%(setting)s from %(source)s must end in one tenant: its ID, or a name such as contoso.onmicrosoft.com.")
        )
    return f"/{tenant}/v2.0"


def _check_resource(typed: Typed, resource: str) -> None:
    """Refuse `api://` followed by something that was meant to be a GUID and is none."""
    name = resource.removeprefix("api://").partition("/")[0]
    if _ALMOST_GUID.fullmatch(name) and not _GUID.fullmatch(name.lower()):
        raise typed.refused(
            _(
                "%(setting)s from %(source)s holds an application ID that is not a GUID; "
                "copy the Application (client) ID of the API's registration."
            )
        )


def _single_scope(typed: Typed) -> str:
    refuse_placeholder(typed)
    text = tidy(typed.text)
    # RFC 6749 section 3.3: printable ASCII without the space, the quotation mark and the backslash.
    if not text or not all("!" <= character <= "~" and character not in '"\\' for character in text):
        raise typed.refused(_("%(setting)s from %(source)s must be one scope, without spaces or special characters."))
    if text.lower() in _RESERVED_SCOPES:
        raise typed.refused(
            _("%(setting)s from %(source)s must be a permission of the API; sign-in adds openid and its kind itself.")
        )
    return text


def _printable(typed: Typed, text: str) -> str:
    if not text or not all(" " <= character <= "~" for character in text):
        raise typed.refused(_("%(setting)s from %(source)s holds characters that cannot be part of it; copy it again."))
    return text


def _malformed(typed: Typed) -> SettingsError:
    return typed.refused(_("%(setting)s from %(source)s is not a complete, well-formed address."))


def _taken_apart(typed: Typed, text: str) -> _Address:
    """Split a URL (RFC 3986) strictly: what a browser and this program could read differently is refused."""
    from urllib.parse import quote, unquote, urlsplit  # only here: the sandbox's settings need no parsing

    if "\\" in text or not text.isprintable() or " " in text:
        raise _malformed(typed)
    if "?" in text or "#" in text:
        raise typed.refused(_("%(setting)s from %(source)s must end before its ? or #."))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _malformed(typed) from None  # the library's message quotes what was typed
    if "@" in parts.netloc:
        raise typed.refused(_("%(setting)s from %(source)s must not hold a user name or password."))
    if "://" not in text or port == 0 or any(unquote(part) in (".", "..") for part in parts.path.split("/")):
        raise _malformed(typed)
    return _Address(parts.scheme, _dns_name(typed, host), port, quote(parts.path, safe="/%:@!$&()*+,;=~"))


def _dns_name(typed: Typed, host: str) -> str:
    """`host` as DNS asks for it: IDNs in punycode, no final dot; an IPv6 address without its brackets."""
    if ":" in host:
        from ipaddress import IPv6Address  # only here: hardly anybody writes one

        try:
            address = IPv6Address(host)
        except ValueError:
            raise _malformed(typed) from None
        if address.scope_id is not None:
            raise _malformed(typed)
        return str(address)
    if not host.isascii():
        # The same rules as requests uses, else the name checked here would not be the one that is asked.
        import idna

        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except UnicodeError:
            raise _malformed(typed) from None
    host = host.removesuffix(".")
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise _malformed(typed)
    return host
