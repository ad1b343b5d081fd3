"""Owns sign-in for people: the authorization request, its redemption, another device's code, and sign-out."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import msal

from ciam_desktop.core.advice import refusal
from ciam_desktop.core.errors import (
    NetworkError,
    SignInError,
    SignInTimedOut,
    StoredFormatError,
    TokenNotProven,
)
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.device_code import SLOWER_SECONDS, DeviceCode, read_device_code
from ciam_desktop.core.identity.grants import Grants, granted_of
from ciam_desktop.core.identity.idtoken import nonce_on_the_wire
from ciam_desktop.core.identity.person import Person, Verdict, facts
from ciam_desktop.core.identity.provider import Provider
from ciam_desktop.core.identity.renewal import AccessToken, Renewal, person_in, signed_out_elsewhere
from ciam_desktop.core.identity.transport import UNREADABLE, bearer_token, unreadable
from ciam_desktop.core.identity.vault import Entry, Vault
from ciam_desktop.i18n import _

_log = logging.getLogger(__name__)
_CLAIMS = "ciam_desktop_claims"
"""Where MSAL's device flow, a plain dictionary, carries the claims challenge from the first request to the others."""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """One authorization request (RFC 6749 section 4.1.1) on its way; holds the state, nonce and PKCE verifier."""

    uri: str = field(repr=False)
    state: str = field(repr=False)
    issuer: str
    issuer_required: bool
    scopes: tuple[str, ...]
    flow: Mapping[str, Any] = field(repr=False)


