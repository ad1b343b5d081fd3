"""Owns the table of sign-ins that a faulty provider spoils: each fault, and what the window then says and offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from tests.e2e.sitting import CLIENT, Fault

NOT_SIGNED_IN, UNVERIFIED = "Not signed in", "The sign-in could not be verified"
TRY_AGAIN, SIGN_IN, SETTINGS, CHECK = "Try again", "Sign in", "Open settings", "Check this setup"
OTHER, READ_ONLY, ELSEWHERE = "Use another account", "Sign in for reading only", "Sign in on another device"
ELSE = "https://login.other.example/"
NOBODY = "https://127.0.0.1:1/"  # where nobody listens
SOMEBODY = "11111111-2222-4333-8444-555555555555"
NOT_OURS = "This page does not belong to a running sign-in"


class End(Enum):
    """How far a sign-in comes."""

    HERE = auto()  # the browser was never opened
    BACK = auto()  # the browser came back, and its page says what the window says
    HANGS = auto()  # nothing happens until it is cancelled; the browser was never opened
    WAITS = auto()  # the browser comes back without an answer; the window waits until it is cancelled
    ASTRAY = auto()  # the browser does not even come to the provider; the window waits until it is cancelled


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A sign-in with `faults`: the banner's title, words of its text, its button, lines of its details.

    `page` is what the browser's page says where that is not the banner. `rotated` keys have to be fetched anew, `clock`
    is how far the provider's clock is ahead, in seconds.
    """

    name: str
    faults: tuple[Fault, ...]
    title: str
    words: str
    step: str
    details: str = ""
    end: End = End.BACK
    page: str = ""
    rotated: bool = False
    clock: int = 0


def _network(
    name: str, at: str, kind: str, words: str, cause: str, step: str = TRY_AGAIN, /, **arguments: Any
) -> Spoiled:
    end = End.HERE if at in {"discovery", "tenant"} else End.BACK
    details = f"Cause: {cause}"
    return Spoiled(name, (Fault(at, kind, arguments),), NOT_SIGNED_IN, words, step, details, end, rotated=at == "keys")


def _discovery(name: str, kind: str, words: str, step: str = SETTINGS, /, **arguments: Any) -> Spoiled:
    return Spoiled(name, (Fault("discovery", kind, arguments),), NOT_SIGNED_IN, words, step, end=End.HERE)


def _published(name: str, words: str, **members: Any) -> Spoiled:
    return _discovery(name, "merge_patch", words, patch=members)


def _keys(name: str, kind: str, check: str, /, **arguments: Any) -> Spoiled:
    words = "that the provider does not publish" if check == "key" else "is not the provider's"
    fault = Fault("keys", kind, arguments)
    return Spoiled(name, (fault,), UNVERIFIED, words, CHECK, f"Failed check: {check}", rotated=True)


def _answer(name: str, kind: str, words: str, /, **arguments: Any) -> Spoiled:
    return Spoiled(name, (Fault("token", kind, arguments),), NOT_SIGNED_IN, words, TRY_AGAIN)


def _refused(code: int, words: str, step: str, error: str = "invalid_grant", /, **more: Any) -> Spoiled:
    fault = Fault("token", "oauth_error", {"error": error, "code": code, "correlation_id": SOMEBODY, **more})
    details = f"Error: {error}\nCode: AADSTS{code}\nCorrelation id: {SOMEBODY}"
    return Spoiled(f"token: AADSTS{code}", (fault,), NOT_SIGNED_IN, words, step, details)


def _unproven(name: str, kind: str, check: str, words: str, step: str = CHECK, /, **arguments: Any) -> Spoiled:
    fault = Fault("token", kind, arguments)
    return Spoiled(f"id token: {name}", (fault,), UNVERIFIED, words, step, f"Failed check: {check}")


def _claims(name: str, check: str, words: str, step: str = CHECK, /, **patch: Any) -> Spoiled:
    return _unproven(name, "token_claims", check, words, step, patch=patch)


def _returned(error: str, code: int, words: str, step: str) -> Spoiled:
    fault = Fault("authorize", "response_error", {"error": error, "code": code})
    return Spoiled(
        f"response: {error} {code}", (fault,), NOT_SIGNED_IN, words, step, f"Error: {error}\nCode: AADSTS{code}"
    )


