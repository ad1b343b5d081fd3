"""Owns the table of sign-ins on another device that a faulty provider, or the person there, spoils."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from tests.e2e.provider_faults import CHECK, ELSE, NOT_SIGNED_IN, SETTINGS, SIGN_IN, SOMEBODY, TRY_AGAIN, UNVERIFIED
from tests.e2e.sitting import Fault

TOO_LONG = "Sign-in took too long"


class There(Enum):
    """What the person does at the other device."""

    NOTHING = auto()
    CONFIRMS = auto()
    DECLINES = auto()


@dataclass(frozen=True, slots=True)
class OnDevice:
    """A sign-in by a code, with `faults`: the banner's title, words, button and details; without a title it succeeds.

    `coded` says whether a code is shown at all. The code is good for `seconds`. At least `pause` seconds lie between
    the first two questions to the provider.
    """

    name: str
    faults: tuple[Fault, ...]
    title: str = ""
    words: str = ""
    step: str = ""
    details: str = ""
    coded: bool = True
    there: There = There.CONFIRMS
    seconds: int = 900
    pause: float = 1.0


def _polled(kind: str, /, **arguments: Any) -> Fault:
    return Fault("token", kind, {"grant": "device_code", **arguments})


def _uncoded(name: str, fault: Fault, words: str, step: str, details: str = "", /) -> OnDevice:
    return OnDevice(name, (fault,), NOT_SIGNED_IN, words, step, details, coded=False, there=There.NOTHING)


def _codes(name: str, kind: str, words: str, step: str = TRY_AGAIN, details: str = "", /, **more: Any) -> OnDevice:
    return _uncoded(name, Fault("devicecode", kind, more), words, step, details)


def _refused(name: str, words: str, step: str, details: str, kind: str, /, **arguments: Any) -> OnDevice:
    return OnDevice(name, (_polled(kind, **arguments),), NOT_SIGNED_IN, words, step, details, there=There.NOTHING)


def _unproven(name: str, check: str, words: str, kind: str, /, **arguments: Any) -> OnDevice:
    fault, step = _polled(kind, **arguments), TRY_AGAIN if check == "nonce" else CHECK
    return OnDevice(f"id token: {name}", (fault,), UNVERIFIED, words, step, f"Failed check: {check}")


ON_DEVICE = (
    # No code to show.
    _uncoded("discovery: 500", Fault("discovery", "status", {"status": 500}), "out of order at the moment (500)",
             TRY_AGAIN, "Cause: 500"),
    _uncoded("discovery: no such endpoint",
             Fault("discovery", "merge_patch", {"patch": {"device_authorization_endpoint": None}}),
             "does not offer sign-in on another device", TRY_AGAIN),
    _uncoded("discovery: endpoint in the clear",
             Fault("discovery", "merge_patch", {"patch": {"device_authorization_endpoint": "http://x.example/"}}),
             "unusable device_authorization_endpoint", SETTINGS),
    _codes("codes: 500", "status", "out of order at the moment (500)", TRY_AGAIN, "Cause: 500", status=500),
    _codes("codes: portal", "captive_portal", "A web page came in place", TRY_AGAIN, "Cause: captive portal"),
    _codes("codes: closed", "close", "broke the connection off", TRY_AGAIN, "Cause: broken off"),
    _codes("codes: asked elsewhere", "redirect", "sent elsewhere", to="/elsewhere", status=307),
    _codes("codes: a list", "status", "is no sign-in answer", status=200, json=[]),
    _codes("codes: refused", "oauth_error", "does not know this app", SETTINGS,
           "Error: unauthorized_client\nCode: AADSTS700016", error="unauthorized_client", code=700016),
    _codes("codes: page of another host in the clear", "merge_patch", "unusable page for the other device",
           patch={"verification_uri": "http://x.example/device"}),
    _codes("codes: page that hides its host", "merge_patch", "unusable page for the other device",
           patch={"verification_uri": "https://localhost@x.example/device"}),
    _codes("codes: script for a page", "merge_patch", "unusable page for the other device",
           patch={"verification_uri": "javascript:0"}),
    _codes("codes: none to type", "merge_patch", "that cannot be typed", patch={"user_code": "<b>ABC</b>"}),
    _codes("codes: no code", "merge_patch", "cannot be read", patch={"device_code": None}),
    _codes("codes: good until soon", "merge_patch", "cannot be read", patch={"expires_in": "soon"}),
    # A code, and then no.
    OnDevice("declined there", (), NOT_SIGNED_IN, "You declined the request.", SIGN_IN,
             "Error: authorization_declined\nCode: AADSTS65004", there=There.DECLINES),
    OnDevice("nobody comes", (), TOO_LONG, "was not confirmed in time", TRY_AGAIN, there=There.NOTHING, seconds=2),
    OnDevice("token: expired there", (_polled("oauth_error", error="expired_token", code=70019),), TOO_LONG,
             "has expired; start again", TRY_AGAIN, there=There.NOTHING),
    _refused("token: access denied", "A policy of the tenant", TRY_AGAIN, "Code: AADSTS53003", "oauth_error",
             error="access_denied", code=53003),
    _refused("token: code unknown", "for the other device is wrong", "Sign in on another device",
             "Error: bad_verification_code\nCode: AADSTS70018", "oauth_error", error="bad_verification_code",
             code=70018),
    _refused("token: sent elsewhere", "sent elsewhere", TRY_AGAIN, "", "redirect", to="/elsewhere", status=307),
    _refused("token: a list", "is no sign-in answer", TRY_AGAIN, "", "status", status=200, json=[]),
    OnDevice("token: no bearer", (_polled("merge_patch", patch={"token_type": "mac"}),), NOT_SIGNED_IN,
             "cannot be read", TRY_AGAIN),
    _unproven("another issuer", "iss", "comes from another issuer", "token_claims", patch={"iss": ELSE}),
    _unproven("another audience", "aud", "made for another app", "token_claims", patch={"aud": SOMEBODY}),
    _unproven("no subject", "sub", "does not say who signed in", "token_claims", patch={"sub": None}),
    _unproven("nonce of another sign-in", "nonce", "does not belong to this sign-in", "token_claims",
              patch={"nonce": "planted"}),
    _unproven("expired", "exp", "has expired", "token_claims", shift={"exp": -7200, "iat": -7200, "nbf": -7200}),
    _unproven("alg none", "alg", "proves nothing", "token_algorithm", alg="none"),
    _unproven("another's signature", "signature", "is not the provider's", "token_signature", how="another_key"),
    # A code, and all the same yes.
    OnDevice("asked too often", (_polled("oauth_error", error="slow_down", code=70016, times=1),), pause=6.0),
    OnDevice("cut while waiting", (_polled("close", times=1),), pause=2.0),
    OnDevice("portal while waiting", (_polled("captive_portal", times=1),), pause=2.0),
    OnDevice("out of order while waiting", (_polled("status", status=503, times=1),), pause=2.0),
    OnDevice("busy while waiting",
             (_polled("oauth_error", error="temporarily_unavailable", code=90033, times=1),), pause=2.0),
)  # fmt: skip
