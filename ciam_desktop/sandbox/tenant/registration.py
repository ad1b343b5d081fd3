"""Owns what is registered in the tenant: its addresses, its clients, the API's permissions."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ciam_desktop.sandbox.tenant.errors import TenantError

READ, READWRITE = "ToDoList.Read", "ToDoList.ReadWrite"
API_SCOPES = (READ, READWRITE)
API_ROLES = ("ToDoList.Read.All", "ToDoList.ReadWrite.All")
OIDC_SCOPES = ("openid", "profile", "email", "offline_access")
# The audience of a token that was asked for without any API, as Entra does it (Microsoft Graph).
GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

_LOOPBACK_HOSTS = ("localhost", "127.0.0.1")
_LOOPBACK_PATHS = ("", "/", "/auth/redirect", "/redirect")


@dataclass(frozen=True, slots=True)
class Registration:
    """The tenant as it was set up; base addresses have no slash at their end."""

    tenant_id: str
    tenant_domain: str
    tenant_base: str
    pages_base: str
    client_id: str
    daemon_client_id: str
    daemon_client_secret: str = field(repr=False)
    api_app_id: str
    demo_oid: str

    @property
    def issuer(self) -> str:
        """The issuer of every token, in the GUID form."""
        return f"{self.tenant_base}/{self.tenant_id}/v2.0"

    @property
    def application_id_uri(self) -> str:
        """The ToDo API's application id URI."""
        return f"api://{self.api_app_id}"

    def client(self, client_id: str | None) -> Client | None:
        """The registered client, or None."""
        if client_id == self.client_id:
            return Client(self.client_id, "CIAM Desktop", secret=None)
        if client_id == self.daemon_client_id:
            return Client(self.daemon_client_id, "CIAM Desktop daemon", secret=self.daemon_client_secret)
        return None

    def is_this(self, tenant: str) -> bool:
        """Whether `tenant` in a path names this tenant."""
        return tenant.lower() in (self.tenant_id, self.tenant_domain)


@dataclass(frozen=True, slots=True)
class Client:
    """A registered application; public without a secret. Has what Authlib asks of a client."""

    client_id: str
    name: str
    secret: str | None = field(repr=False)

    def get_client_id(self) -> str:
        """The client's id, as Authlib asks for it."""
        return self.client_id

    @property
    def public(self) -> bool:
        """Whether it is a public client (RFC 6749 section 2.1)."""
        return self.secret is None

    def check_grant_type(self, grant_type: str) -> bool:
        """Persons sign in at the public client; the confidential one acts for itself."""
        own = ("authorization_code", "refresh_token", DEVICE_GRANT) if self.public else ("client_credentials",)
        return grant_type in own

    def check_client_secret(self, secret: str) -> bool:
        """Whether `secret` is the client's, compared in constant time."""
        return self.secret is not None and hmac.compare_digest(self.secret.encode(), secret.encode())

    def check_redirect_uri(self, uri: str) -> bool:
        """Loopback, any port, path exact (RFC 8252 section 7.3); also for the way back after signing out."""
        return self.public and is_loopback_uri(uri)


def is_loopback_uri(uri: str) -> bool:
    """Whether `uri` is one of the registered `http://localhost` addresses, whatever its port."""
    # What urlsplit would clean away or read otherwise than a browser must not be there at all.
    if not uri.isascii() or not uri.isprintable() or any(each in uri for each in ' \\"<>@?#'):
        return False
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    plain = f"{host}:{port}" if port is not None else host
    return (
        uri.startswith("http://")
        and parts.netloc == plain
        and host in _LOOPBACK_HOSTS
        and port != 0
        and parts.path in _LOOPBACK_PATHS
    )


@dataclass(frozen=True, slots=True)
class Scopes:
    """A parsed `scope`: OpenID's own names, and the API's short ones in the order of API_SCOPES."""

    oidc: tuple[str, ...]
    api: tuple[str, ...]

    def text(self, registration: Registration) -> str:
        """The `scope` of an answer, with the API's names in full."""
        named = [f"{registration.application_id_uri}/{name}" for name in self.api]
        return " ".join([*named, *(name for name in self.oidc if name != "offline_access")])

    def only(self, api: tuple[str, ...]) -> Scopes:
        """The same with those API permissions alone that are in `api`."""
        return Scopes(self.oidc, tuple(name for name in self.api if name in api))


def parse_scopes(text: str, registration: Registration, *, redirect_uri: str | None = None) -> Scopes:
    """Read the `scope` of a person's request; TenantError 70011 or 500011 for what the tenant does not know."""
    oidc: set[str] = set()
    api: set[str] = set()
    for name in text.split():
        resource, _, short = name.rpartition("/")
        if name in OIDC_SCOPES:
            oidc.add(name)
        elif resource not in (registration.application_id_uri, registration.api_app_id):
            if resource:
                raise TenantError(
                    500011,
                    "invalid_resource",
                    f"The resource principal named {resource} was not found in the tenant.",
                    redirect_uri=redirect_uri,
                )
            raise _unknown_scope(name, redirect_uri)
        elif short == ".default":
            api.update(API_SCOPES)
        elif short in API_SCOPES:
            api.add(short)
        else:
            raise _unknown_scope(name, redirect_uri)
    return Scopes(_in_order(OIDC_SCOPES, oidc), _in_order(API_SCOPES, api))


def _in_order(names: tuple[str, ...], chosen: set[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in chosen)


def _unknown_scope(name: str, redirect_uri: str | None) -> TenantError:
    return TenantError(
        70011,
        "invalid_scope",
        f"The provided value for the input parameter scope is not valid. The scope {name} does not exist.",
        redirect_uri=redirect_uri,
    )