def _contradicting(name: str, kind: str, words: str = "is malformed and was not used", /, **arguments: Any) -> Spoiled:
    fault = Fault("authorize", kind, arguments)
    return Spoiled(f"response: {name}", (fault,), NOT_SIGNED_IN, words, TRY_AGAIN, page="This did not work")


def _cancelled(name: str, at: str, kind: str, page: str = "", /, **arguments: Any) -> Spoiled:
    end = End.HANGS if at == "discovery" else End.WAITS
    return Spoiled(name, (Fault(at, kind, arguments),), "Sign-in cancelled", "Nothing was changed.", "", "", end, page)


def _astray(name: str, at: str, kind: str, patch: Mapping[str, Any]) -> Spoiled:
    """The browser goes where nobody answers; the provider's settings were answered."""
    return replace(_cancelled(name, at, kind, patch=patch), end=End.ASTRAY)


_PORTAL = "A web page came in place of the answer"
_NO_SETTINGS = "is no provider's settings"
_NO_ANSWER = "is no sign-in answer"
_UNREADABLE = "The provider's answer cannot be read."
_BROKEN_OFF = "broke the connection off"
_MIXED_UP = "came from another identity provider"
_SIGNATURE = "The signature of the ID token is not the provider's."
_NO_PROOF = "in a way that proves nothing"
_OTHER_APP = "The ID token was made for another app."