class People:
    """Signs people in and keeps them signed in. Lives on one thread: MSAL and the vault are used by nobody else."""

    def __init__(self, client_id: str, provider: Provider, vault: Vault, http: HttpClient) -> None:
        self._client_id = client_id
        self._provider = provider
        self._vault = vault
        self._http = http
        self._grants = Grants(client_id, provider, http)
        self._renewal = Renewal(self._grants, vault)

    def interrupt(self) -> None:
        """End the request under way, if any, with a NetworkError; the one method that any thread may call."""
        self._http.interrupt()

    def restore(self) -> tuple[tuple[Person, ...], str]:
        """All who are signed in, in the order of their sign-ins, and the account id that was in use ("" for none).

        Who cannot be read beside others that can is left out, until they sign in again or somebody signs out. Asks the
        vault only, never the network. Raises VaultLocked, StoredFormatError.
        """
        entry = self._vault.read()
        people = tuple(_readable(entry).values())
        if len(people) < sum(map(bool, entry.people.values())):
            _log.warning("a saved sign-in cannot be read; it was left out")
        known = [person.account_id for person in people]
        return people, entry.current if entry.current in known else next(iter(known), "")

    def choose(self, account_id: str) -> None:
        """Keep that `account_id` is in use; raises SignedOutElsewhere when it is not signed in, VaultError.

        StoredFormatError is raised for who cannot be read.
        """

        def chosen(kept: Entry) -> Entry:
            if person_in(kept, account_id) is None:
                raise signed_out_elsewhere()
            return replace(kept, current=account_id)

        entry = self._vault.read()
        if chosen(entry) != entry:
            self._vault.change(chosen)

    def begin(
        self,
        redirect_uri: str,
        scopes: Sequence[str],
        *,
        login_hint: str = "",
        prompt: str = "",
        claims: str = "",
        domain_hint: str = "",
        language: str = "",
    ) -> AuthorizationRequest:
        """Make an authorization request with PKCE S256, state and nonce (RFC 7636, RFC 9700 section 2.1.1).

        `language` ("de-DE") asks for pages in it. The provider's settings are asked for anew, so that another try is
        never answered from what was wrong. Raises NetworkError, SignInError.
        """
        discovery = self._provider.discovery(fresh=True)
        flow = self._grants.app(msal.TokenCache()).initiate_auth_code_flow(
            list(scopes),
            redirect_uri=redirect_uri,
            response_mode="form_post",
            login_hint=login_hint or None,
            prompt=prompt or None,
            domain_hint=domain_hint or None,
            claims_challenge=claims or None,
        )
        uri = str(flow["auth_uri"])
        if language:  # MSAL has no parameter for these two
            uri += "&" + urlencode({"ui_locales": language, "mkt": language})
        return AuthorizationRequest(
            uri, str(flow["state"]), discovery.issuer, discovery.iss_in_response, tuple(scopes), flow
        )

    def complete(self, request: AuthorizationRequest, parameters: Mapping[str, str]) -> Person:
        """Redeem the redirect's `parameters`, prove the ID token, and only then write the vault, once.

        Raises SignInError, TokenNotProven, NetworkError, VaultError; nothing is kept then.
        """
        cache = msal.SerializableTokenCache()
        try:
            result = self._grants.app(cache).acquire_token_by_auth_code_flow(dict(request.flow), dict(parameters))
        except UNREADABLE:
            raise unreadable() from None
        except RuntimeError:  # MSAL's nonce check; its message holds the nonce
            raise TokenNotProven(_("The ID token does not belong to this sign-in."), check="nonce") from None
        nonce = nonce_on_the_wire(str(request.flow["nonce"]))
        return self._keep(result, cache, request.scopes, nonce=nonce)

    def begin_device(self, scopes: Sequence[str], *, claims: str = "", language: str = "") -> DeviceCode:
        """Ask for a code that is typed on another device (RFC 8628 section 3.1).

        The provider's settings are asked for anew, as for `begin`. Raises NetworkError, SignInError.
        """
        discovery = self._provider.discovery(fresh=True)
        if not discovery.device_authorization_endpoint:
            raise SignInError(
                _("This provider does not offer sign-in on another device; sign in on this computer instead.")
            )
        started = time.time()
        try:
            flow = self._grants.app(msal.TokenCache()).initiate_device_flow(
                list(scopes),
                claims_challenge=claims or None,
                # MSAL has no parameter for these two, and takes the body for itself
                params={"ui_locales": language, "mkt": language} if language else None,
            )
        except UNREADABLE:
            raise unreadable() from None
        if "error" in flow:
            raise refusal(flow)
        flow[_CLAIMS] = claims
        return read_device_code(
            flow, authority=self._provider.authority, issuer=discovery.issuer, scopes=tuple(scopes), now=started
        )

    def poll_device(self, code: DeviceCode) -> Person | DeviceCode:
        """Ask once whether `code` was confirmed (RFC 8628 section 3.4): who signed in, or the code to ask with next.

        Who signed in is proven and kept as by `complete`. After a NetworkError the same code is good still. Raises
        SignInTimedOut, SignInError, TokenNotProven, NetworkError, VaultError.
        """
        if time.time() >= code.expires_at:
            raise _code_expired()
        cache = msal.SerializableTokenCache()
        try:
            result = self._grants.app(cache).acquire_token_by_device_flow(
                dict(code.flow),
                data={"scope": list(code.scopes)},  # else MSAL keeps a token for nothing when the answer is silent
                claims_challenge=code.flow[_CLAIMS] or None,
                exit_condition=lambda _flow: True,  # once: the caller waits, and can be cancelled
            )
        except UNREADABLE:
            raise unreadable() from None
        match result.get("error"):
            case "authorization_pending":
                return code
            case "slow_down":
                return replace(code, interval=code.interval + SLOWER_SECONDS)
            case "expired_token":
                raise _code_expired(refusal(result))
            case "temporarily_unavailable" | "server_error" as reason:  # the code outlives that
                host = urlsplit(self._provider.authority).hostname or ""
                raise NetworkError(
                    _("%(host)s is out of order at the moment.") % {"host": host}, host=host, reason=reason
                )
        return self._keep(result, cache, code.scopes)

    def access_token(self, account_id: str, *, claims: str = "", renew: bool = False) -> AccessToken:
        """A token for the API, from the cache or renewed silently; `renew` leaves out the cached one.

        Raises InteractionRequired when the person must sign in, NetworkError, TokenNotProven, VaultError.
        """
        return self._renewal.access_token(account_id, claims=claims, renew=renew)

    def sign_out(self, account_ids: Collection[str]) -> None:
        """Remove every token of these accounts from this computer, in one write; raises VaultError."""

        def signed_out(kept: Entry) -> Entry:
            # Nobody could ever sign out those that cannot be read: they leave with the first who does.
            return kept.without(*account_ids, *(kept.people.keys() - _readable(kept).keys()))

        self._vault.change(signed_out)

    def end_session_uri(self, person: Person, post_logout_redirect_uri: str) -> tuple[str, str]:
        """Where the browser ends the session at the provider, and the state that will come back.

        OpenID Connect RP-Initiated Logout 1.0 section 2; `id_token_hint` is left out, since a browser's command line
        and history are no places for a token. ("", "") when the provider has no such page. Raises NetworkError,
        SignInError.
        """
        endpoint = self._provider.discovery(fresh=True).end_session_endpoint  # else a browser would meet a dead page
        if not endpoint:
            return "", ""
        state = secrets.token_urlsafe(24)
        query = {
            "post_logout_redirect_uri": post_logout_redirect_uri,
            "client_id": self._client_id,
            "state": state,
        }
        if person.login_hint:
            query["logout_hint"] = person.login_hint
        return endpoint + ("&" if "?" in endpoint else "?") + urlencode(query), state

    def _keep(
        self, result: Mapping[str, Any], cache: msal.SerializableTokenCache, asked: Sequence[str], *, nonce: str = ""
    ) -> Person:
        """Prove what a sign-in brought into the throw-away `cache`, and only then write the vault, once."""
        if "error" in result:
            raise refusal(result)
        bearer_token(result)
        tokens = json.loads(cache.serialize())
        verdict, account_id = self._grants.proven(tokens, nonce=nonce)
        granted = granted_of(asked, result.get("scope"))

        def signed_in(kept: Entry) -> Entry:
            _refuse_somebody_else(kept, account_id, verdict)
            return kept.with_account(account_id, tokens, facts(verdict, granted, nonce))

        person = person_in(self._vault.change(signed_in), account_id)
        if person is None:
            raise unreadable()
        return person


def _readable(entry: Entry) -> dict[str, Person]:
    """Who is kept, by account id; left out are those of whom nothing is known or can be read."""
    people: dict[str, Person] = {}
    for account_id in entry.people:
        try:
            person = person_in(entry, account_id)
        except StoredFormatError:
            continue
        if person is not None:
            people[account_id] = person
    return people


def _refuse_somebody_else(kept: Entry, account_id: str, verdict: Verdict) -> None:
    """Raise TokenNotProven when `account_id` is another person's: a provider's `client_info` is not signed."""
    before = _readable(kept).get(account_id)
    if before is None or (before.verdict.issuer, before.verdict.audience) != (verdict.issuer, verdict.audience):
        return  # nobody's, or from before the settings were changed: subjects may be another for each app
    if before.verdict.claims.get("sub") != verdict.claims["sub"]:
        raise TokenNotProven(_("The sign-in is under the name of somebody else."), check="client_info")


def _code_expired(told: SignInError | None = None) -> SignInTimedOut:
    return SignInTimedOut(
        _("The code for the other device has expired; start again."),
        error="expired_token",
        code=told.code if told else "",
        correlation_id=told.correlation_id if told else "",
    )
