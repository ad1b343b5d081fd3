"""Owns what a provider publishes about itself: its discovery document and its signing keys, checked and kept."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ciam_desktop.core.answers import in_the_way
from ciam_desktop.core.clock import slowness, wrong_clock
from ciam_desktop.core.errors import ProviderError
from ciam_desktop.core.http import LOOPBACK_HOSTS, HttpClient
from ciam_desktop.i18n import _

DISCOVERY_SUFFIX = "/.well-known/openid-configuration"
DOCUMENT_LIMIT_BYTES = 1_000_000
KEPT_SECONDS = 24 * 3600
# Tokens with invented key ids must not make this program hammer the provider.
KEYS_PAUSE_SECONDS = 10.0
_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_CIAM_ISSUER = re.compile(rf"https://({_GUID})\.ciamlogin\.com/({_GUID})/v2\.0")
_ENTRA_AUTHORITY = re.compile(r"https://[^/]+/([^/]+)/v2\.0")


@dataclass(frozen=True, slots=True)
class Discovery:
    """The endpoints of one provider (OpenID Connect Discovery 1.0 section 3); the optional ones may be empty.

    `tenant_id` is the GUID that a token's `tid` must equal, or empty where the issuer names none.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str
    device_authorization_endpoint: str
    iss_in_response: bool
    tenant_id: str
    document: Mapping[str, Any]


