"""Owns sign-in for people: the authorization request, its redemption, silent tokens and sign-out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msal

from ciam_desktop.core.advice import refusal
from ciam_desktop.core.errors import (
    InteractionRequired,
    NetworkError,
    SignedOutElsewhere,
    StoredFormatError,
    TokenNotProven,
)
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.idtoken import Before, nonce_on_the_wire, prove
from ciam_desktop.core.identity.person import Person, Verdict, facts, person_from
from ciam_desktop.core.identity.provider import Provider
from ciam_desktop.core.identity.transport import UNREADABLE, MsalTransport, bearer_token, unreadable
from ciam_desktop.core.identity.vault import Entry, Vault
from ciam_desktop.i18n import _

_CREDENTIALS = msal.TokenCache.CredentialType


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """One authorization request (RFC 6749 section 4.1.1) on its way; holds the state, nonce and PKCE verifier."""

    uri: str = field(repr=False)
    state: str = field(repr=False)
    issuer: str
    issuer_required: bool
    scopes: tuple[str, ...]
    flow: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token for the API and the scopes that were granted with it."""

    value: str = field(repr=False)
    scopes: frozenset[str]


class People:
    """Signs people in and keeps them signed in. Lives on one thread: MSAL and the vault are used by nobody else."""

    def __init__(self, client_id: str, provider: Provider, vault: Vault, http: HttpClient) -> None:
        self._client_id = client_id
        self._provider = provider
        self._vault = vault
        self._http = http

    def restore(self) -> Person | None:
        """Who was signed in when the program last ran; asks the vault only, never the network.

        Raises VaultLocked, StoredFormatError.
        """
        entry = self._vault.read()
        return _person(entry, entry.current)

    def begin(
        self,
        redirect_uri: str,
        scopes: Sequence[str],
        *,
        login_hint: str = "",
        prompt: str = "",
        claims: str = "",
        language: str = "",
    ) -> AuthorizationRequest:
        """Make an authorization request with PKCE S256, state and nonce (RFC 7636, RFC 9700 section 2.1.1).

        `language` ("de-DE") asks for pages in it. Raises NetworkError, SignInError.
        """
        discovery = self._provider.discovery()
        flow = self._app(msal.TokenCache()).initiate_auth_code_flow(
            list(scopes),
            redirect_uri=redirect_uri,
            response_mode="form_post",
            login_hint=login_hint or None,
            prompt=prompt or None,
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
            result = self._app(cache).acquire_token_by_auth_code_flow(dict(request.flow), dict(parameters))
        except UNREADABLE:
            raise unreadable() from None
        except RuntimeError:  # MSAL's nonce check; its message holds the nonce
            raise TokenNotProven(_("The ID token does not belong to this sign-in."), check="nonce") from None
        if "error" in result:
            raise refusal(result)
        bearer_token(result)
        tokens = json.loads(cache.serialize())
        verdict, account_id = self._proven(tokens, nonce=nonce_on_the_wire(str(request.flow["nonce"])))
        granted = _granted(request.scopes, result.get("scope"))
        entry = self._vault.change(lambda kept: kept.with_account(account_id, tokens, facts(verdict, granted)))
        person = _person(entry, account_id)
        if person is None:
            raise unreadable()
        return person

    def access_token(self, account_id: str, *, claims: str = "", renew: bool = False) -> AccessToken:
        """A token for the API, from the cache or renewed silently; `renew` leaves out the cached one.

        Raises InteractionRequired when the person must sign in, NetworkError, TokenNotProven, VaultError.
        """
        entry = self._vault.read()
        try:
            return self._silent(entry, account_id, claims, renew=renew)
        except InteractionRequired as refused:
            # Another program on this vault may have renewed meanwhile, which can end the older refresh token.
            newer = self._vault.read()
            if refused.error != "invalid_grant" or newer == entry:
                raise
        return self._silent(newer, account_id, claims, renew=renew)

    def _silent(self, entry: Entry, account_id: str, claims: str, *, renew: bool) -> AccessToken:
        before = _person(entry, account_id)
        if before is None:
            raise SignedOutElsewhere(_("You were signed out in another window of this program."))
        if not before.scopes:  # MSAL would get a token that is meant for another API
            raise InteractionRequired(_("The app has not been granted this permission."), error="consent_required")
        cache = msal.SerializableTokenCache()
        try:
            cache.deserialize(json.dumps(entry.tokens))
            app = self._app(cache)
            account = next((a for a in app.get_accounts() if a["home_account_id"] == account_id), None)
            result = account and app.acquire_token_silent_with_error(
                sorted(before.scopes),
                account,
                claims_challenge=claims or None,
                force_refresh=renew,
                http_exceptions=(NetworkError,),
            )
        except UNREADABLE:
            raise unreadable() from None
        if not result:
            raise InteractionRequired(_("Your sign-in cannot be renewed without you."))
        if "error" in result:
            raise refusal(result, silent=True)
        token, granted = bearer_token(result), before.scopes
        if cache.has_state_changed:
            granted = self._keep_renewed(json.loads(cache.serialize()), entry, before, result)
        return AccessToken(token, granted)

    def sign_out(self, account_id: str) -> None:
        """Remove every token of `account_id` from this computer; raises VaultError."""
        self._vault.change(lambda kept: kept.without_account(account_id))

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

    def _keep_renewed(
        self, tokens: Mapping[str, Any], entry: Entry, before: Person, result: Mapping[str, Any]
    ) -> frozenset[str]:
        """Prove a renewed ID token on the copy, then write the vault; returns the scopes now granted."""
        tokens = _attributed(tokens, before.account_id)
        if not _holds_access_token(tokens, before.account_id, result["access_token"]):
            raise TokenNotProven(_("The renewed token is about somebody else."), check="client_info")
        verdict, granted = before.verdict, _granted(sorted(before.scopes), result.get("scope"))
        if _raw_id_token(tokens, before.account_id) != _raw_id_token(entry.tokens, before.account_id):
            binding = Before(before.verdict.issuer, str(before.verdict.claims["sub"]))
            verdict, _account = self._proven(tokens, account_id=before.account_id, before=binding)

        def renewed(kept: Entry) -> Entry:
            if before.account_id not in kept.people:  # signed out meanwhile: nothing comes back
                return kept
            current = kept.current
            kept = kept.with_account(before.account_id, tokens, facts(verdict, granted))
            return Entry(kept.tokens, kept.people, current)

        self._vault.change(renewed)
        return granted

    def _proven(
        self,
        tokens: Mapping[str, Any],
        *,
        account_id: str | None = None,
        nonce: str | None = None,
        before: Before | None = None,
    ) -> tuple[Verdict, str]:
        entries = [
            entry
            for entry in tokens.get(_CREDENTIALS.ID_TOKEN, {}).values()
            if account_id is None or entry.get("home_account_id") == account_id
        ]
        if len(entries) != 1:
            raise TokenNotProven(_("The provider sent no ID token."), check="id_token")
        verdict = prove(str(entries[0]["secret"]), self._provider, self._client_id, nonce=nonce, before=before)
        return verdict, str(entries[0]["home_account_id"])

    def _app(self, cache: msal.TokenCache) -> msal.PublicClientApplication:
        """A fresh MSAL client: it holds no tokens but `cache`'s and remembers no earlier failure (its throttling)."""
        discovery = self._provider.discovery()
        try:
            return msal.PublicClientApplication(
                self._client_id,
                oidc_authority=self._provider.authority,
                token_cache=cache,
                http_client=MsalTransport(self._provider.authority, discovery, self._http),
                instance_discovery=False,
            )
        except UNREADABLE:  # such as an authority or a token endpoint without a path, which MSAL cannot use
            raise unreadable() from None


def _granted(asked: Sequence[str], answered: object) -> frozenset[str]:
    """Which of the scopes `asked` the provider granted; a response without `scope` granted all (RFC 6749 5.1)."""
    if not isinstance(answered, str) or not answered.strip():
        return frozenset(asked)
    words = {word.lower() for word in answered.split()}
    # Some providers answer with the short name that the token will hold.
    return frozenset(scope for scope in asked if scope.lower() in words or scope.rpartition("/")[2].lower() in words)


def _person(entry: Entry, account_id: str) -> Person | None:
    kept = entry.people.get(account_id)
    try:
        return person_from(account_id, kept) if kept else None
    except (LookupError, TypeError, AttributeError, ValueError):
        raise StoredFormatError(_("The saved sign-in cannot be read; it was left as it is.")) from None


def _attributed(tokens: Mapping[str, Any], account_id: str) -> dict[str, Any]:
    """`tokens` with those that MSAL could not attribute given to the account that was renewed.

    A renewal that comes with neither `client_info` nor an ID token names nobody; the refresh token was this account's.
    MSAL's keys begin with the account.
    """
    return {
        kind: {
            (f"{account_id}{key}".lower() if unnamed else key): (
                {**each, "home_account_id": account_id} if unnamed else each
            )
            for key, each in entries.items()
            for unnamed in ["home_account_id" in each and each["home_account_id"] is None]
        }
        for kind, entries in tokens.items()
    }


def _holds_access_token(tokens: Mapping[str, Any], account_id: str, secret: str) -> bool:
    entries = tokens.get(_CREDENTIALS.ACCESS_TOKEN, {}).values()
    return any(each.get("home_account_id") == account_id and each.get("secret") == secret for each in entries)


def _raw_id_token(tokens: Mapping[str, Any], account_id: str) -> str:
    entries = tokens.get(_CREDENTIALS.ID_TOKEN, {}).values()
    return next((str(entry["secret"]) for entry in entries if entry.get("home_account_id") == account_id), "")
