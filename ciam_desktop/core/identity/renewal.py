"""Owns renewal without the person: a kept token, or a new one that is proven before the vault holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msal

from ciam_desktop.core.advice import refusal
from ciam_desktop.core.errors import (
    InteractionRequired,
    NetworkError,
    SignedOutElsewhere,
    StoredFormatError,
    TokenNotProven,
)
from ciam_desktop.core.identity.grants import CREDENTIALS, Grants, granted_of
from ciam_desktop.core.identity.person import NO_PERSON, Person, facts, nonce_of, person_from
from ciam_desktop.core.identity.transport import UNREADABLE, bearer_token, unreadable
from ciam_desktop.core.identity.vault import OWNER, Entry, Vault
from ciam_desktop.i18n import _


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token for the API and the scopes that were granted with it."""

    value: str = field(repr=False)
    scopes: frozenset[str]


class Renewal:
    """Gets tokens silently, for one account at a time and with that account's tokens only. Lives on one thread."""

    def __init__(self, grants: Grants, vault: Vault) -> None:
        self._grants = grants
        self._vault = vault

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
            if refused.error != "invalid_grant" or _is_as_before(newer, entry, account_id):
                raise
        return self._silent(newer, account_id, claims, renew=renew)

    def _silent(self, entry: Entry, account_id: str, claims: str, *, renew: bool) -> AccessToken:
        before = person_in(entry, account_id)
        if before is None:
            raise signed_out_elsewhere()
        if not before.scopes:  # MSAL would get a token that is meant for another API
            raise InteractionRequired(_("The app has not been granted this permission."), error="consent_required")
        cache = msal.SerializableTokenCache()
        try:
            cache.deserialize(json.dumps(entry.of_account(account_id)))
            app = self._grants.app(cache)
            account = next((a for a in app.get_accounts() if a[OWNER] == account_id), None)
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

    def _keep_renewed(
        self, tokens: Mapping[str, Any], entry: Entry, before: Person, result: Mapping[str, Any]
    ) -> frozenset[str]:
        """Prove a renewed ID token on the copy, then write the vault; returns the scopes now granted."""
        tokens = _attributed(tokens, before.account_id)
        if not _holds_access_token(tokens, before.account_id, result["access_token"]):
            raise TokenNotProven(_("The renewed token is about somebody else."), check="client_info")
        verdict, granted = before.verdict, granted_of(sorted(before.scopes), result.get("scope"))
        nonce = nonce_of(entry.people[before.account_id])
        if _raw_id_token(tokens, before.account_id) != _raw_id_token(entry.tokens, before.account_id):
            verdict, _account = self._grants.proven(
                tokens, account_id=before.account_id, nonce=nonce, before=before.verdict
            )

        def renewed(kept: Entry) -> Entry:
            # Signed out meanwhile: nothing comes back. Signed in again or renewed meanwhile: what is newer stays.
            if not _is_as_before(kept, entry, before.account_id):
                return kept
            changed = kept.with_account(before.account_id, tokens, facts(verdict, granted, nonce))
            return replace(changed, current=kept.current)

        self._vault.change(renewed)
        return granted


def _is_as_before(kept: Entry, entry: Entry, account_id: str) -> bool:
    """Whether this account is kept as it was, whatever became of others and of what is nobody's."""
    now, then = (
        [each for entries in some.tokens.values() for each in entries.values() if each.get(OWNER) == account_id]
        for some in (kept, entry)
    )
    return kept.people.get(account_id) == entry.people.get(account_id) and now == then


def person_in(entry: Entry, account_id: str) -> Person | None:
    """Who is kept under `account_id`, if anybody; raises StoredFormatError for what cannot be read."""
    kept = entry.people.get(account_id)
    try:
        return person_from(account_id, kept) if kept else None
    except NO_PERSON:
        raise StoredFormatError(_("The saved sign-in cannot be read; it was left as it is.")) from None


def _attributed(tokens: Mapping[str, Any], account_id: str) -> dict[str, Any]:
    """`tokens` with those that MSAL could not attribute given to the account that was renewed.

    A renewal that comes with neither `client_info` nor an ID token names nobody; the refresh token was this account's.
    MSAL's keys begin with the account.
    """
    return {
        kind: {
            (f"{account_id}{key}".lower() if unnamed else key): ({**each, OWNER: account_id} if unnamed else each)
            for key, each in entries.items()
            for unnamed in [OWNER in each and each[OWNER] is None]
        }
        for kind, entries in tokens.items()
    }


def _holds_access_token(tokens: Mapping[str, Any], account_id: str, secret: str) -> bool:
    entries = tokens.get(CREDENTIALS.ACCESS_TOKEN, {}).values()
    return any(each.get(OWNER) == account_id and each.get("secret") == secret for each in entries)


def _raw_id_token(tokens: Mapping[str, Any], account_id: str) -> str:
    entries = tokens.get(CREDENTIALS.ID_TOKEN, {}).values()
    return next((str(entry.get("secret", "")) for entry in entries if entry.get(OWNER) == account_id), "")


def signed_out_elsewhere() -> SignedOutElsewhere:
    """The error for an account that is not kept any more."""
    return SignedOutElsewhere(_("You were signed out in another window of this program."))