class Provider:
    """One provider's discovery document and keys, fetched when first needed and kept for a day at most.

    What cannot be used is never kept. Lives on one thread. `clock` gives seconds that only grow, `now` this computer's
    time of day, in seconds since 1970.
    """

    def __init__(
        self,
        authority: str,
        http: HttpClient,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.authority = authority
        self._http = http
        self._clock = clock
        self._now = now
        self._discovery: Discovery | None = None
        self._discovered = float("-inf")
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._keys_fetched = float("-inf")
        self._keys_asked = float("-inf")
        self._slow: float | None = None

    def discovery(self, *, fresh: bool = False) -> Discovery:
        """The checked discovery document; `fresh` asks the provider again, which shows whether it answers now.

        After that an unknown key is asked for again at once, too: somebody has pressed Try again. Raises NetworkError
        when nobody answers or a network's sign-in page does, ProviderError when the answer cannot be used.
        """
        if fresh or self._discovery is None or self._clock() - self._discovered > KEPT_SECONDS:
            found = read_discovery(self.authority, self._document(self.authority + DISCOVERY_SUFFIX))
            if self._discovery is not None and self._discovery.jwks_uri != found.jwks_uri:
                self._keys = {}
            self._discovery, self._discovered = found, self._clock()
            self._keys_asked = float("-inf")
        return self._discovery

    def key(self, kid: str, *, failed: Mapping[str, Any] | None = None) -> Mapping[str, Any] | None:
        """The signing key (a JWK, RFC 7517) with this id, or None.

        The provider is asked once more when the id is not known, or what is kept under it is the key that just
        `failed`, since keys change; but not within `KEYS_PAUSE_SECONDS` of the last time. Raises as `discovery` does.
        """
        now = self._clock()
        stale = not self._keys or now - self._keys_fetched > KEPT_SECONDS
        wanting = self._keys.get(kid) in (None, failed)
        if stale or (wanting and now - self._keys_asked > KEYS_PAUSE_SECONDS):
            self.keys()
        return self._keys.get(kid)

    def keys(self) -> Mapping[str, Mapping[str, Any]]:
        """All signing keys by id, as the provider publishes them now; raises as `discovery` does."""
        self._keys = _signing_keys(self._document(self.discovery().jwks_uri))
        self._keys_fetched = self._keys_asked = self._clock()
        return self._keys

    def wrong_clock(self) -> str | None:
        """A sentence on how far this computer's clock was off at the provider's last answer; "" if it was not.

        None when that answer did not tell the time.
        """
        return None if self._slow is None else wrong_clock(self._slow)

    def _document(self, url: str) -> dict[str, Any]:
        host = urlsplit(url).hostname or ""
        asked = self._now()
        answer = self._http.send("GET", url, headers={"Accept": "application/json"}, limit=DOCUMENT_LIMIT_BYTES)
        self._slow = slowness(answer.headers, asked, self._now())
        if outside := in_the_way(answer, url):
            raise outside
        if 300 <= answer.status < 400:
            raise ProviderError(
                _("%(host)s points elsewhere; its address in the settings is not right.") % {"host": host}
            )
        if answer.status != 200:
            sentence = _("%(host)s knows no such tenant (%(status)d); check the authority in the settings.")
            raise ProviderError(sentence % {"host": host, "status": answer.status})
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            sentence = _("%(host)s answered with something that is no provider's settings; check the authority.")
            raise ProviderError(sentence % {"host": host})
        return document


def _signing_keys(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The keys of a JWK set (RFC 7517 section 5) by id; an id that two different keys share tells nothing."""
    keys = document.get("keys")
    found: dict[str, Mapping[str, Any]] = {}
    shared: set[str] = set()
    for key in keys if isinstance(keys, list) else ():
        kid = key.get("kid") if isinstance(key, dict) else None
        if not isinstance(kid, str) or not kid or key.get("use", "sig") != "sig":
            continue
        if found.setdefault(kid, key) != key:
            shared.add(kid)
    return {kid: key for kid, key in found.items() if kid not in shared}


def read_discovery(authority: str, document: Mapping[str, Any]) -> Discovery:
    """Check a discovery document against the authority that it was fetched from.

    Every endpoint must be https; the two that a browser opens may be plain http on loopback when the authority is on
    loopback too. Raises ProviderError naming what does not fit.
    """
    local = urlsplit(authority).hostname in LOOPBACK_HOSTS

    def endpoint(name: str, *, browser: bool = False, needed: bool = False) -> str:
        url = document.get(name)
        if url is None and not needed:
            return ""
        if not isinstance(url, str) or not _sound_url(url, loopback_http=browser and local):
            raise ProviderError(
                _("The provider's settings name an unusable %(name)s; nothing was opened or sent.") % {"name": name}
            )
        return url

    issuer = document.get("issuer")
    if not isinstance(issuer, str) or not issuer_fits(issuer, authority):
        raise ProviderError(_("The provider names itself by another issuer than its address; it is not trusted."))
    ciam = _CIAM_ISSUER.fullmatch(issuer)
    tenant = ciam.group(1) if ciam else _tenant_in(issuer)
    return Discovery(
        issuer=issuer,
        authorization_endpoint=endpoint("authorization_endpoint", browser=True, needed=True),
        token_endpoint=endpoint("token_endpoint", needed=True),
        jwks_uri=endpoint("jwks_uri", needed=True),
        end_session_endpoint=endpoint("end_session_endpoint", browser=True),
        device_authorization_endpoint=endpoint("device_authorization_endpoint"),
        iss_in_response=document.get("authorization_response_iss_parameter_supported") is True,
        tenant_id=tenant,
        document=document,
    )


def issuer_fits(issuer: str, authority: str) -> bool:
    """Whether `issuer` may be what `authority` calls itself.

    It is the authority itself (OpenID Connect Discovery 1.0 section 4.3), or, for an external tenant, whose
    documents name the tenant's GUID wherever they are fetched from, `https://<id>.ciamlogin.com/<id>/v2.0`.
    """
    if issuer.rstrip("/") == authority.rstrip("/"):
        return True
    ciam = _CIAM_ISSUER.fullmatch(issuer)
    asked = _ENTRA_AUTHORITY.fullmatch(authority)
    if ciam and ciam.group(1).lower() == ciam.group(2).lower() and asked:
        named, host = asked.group(1), urlsplit(authority).hostname or ""
        subdomain = host.removesuffix(".ciamlogin.com")
        # A GUID, wherever the authority has one, must be the issuer's; a name cannot be compared.
        guids = [part.lower() for part in (named, subdomain) if re.fullmatch(_GUID, part)]
        known = host != subdomain or bool(guids) or named.endswith(".onmicrosoft.com")
        return known and all(guid == ciam.group(1).lower() for guid in guids)
    # A workforce tenant asked for by name answers with its GUID on the same host.
    theirs = _ENTRA_AUTHORITY.fullmatch(issuer)
    if theirs and asked and urlsplit(issuer).netloc == urlsplit(authority).netloc:
        return bool(re.fullmatch(_GUID, theirs.group(1))) and not re.fullmatch(_GUID, asked.group(1))
    return False


def _tenant_in(issuer: str) -> str:
    entra = _ENTRA_AUTHORITY.fullmatch(issuer)
    return entra.group(1) if entra and re.fullmatch(_GUID, entra.group(1)) else ""


def _sound_url(url: str, *, loopback_http: bool) -> bool:
    try:
        parts = urlsplit(url)
        _port = parts.port  # raises for what is no port
    except ValueError:
        return False
    # A browser reads a backslash as a slash, which would make another host of the same text.
    odd = "\\" in url or not url.isascii() or any(ord(c) <= 32 or ord(c) == 127 for c in url)
    if not parts.hostname or "@" in parts.netloc or "#" in url or odd:
        return False
    return parts.scheme == "https" or (loopback_http and parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)
