"""Owns the setup check: whether everything that a sign-in needs is there, found out without signing in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ciam_desktop.core.authority import is_entra
from ciam_desktop.core.clock import slowness, wrong_clock
from ciam_desktop.core.errors import CiamError, ListenerError, NetworkError, SignInError, StoredFormatError, VaultLocked
from ciam_desktop.core.findings import Finding, Outcome
from ciam_desktop.core.http import Answer, HttpClient
from ciam_desktop.core.identity.idtoken import LEEWAY_SECONDS
from ciam_desktop.core.identity.kept import SetAside
from ciam_desktop.core.identity.loopback import RedirectListener
from ciam_desktop.core.identity.provider import DISCOVERY_SUFFIX, Discovery, Provider, issuer_fits
from ciam_desktop.core.identity.signing_keys import can_prove
from ciam_desktop.core.port_owner import holder
from ciam_desktop.i18n import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ciam_desktop.core.config import Settings, Tenant
    from ciam_desktop.core.identity.vault import Vault

_API_LIMIT_BYTES = 16 * 1024 * 1024


def check(
    tenant: Tenant,
    settings: Settings,
    http: HttpClient,
    open_vault: Callable[[], Vault],
    *,
    now: Callable[[], float] = time.time,
) -> Iterator[Finding]:
    """Check discovery, issuer, signing keys, clock, redirect port, vault and API; yields each as soon as it is known.

    Nobody is signed in, and no token is sent. `settings` tell the redirect and where the tenant came from; `tenant` is
    theirs, or the sandbox's. `open_vault` is called once, and a keyring may then ask the person to unlock it. `now`
    gives this computer's clock, in seconds since 1970. A check that needs what an earlier one did not get is SKIPPED;
    no CiamError is ever raised. For any one thread, which it keeps for as long as the network takes.
    """
    witness = _Witness(http, now)
    provider = Provider(tenant.authority, witness)
    setting = "TENANT_SUBDOMAIN" if "TENANT_SUBDOMAIN" in settings.sources else "AUTHORITY"
    started = time.monotonic()
    discovery, error = _discover(provider)
    answered = witness.last
    yield from _discovery_and_issuer(tenant.authority, setting, discovery, error, answered, time.monotonic() - started)
    yield _keys(provider, discovery, setting)
    yield _clock(answered)
    yield _redirect_port(tenant, settings)
    yield _vault(open_vault)
    yield _api(tenant.api_endpoint, http)


@dataclass(frozen=True, slots=True)
class _Witnessed:
    """An answer, and this computer's clock when it was asked for and when it was there."""

    answer: Answer
    asked: float
    came: float


class _Witness(HttpClient):
    """Sends through another client and remembers the last answer; a Provider keeps no headers."""

    def __init__(self, http: HttpClient, now: Callable[[], float]) -> None:
        # No session of its own: everything is sent, and closed, by the other client.
        self._http = http
        self._now = now
        self.last: _Witnessed | None = None

    def close(self) -> None:
        """Nothing here is open; the other client belongs to its maker."""

    def send(self, method: str, url: str, **options: Any) -> Answer:
        self.last, asked = None, self._now()
        answer = self._http.send(method, url, **options)
        self.last = _Witnessed(answer, asked, self._now())
        return answer


def _discover(provider: Provider) -> tuple[Discovery | None, NetworkError | SignInError | None]:
    try:
        return provider.discovery(), None
    except (NetworkError, SignInError) as error:
        return None, error


def _discovery_and_issuer(
    authority: str,
    setting: str,
    discovery: Discovery | None,
    error: NetworkError | SignInError | None,
    answered: _Witnessed | None,
    seconds: float,
) -> Iterator[Finding]:
    title, issuer_title = _("Discovery"), _("Issuer")
    stranger = _other_issuer(authority, answered) if error else ""
    if error and not stranger:
        yield Finding(title, Outcome.WRONG, str(error), _provider_advice(error, authority, setting))
        yield Finding(issuer_title, Outcome.SKIPPED, _("Not checked: there is no usable discovery document."))
        return
    fetched = _("The discovery document of %(host)s came in %(ms)d ms.")
    yield Finding(title, Outcome.FINE, fetched % {"host": urlsplit(authority).hostname, "ms": round(seconds * 1000)})
    if discovery is None:
        advice = _("It calls itself %(issuer)s; if that is the provider you mean, correct %(setting)s.")
        yield Finding(issuer_title, Outcome.WRONG, str(error), advice % {"issuer": stranger, "setting": setting})
        return
    if discovery.issuer.rstrip("/") == authority.rstrip("/"):
        told = _("The issuer is the address in the settings: %(issuer)s.")
    else:
        told = _("The issuer is the tenant by its ID: %(issuer)s.")
    yield Finding(issuer_title, Outcome.FINE, told % {"issuer": discovery.issuer})


