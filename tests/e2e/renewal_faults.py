"""Owns the table of renewals, and of calls to the API, that go wrong while somebody is signed in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from tests.e2e.provider_faults import (
    CHECK,
    ELSE,
    SETTINGS,
    SIGN_IN,
    SOMEBODY,
    TRY_AGAIN,
)
from tests.e2e.sitting import Fault

UNFETCHED, UNVERIFIED = "The list could not be fetched", "The renewed sign-in could not be verified"
AGAIN, UNSAVED = "Please sign in again", "Not saved yet"
_CHANGED = frozenset({"merge_patch", "truncated", "cut"})
CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'


class After(Enum):
    """What comes of it."""

    TOLD = auto()  # it is said, and all stays as it was
    OFFLINE = auto()  # it is said, and the list says since when it is offline
    ASKED = auto()  # a sign-in opens by itself, and what was refused is done afterwards
    REFUSED = auto()  # the same, and what was refused is refused again: that is said
    NOTHING = auto()  # nobody notices


@dataclass(frozen=True, slots=True)
class Renewed:
    """A reload with `faults`, or, for `adding`, a new to-do: the banner's title, words, button and details, if any.

    `claims` says whether the sign-in that opens must carry the API's, or the provider's, challenge, `by_itself` that
    nobody presses anything afterwards.
    """

    name: str
    faults: tuple[Fault, ...]
    after: After
    title: str = ""
    words: str = ""
    step: str = ""
    details: str = ""
    claims: bool = False
    adding: bool = False
    by_itself: bool = False

    @property
    def spends(self) -> bool:
        """Whether the provider carries the renewal out, so that the refresh token which stays has been used up there.

        The sandbox takes each once, as RFC 9700 section 4.14.2 advises for public clients.
        """
        fault = self.faults[0]
        return fault.at == "token" and (
            fault.kind.startswith(("token_", "other_")) or fault.kind in _CHANGED or bool(fault.arguments.get("done"))
        )


def _renewing(kind: str, **arguments: Any) -> Fault:
    return Fault("token", kind, {"grant": "refresh_token", **arguments})


def _network(name: str, fault: Fault, words: str, cause: str, step: str = TRY_AGAIN) -> Renewed:
    return Renewed(name, (fault,), After.OFFLINE, UNFETCHED, words, step, f"Cause: {cause}")


def _told(name: str, fault: Fault, words: str, step: str, details: str = "") -> Renewed:
    return Renewed(name, (fault,), After.TOLD, UNFETCHED, words, step, details)


def _unproven(name: str, check: str, words: str, kind: str, /, **arguments: Any) -> Renewed:
    fault = _renewing(kind, **arguments)
    step = TRY_AGAIN if check == "nonce" else CHECK
    return Renewed(f"id token: {name}", (fault,), After.TOLD, UNVERIFIED, words, step, f"Failed check: {check}")


def _asked(code: int, error: str = "invalid_grant", /, **more: Any) -> Renewed:
    fault = _renewing("oauth_error", error=error, code=code, times=1, **more)
    return Renewed(f"refused: {error} {code}", (fault,), After.ASKED, claims="claims" in more)


def _refused(code: int, words: str, step: str, error: str = "invalid_grant") -> Renewed:
    fault = _renewing("oauth_error", error=error, code=code)
    return Renewed(f"refused for good: {code}", (fault,), After.REFUSED, AGAIN, words, step)


_BROKEN_OFF = "broke the connection off"
_CHALLENGE = Fault("api.list", "challenge", {"claims": CLAIMS, "times": 1})

RENEWED = (
    # Refused, and answered by a sign-in that opens by itself.
    _asked(50173),
    _asked(70008),
    _asked(50055),
    _asked(700082, suberror="token_expired"),
    _asked(70000, suberror="bad_token"),
    _asked(65001, "consent_required"),
    _asked(50058, "login_required"),
    _asked(50076, "interaction_required", claims=CLAIMS),
    Renewed("API: claims challenge", (_CHALLENGE,), After.ASKED, claims=True),
    replace(_asked(50173), name="adding: refused", adding=True),
    Renewed("adding: claims challenge", (replace(_CHALLENGE, at="api.add"),), After.ASKED, claims=True, adding=True),
    # Refused again after that sign-in: told, and no loop.
    _refused(50173, "was revoked", SIGN_IN),
    _refused(50076, "more proof", SIGN_IN, "interaction_required"),
    Renewed("API: claims challenge for good", (replace(_CHALLENGE, arguments={"claims": CLAIMS}),), After.REFUSED,
            AGAIN, "does not accept your sign-in (401)", SIGN_IN, claims=True),
    # Refused in a way that no sign-in mends.
    _told("refused: app unknown", _renewing("oauth_error", error="unauthorized_client", code=700016),
          "does not know this app", SETTINGS, "Error: unauthorized_client\nCode: AADSTS700016"),
    _told("refused: too many", _renewing("oauth_error", error="invalid_request", code=50196), "Too many requests", "",
          "Code: AADSTS50196"),
    _told("refused: out of order", _renewing("oauth_error", error="temporarily_unavailable", code=90033),
          "out of order at the moment", TRY_AGAIN, "Code: AADSTS90033"),
    # Nobody answers.
    _network("token: 500", _renewing("status", status=500), "is out of order at the moment (500)", "500"),
    _network("token: busy", _renewing("status", status=503, retry_after=90), "try again in 90 seconds", "busy"),
    _network("token: portal", _renewing("captive_portal"), "A web page came in place", "captive portal"),
    _network("token: portal's redirect", _renewing("captive_portal", how="redirect", to=ELSE),
             "leads to login.other.example", "captive portal"),
    replace(_network("token: closed", _renewing("close"), _BROKEN_OFF, "broken off"), by_itself=True),
    Renewed("adding: closed", (_renewing("close"),), After.OFFLINE, UNSAVED, _BROKEN_OFF, TRY_AGAIN,
            "Cause: broken off", adding=True),
    _network("token: closed when done", _renewing("close", done=True), _BROKEN_OFF, "broken off"),
    _network("token: reset", _renewing("reset"), _BROKEN_OFF, "broken off"),
    _network("token: garbage", _renewing("garbage"), "is not HTTP", "protocol"),
    _network("token: cut", _renewing("cut"), _BROKEN_OFF, "broken off"),
    _network("token: bomb", _renewing("big_body", gzip=True), "is too large", "too large"),
    _network("certificate: expired", Fault("tenant", "certificate", {"flaw": "expired"}), " expired on ",
             "certificate expired"),
    _network("certificate: of the API unknown", Fault("api", "certificate", {"flaw": "unknown_ca"}),
             "which this computer does not trust", "certificate", SETTINGS),
    _network("API: 503", Fault("api.list", "status", {"status": 503}), "is out of order at the moment (503)", "503"),
    _network("API: closed", Fault("api.list", "close"), _BROKEN_OFF, "broken off"),
    _network("API: portal's redirect", Fault("api.list", "captive_portal", {"how": "redirect", "to": ELSE}),
             "leads to login.other.example", "captive portal"),
    # Answers of no use.
    _told("token: a list", _renewing("status", status=200, json=[]), "is no sign-in answer", TRY_AGAIN),
    _told("token: sent elsewhere", _renewing("redirect", to="/elsewhere", status=307), "sent elsewhere", TRY_AGAIN),
    _told("token: no access token", _renewing("merge_patch", patch={"access_token": None}), "cannot be read",
          TRY_AGAIN),
    _told("token: no bearer", _renewing("merge_patch", patch={"token_type": "mac"}), "cannot be read", TRY_AGAIN),
    _told("API: 401", Fault("api.list", "status", {"status": 401}), "does not accept your sign-in (401)", SIGN_IN,
          "HTTP status: 401"),
    _told("API: 403", Fault("api.list", "status", {"status": 403}), "does not allow this", "", "HTTP status: 403"),
    _told("API: 404", Fault("api.list", "status", {"status": 404}), "There is no to-do service", SETTINGS,
          "HTTP status: 404"),
    _told("API: no list", Fault("api.list", "status", {"status": 200, "json": "planted"}), "is no to-do list",
          TRY_AGAIN),
    _told("API: points elsewhere", Fault("api.list", "redirect", {"to": "/elsewhere"}),
          "your sign-in was not sent there", TRY_AGAIN, "HTTP status: 302"),
    # What comes is about somebody else, or proves nothing.
    _unproven("another issuer", "iss", "comes from another issuer", "token_claims", patch={"iss": ELSE}),
    _unproven("another audience", "aud", "made for another app", "token_claims", patch={"aud": SOMEBODY}),
    _unproven("another subject", "sub", "is about somebody else", "token_claims", patch={"sub": "planted"}),
    _unproven("another tenant", "tid", "comes from another tenant", "token_claims", patch={"tid": SOMEBODY}),
    _unproven("another nonce", "nonce", "does not belong to this sign-in", "token_claims", patch={"nonce": "planted"}),
    _unproven("another person", "sub", "is about somebody else", "other_person"),
    _unproven("another client_info", "client_info", "is about somebody else", "other_client_info", uid=SOMEBODY,
              utid=SOMEBODY),
    _unproven("expired", "exp", "has expired", "token_claims", shift={"exp": -7200, "iat": -7200, "nbf": -7200}),
    _unproven("alg none", "alg", "proves nothing", "token_algorithm", alg="none"),
    _unproven("HS256 with the key's PEM", "alg", "proves nothing", "token_algorithm", alg="HS256", secret="pem"),
    _unproven("broken signature", "signature", "is not the provider's", "token_signature", how="broken"),
    _unproven("another's signature", "signature", "is not the provider's", "token_signature", how="another_key"),
    # What mends itself.
    Renewed("API: 401 once", (Fault("api.list", "status", {"status": 401, "times": 1}),), After.NOTHING),
    Renewed("token: late", (_renewing("delay", ms=500),), After.NOTHING),
    Renewed("token: no ID token", (_renewing("merge_patch", patch={"id_token": None}),), After.NOTHING),
    Renewed("token: no client_info and no ID token",
            (_renewing("merge_patch", patch={"id_token": None, "client_info": None}),), After.NOTHING),
)  # fmt: skip