SPOILED = (
    # Discovery: nobody is there, or somebody else.
    _network("discovery: 500", "discovery", "status", "is out of order at the moment (500)", "500", status=500),
    _network("discovery: busy", "discovery", "status", "try again in 10 minutes", "busy", status=503, retry_after=600),
    _network("discovery: asked too often", "discovery", "status", "was asked too often", "busy", status=429),
    _network("discovery: portal's page", "discovery", "captive_portal", _PORTAL, "captive portal", how="page"),
    _network("discovery: portal's 511", "discovery", "captive_portal", _PORTAL, "captive portal", how="511"),
    _network("discovery: portal's redirect", "discovery", "captive_portal", "leads to login.other.example",
             "captive portal", how="redirect", to=ELSE),
    _network("discovery: page said to be JSON", "discovery", "status", _PORTAL, "captive portal", status=200,
             content_type="application/json"),
    _network("discovery: closed", "discovery", "close", _BROKEN_OFF, "broken off"),
    _network("discovery: reset", "discovery", "reset", _BROKEN_OFF, "broken off"),
    _network("discovery: garbage", "discovery", "garbage", "is not HTTP", "protocol"),
    _network("discovery: cut", "discovery", "cut", _BROKEN_OFF, "broken off"),
    _network("discovery: big body", "discovery", "big_body", "is too large", "too large"),
    _network("discovery: bomb", "discovery", "big_body", "is too large", "too large", gzip=True),
    _cancelled("discovery: hangs", "discovery", "hang"),
    _cancelled("discovery: drips", "discovery", "drip", ms=10),
    # Discovery: what is published is of no use.
    _discovery("discovery: 404", "status", "knows no such tenant (404)", status=404),
    _discovery("discovery: 403", "status", "knows no such tenant (403)", status=403),
    _discovery("discovery: points elsewhere", "redirect", "points elsewhere", to="/elsewhere"),
    _discovery("discovery: a list", "status", _NO_SETTINGS, status=200, json=[]),
    _discovery("discovery: null", "status", _NO_SETTINGS, status=200, text="null", content_type="application/json"),
    _discovery("discovery: no JSON", "status", _NO_SETTINGS, status=200, text="{", content_type="application/json"),
    _discovery("discovery: deep JSON", "deep_json", _NO_SETTINGS),
    _discovery("discovery: truncated", "truncated", _NO_SETTINGS),
    _discovery("discovery: empty object", "status", "another issuer", status=200, json={}),
    _discovery("discovery: issuer twice", "duplicate_member", "another issuer", name="issuer", value=ELSE),
    _published("discovery: another issuer", "another issuer", issuer=ELSE),
    _published("discovery: issuer no text", "another issuer", issuer=["a"]),
    _published("discovery: no token endpoint", "unusable token_endpoint", token_endpoint=None),
    _published("discovery: token endpoint in the clear", "unusable token_endpoint", token_endpoint="http://x.example/"),
    _published("discovery: script to open", "unusable authorization_endpoint", authorization_endpoint="javascript:0"),
    _published("discovery: file to open", "unusable authorization_endpoint", authorization_endpoint="file:///etc/x"),
    _published("discovery: hidden host", "unusable authorization_endpoint",
               authorization_endpoint="https://localhost@x.example/"),
    _published("discovery: keys by FTP", "unusable jwks_uri", jwks_uri="ftp://localhost/keys"),
    _astray("discovery: page where nobody is", "discovery", "merge_patch", {"authorization_endpoint": NOBODY}),
    replace(_network("discovery: token endpoint where nobody is", "discovery", "merge_patch", "Nothing answers at",
                     "refused", patch={"token_endpoint": NOBODY + "token"}), end=End.BACK),
    replace(_network("discovery: keys where nobody is", "discovery", "merge_patch", "Nothing answers at",
                     "refused", patch={"jwks_uri": NOBODY}), end=End.BACK),
    # Certificates.
    _network("certificate: expired", "tenant", "certificate", " expired on ", "certificate expired", flaw="expired"),
    _network("certificate: of tomorrow", "tenant", "certificate", "clock is probably slow", "certificate not yet valid",
             flaw="not_yet_valid"),
    _network("certificate: another's", "tenant", "certificate", "is that of ", "certificate of another",
             flaw="other_host"),
    _network("certificate: unknown CA", "tenant", "certificate", "which this computer does not trust", "certificate",
             SETTINGS, flaw="unknown_ca"),
    _network("certificate: signed by itself", "tenant", "certificate", "signed by itself alone", "certificate",
             SETTINGS, flaw="self_signed"),
    _network("certificate: hangs up", "tenant", "certificate", "", "tls", flaw="no_handshake"),
    # Keys.
    _network("keys: 500", "keys", "status", "is out of order at the moment (500)", "500", status=500),
    _network("keys: portal", "keys", "captive_portal", _PORTAL, "captive portal"),
    _network("keys: closed", "keys", "close", _BROKEN_OFF, "broken off"),
    _keys("keys: none", "merge_patch", "key", patch={"keys": []}),
    _keys("keys: no list", "merge_patch", "key", patch={"keys": {"a": 1}}),
    _keys("keys: for encryption", "key_patch", "key", patch={"use": "enc"}),
    _keys("keys: without ids", "key_patch", "key", patch={"kid": None}),
    _keys("keys: a twin first", "twin_key", "key", first=True),
    _keys("keys: a twin last", "twin_key", "key", first=False),
    _keys("keys: of another algorithm", "key_patch", "signature", patch={"alg": "RS512"}),
    _keys("keys: symmetric", "key_patch", "signature", patch={"kty": "oct", "k": "c2VjcmV0"}),
    _keys("keys: without a modulus", "key_patch", "signature", patch={"n": None}),
    # Token: the connection.
    _network("token: 500", "token", "status", "is out of order at the moment (500)", "500", status=500),
    _network("token: busy", "token", "status", "try again in 90 seconds", "busy", status=503, retry_after=90),
    _network("token: asked too often", "token", "status", "was asked too often", "busy", status=429),
    _network("token: portal's page", "token", "captive_portal", _PORTAL, "captive portal", how="page"),
    _network("token: portal's redirect", "token", "captive_portal", "leads to login.other.example", "captive portal",
             how="redirect", to=ELSE),
    _network("token: closed", "token", "close", _BROKEN_OFF, "broken off"),
    _network("token: closed when done", "token", "close", _BROKEN_OFF, "broken off", done=True),
    _network("token: reset", "token", "reset", _BROKEN_OFF, "broken off"),
    _network("token: garbage", "token", "garbage", "is not HTTP", "protocol"),
    _network("token: cut", "token", "cut", _BROKEN_OFF, "broken off"),
    _network("token: more promised", "token", "cut", _BROKEN_OFF, "broken off", missing=10),
    _network("token: big body", "token", "big_body", "is too large", "too large"),
    _network("token: bomb", "token", "big_body", "is too large", "too large", gzip=True),
    # Token: the answer.
    _answer("token: sent elsewhere", "redirect", "wanted the sign-in sent elsewhere", to="/elsewhere", status=307),
    _answer("token: a list", "status", _NO_ANSWER, status=200, json=[]),
    _answer("token: null", "status", _NO_ANSWER, status=200, text="null", content_type="application/json"),
    _answer("token: no JSON", "status", _NO_ANSWER, status=400, text="Bad Gateway"),
    _answer("token: deep JSON", "deep_json", _NO_ANSWER),
    _answer("token: truncated", "truncated", _NO_ANSWER),
    _answer("token: no access token", "merge_patch", _UNREADABLE, patch={"access_token": None}),
    _answer("token: access token no text", "merge_patch", _UNREADABLE, patch={"access_token": 5}),
    _answer("token: no bearer", "merge_patch", _UNREADABLE, patch={"token_type": "mac"}),
    _answer("token: soon", "merge_patch", _UNREADABLE, patch={"expires_in": "soon"}),
    _answer("token: client_info unreadable", "other_client_info", _UNREADABLE, uid=""),
    _answer("token: error no text", "status", "refused the sign-in (no reason given)", status=400, json={"error": 7}),
    _answer("id token: no JWS", "token_text", _UNREADABLE, text="planted"),
    _answer("id token: payload no JSON", "token_payload", _UNREADABLE, text="planted"),
    # Token: refusals.
    _refused(70008, "was not used for so long", SIGN_IN),
    _refused(54005, "was used twice", TRY_AGAIN),
    _refused(501481, "belongs to another attempt", TRY_AGAIN),
    _refused(50011, "The return address is not registered.", SETTINGS, "invalid_request"),
    _refused(700016, "The tenant does not know this app.", SETTINGS, "unauthorized_client"),
    _refused(7000218, "not registered as a public client", TRY_AGAIN, "invalid_client", status=401),
    _refused(65001, "has not been granted this permission", READ_ONLY),
    _refused(70011, "does not know this permission", READ_ONLY, "invalid_scope"),
    _refused(50076, "more proof of who you are", SIGN_IN, "interaction_required"),
    _refused(53003, "A policy of the tenant blocks", TRY_AGAIN, "access_denied"),
    _refused(50020, "belongs to another tenant", OTHER),
    _refused(50057, "The account is disabled.", OTHER),
    _refused(50053, "locked after too many attempts", TRY_AGAIN),
    _refused(50055, "Your password has expired.", SIGN_IN),
    _refused(50196, "Too many requests were sent in a row.", "", "invalid_request"),
    _refused(90033, "is out of order at the moment", TRY_AGAIN, "temporarily_unavailable"),
    _refused(99999, "refused the sign-in (made_up)", TRY_AGAIN, "made_up"),
    # The ID token, check by check.
    _claims("another issuer", "iss", "comes from another issuer", iss=ELSE),
    _claims("no issuer", "iss", "comes from another issuer", iss=None),
    _claims("another tenant", "tid", "comes from another tenant", tid=SOMEBODY),
    _claims("another audience", "aud", _OTHER_APP, aud=SOMEBODY),
    _claims("other audiences", "aud", _OTHER_APP, aud=[SOMEBODY, "b"]),
    _claims("no audience", "aud", _OTHER_APP, aud=None),
    _claims("audiences and no party", "azp", _OTHER_APP, aud=[CLIENT, SOMEBODY], azp=None),
    _claims("another party", "azp", _OTHER_APP, azp=SOMEBODY),
    _claims("no subject", "sub", "does not say who signed in", sub=None),
    _claims("subject no text", "sub", "does not say who signed in", sub=7),
    _claims("another nonce", "nonce", "does not belong to this sign-in", TRY_AGAIN, nonce="planted"),
    _claims("no nonce", "nonce", "does not belong to this sign-in", TRY_AGAIN, nonce=None),
    _claims("end no number", "exp", "times cannot be read", exp="soon"),
    _claims("no end", "exp", "times cannot be read", exp=None),
    _claims("no beginning", "iat", "times cannot be read", iat=None),
    _unproven("expired", "token_claims", "exp", "The ID token has expired.",
              shift={"exp": -7200, "iat": -7200, "nbf": -7200}),
    _unproven("of the future", "token_claims", "nbf", "The ID token is not valid yet.",
              shift={"exp": 7200, "iat": 7200, "nbf": 7200}),
    replace(_unproven("two hours ahead", "delay", "nbf", "This computer's clock is 2 hours slow.", ms=0), clock=7260),
    replace(_unproven("two days behind", "delay", "exp", "This computer's clock is 2 days fast.", ms=0), clock=-172860),
    _unproven("alg none in the header", "token_header", "alg", _NO_PROOF, patch={"alg": "none"}),
    _unproven("alg none", "token_algorithm", "alg", _NO_PROOF, alg="none"),
    _unproven("HS256 with the key's PEM", "token_algorithm", "alg", _NO_PROOF, alg="HS256", secret="pem"),
    _unproven("HS512 with nothing", "token_algorithm", "alg", _NO_PROOF, alg="HS512", secret="empty"),
    _unproven("ES256", "token_algorithm", "signature", _SIGNATURE, alg="ES256"),
    _unproven("unknown key", "token_header", "key", "that the provider does not publish", patch={"kid": "planted"}),
    _unproven("no key id", "token_header", "key", "that the provider does not publish", patch={"kid": None}),
    _unproven("demands", "token_header", "crit", "demands something", patch={"crit": ["x"]}),
    _unproven("broken signature", "token_signature", "signature", _SIGNATURE, how="broken"),
    _unproven("no signature", "token_signature", "signature", _SIGNATURE, how="empty"),
    _unproven("another's signature", "token_signature", "signature", _SIGNATURE, how="another_key"),
    _unproven("none", "merge_patch", "id_token", "sent no ID token", patch={"id_token": None}),
    # The authorization response.
    _returned("access_denied", 65004, "You declined the request.", SIGN_IN),
    _returned("consent_required", 65001, "has not been granted this permission", READ_ONLY),
    _returned("login_required", 50058, "Nobody is signed in at the provider.", SIGN_IN),
    _returned("server_error", 90006, "has a passing problem", TRY_AGAIN),
    _returned("access_denied", 53003, "A policy of the tenant blocks", TRY_AGAIN),
    _returned("invalid_request", 90023, "does not accept one of the parameters", SETTINGS),
    _returned("unauthorized_client", 700016, "does not know this app", SETTINGS),
    _returned("account_selection_required", 16000, "cannot be used here", OTHER),
    _contradicting("error beside the code", "response_error", beside=True),
    _contradicting("two codes", "response_duplicate", name="code", value="planted"),
    _contradicting("no code", "response_parameter", name="code", value=None),
    _contradicting("another issuer", "response_parameter", _MIXED_UP, name="iss", value=ELSE),
    _contradicting("no issuer", "response_parameter", _MIXED_UP, name="iss", value=None),
    _cancelled("response: no state", "authorize", "response_parameter", NOT_OURS, name="state", value=None),
    _cancelled("response: another state", "authorize", "response_parameter", NOT_OURS, name="state", value="planted"),
    _cancelled("response: to another path", "authorize", "response_path", NOT_OURS),
    _cancelled("response: in the fragment", "authorize", "response_mode", NOT_OURS, mode="fragment"),
    replace(_cancelled("authorize: page out of order", "authorize", "status", "Error", status=500), end=End.ASTRAY),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Harmless:
    """What is odd and keeps nobody from signing in."""

    name: str
    faults: tuple[Fault, ...]


HARMLESS = (
    Harmless("discovery: JSON said to be a page", (Fault("discovery", "content_type"),)),
    Harmless("discovery: late", (Fault("discovery", "delay", {"ms": 700}),)),
    Harmless("token: late", (Fault("token", "delay", {"ms": 700}),)),
    Harmless("token: in two hundred pieces", (Fault("token", "drip", {"ms": 1, "piece": 40}),)),
    Harmless("response: in the query", (Fault("authorize", "response_mode", {"mode": "query"}),)),
    Harmless("response: with something more", (Fault("authorize", "response_parameter", {"name": "x", "value": "y"}),)),
)