def _other_issuer(authority: str, answered: _Witnessed | None) -> str:
    """The issuer that a discovery document names though it may not, or nothing when that is not what is wrong."""
    document = _json(answered)
    issuer = document.get("issuer")
    if not isinstance(issuer, str) or issuer_fits(issuer, authority):
        return ""
    # It comes from who knows where, and is meant to be read in one line.
    return issuer if issuer and len(issuer) <= 200 and all("!" <= c <= "~" for c in issuer) else ""


def _json(answered: _Witnessed | None) -> Mapping[str, Any]:
    try:
        document = answered.answer.json() if answered else None
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {}


def _provider_advice(error: NetworkError | SignInError, authority: str, setting: str) -> str:
    if isinstance(error, NetworkError):
        return _network_advice(error, setting)
    advice = _("Correct %(setting)s; in a browser %(url)s must show the provider's settings.")
    return advice % {"setting": setting, "url": authority + DISCOVERY_SUFFIX}


def _network_advice(error: NetworkError, setting: str) -> str:
    match error.reason:
        case "dns":
            advice = _("Check the network connection, and %(setting)s for a typing error.")
        case "refused":
            advice = _("Check that the server runs, and the port in %(setting)s.")
        case "certificate":
            advice = _(
                "If an authority of your own signed it, name that authority's PEM file in CA_BUNDLE; "
                "else check %(setting)s."
            )
        case "certificate not yet valid" | "certificate expired":
            advice = _("Have this computer set its date and time by the network.")
        case "certificate of another" | "captive portal":
            advice = _("Open any page in your browser and sign in to the network; else check %(setting)s.")
        case "tls":
            advice = _("Check that %(setting)s names a server that speaks https, and no proxy is in the way.")
        case "proxy" | "proxy sign-in" | "proxy refuses" | "proxy answers":
            advice = _("Check the proxy in this computer's network settings.")
        case "blocked":
            advice = _("Allow this program in this computer's firewall.")
        case "offline" | "timeout" | "no connection in time" | "broken off" | "connection":
            advice = _("Check the network connection, and whether a firewall or a proxy is in the way.")
        case "too large" | "protocol" | "address":
            advice = _("Check %(setting)s.")
        case _:  # the server is busy or out of order, or its certificate was revoked
            advice = _("Try again in a while.")
    return advice % {"setting": setting}


def _keys(provider: Provider, discovery: Discovery | None, setting: str) -> Finding:
    title = _("Signing keys")
    if discovery is None:
        return Finding(title, Outcome.SKIPPED, _("Not checked: there is no usable discovery document."))
    try:
        n = sum(map(can_prove, provider.keys().values()))
    except NetworkError as error:
        return Finding(title, Outcome.WRONG, str(error), _network_advice(error, setting))
    except SignInError as error:
        advice = _("The provider names %(url)s as the place of its keys; ask its administrator.")
        return Finding(title, Outcome.WRONG, str(error), advice % {"url": discovery.jwks_uri[:200]})
    if not n:
        advice = _("Ask the provider's administrator for an RSA key of 2048 bits or more, or an EC key, with an id.")
        return Finding(title, Outcome.WRONG, _("The provider publishes no key that can prove an ID token."), advice)
    told = ngettext(
        "The provider publishes %(n)d key that can prove ID tokens.",
        "The provider publishes %(n)d keys that can prove ID tokens.",
        n,
    )
    return Finding(title, Outcome.FINE, told % {"n": n})


def _clock(answered: _Witnessed | None) -> Finding:
    title = _("Clock")
    if answered is None:
        return Finding(title, Outcome.SKIPPED, _("Not checked: the provider did not answer."))
    slow = slowness(answered.answer.headers, answered.asked, answered.came)
    if slow is None:
        return Finding(title, Outcome.WORTH_KNOWING, _("The provider does not tell the time to compare with."))
    told = wrong_clock(slow)
    if not told:
        return Finding(title, Outcome.FINE, _("This computer's clock goes with the provider's."))
    advice = _("Have this computer set its date and time by the network.")
    if abs(slow) <= LEEWAY_SECONDS:
        return Finding(title, Outcome.WORTH_KNOWING, told, advice)
    advice = _("Have this computer set its date and time by the network; until then a sign-in cannot be verified.")
    return Finding(title, Outcome.WRONG, told, advice)


def _redirect_port(tenant: Tenant, settings: Settings) -> Finding:
    title = _("Redirect port")
    entra = is_entra(tenant.authority)
    address = urlsplit(settings.redirect_uri)
    if entra and address.hostname == "::1":
        told = _("The redirect URI names [::1], which cannot be registered at Entra.")
        return Finding(title, Outcome.WRONG, told, _("Put http://localhost in its place in REDIRECT_URI."))
    wanted = address.port
    try:
        opened = _open_and_close(settings)
    except ListenerError as error:
        return Finding(title, Outcome.WRONG, str(error))
    if wanted is not None and opened != wanted:
        if who := holder(wanted):
            told = _("Port %(port)d is used by %(who)s; a sign-in now would use port %(other)d.")
        else:  # also a port that only an administrator may have
            told = _("Port %(port)d is taken or not allowed; a sign-in now would use port %(other)d.")
        told %= {"port": wanted, "who": who, "other": opened}
        advice = "" if entra else _("If your provider compares the port, end that program or set STRICT_PORT=yes.")
        return Finding(title, Outcome.WORTH_KNOWING, told, advice)
    if entra and address.hostname == "127.0.0.1":
        told = _("The redirect URI names 127.0.0.1, which can be registered at Entra in the app's manifest only.")
        advice = _("Use http://localhost in REDIRECT_URI, or add it to the manifest by hand.")
        return Finding(title, Outcome.WORTH_KNOWING, told, advice)
    if wanted is None:
        return Finding(title, Outcome.FINE, _("Any free port takes the browser's answer, and there is one."))
    return Finding(title, Outcome.FINE, _("Port %(port)d is free for the browser's answer.") % {"port": wanted})


def _open_and_close(settings: Settings) -> int:
    """The port that a sign-in would have now; raises ListenerError."""
    listener = RedirectListener(settings.redirect_uri, strict_port=settings.strict_port)
    try:
        return urlsplit(listener.open()).port or 0
    finally:
        listener.close()


def _vault(open_vault: Callable[[], Vault]) -> Finding:
    title = _("Saved sign-in")
    try:
        vault = open_vault()
        entry = vault.read()
    except VaultLocked as error:
        return Finding(title, Outcome.WRONG, str(error), _("Unlock this computer's keyring, then check again."))
    except SetAside as error:
        return Finding(title, Outcome.WORTH_KNOWING, str(error))
    except StoredFormatError as error:
        advice = _(
            "If no update of this program helps, remove its entry from this computer's keyring and sign in again."
        )
        return Finding(title, Outcome.WRONG, str(error), advice)
    except CiamError as error:
        return Finding(title, Outcome.WRONG, str(error))
    if vault.reason:
        told = _("Your sign-in will stay in memory only: %(why)s") % {"why": vault.reason}
        advice = _("You sign in again at each start; with a running keyring service you would not need to.")
        return Finding(title, Outcome.WORTH_KNOWING, told, advice)
    if entry.people:
        return Finding(title, Outcome.FINE, _("A sign-in is kept encrypted, and can be read."))
    return Finding(title, Outcome.FINE, _("No sign-in is kept now; the next one will be, encrypted."))


def _api(endpoint: str, http: HttpClient) -> Finding:
    """Ask without a token: a service that protects its to-dos must answer 401 (RFC 6750 section 3)."""
    title = _("To-do service")
    try:
        answer = http.send("GET", endpoint, headers={"Accept": "application/json"}, limit=_API_LIMIT_BYTES)
    except NetworkError as error:
        return Finding(title, Outcome.WRONG, str(error), _network_advice(error, "API_ENDPOINT"))
    named = {"host": urlsplit(endpoint).hostname, "status": answer.status}
    html = answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html"
    match answer.status:
        case 401:
            told = _("%(host)s answers, and asks for a sign-in (401), as it should.")
            return Finding(title, Outcome.FINE, told % named)
        case 404:
            told = _("%(host)s answers, but there is no to-do service at this address (404).")
            advice = _("Check the path in API_ENDPOINT.")
        case status if 300 <= status < 400:
            told = _("%(host)s points elsewhere (%(status)d).")
            advice = _("Give the address it points to as API_ENDPOINT; if that is a sign-in page, it is no API.")
        case status if status < 300 and html:
            told = _("%(host)s answers with a web page (%(status)d).")
            advice = _("Check API_ENDPOINT; a network's own sign-in page may be in the way, too.")
        case status if status < 300:
            told = _("%(host)s answers without a sign-in (%(status)d).")
            advice = _("Anybody can ask it: have the service demand an access token, or check API_ENDPOINT.")
        case status if status == 429 or status >= 500:
            told = _("%(host)s is out of order at the moment (%(status)d).")
            advice = _("Try again in a while, and look into the service's own log.")
        case _:
            told = _("%(host)s refuses without asking for a sign-in (%(status)d).")
            advice = _("Check API_ENDPOINT, and that no gateway or firewall stands before the service.")
    return Finding(title, Outcome.WRONG, told % named, advice)
