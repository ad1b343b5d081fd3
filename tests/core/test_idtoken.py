"""The proof of an ID token against forgeries that another maker's library signed; each must fail at its own check."""

from __future__ import annotations

import hmac
import json
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from ciam_desktop.core.errors import TokenNotProven
from ciam_desktop.core.http import Answer
from ciam_desktop.core.identity import idtoken
from ciam_desktop.core.identity.idtoken import LEEWAY_SECONDS, nonce_on_the_wire, prove
from ciam_desktop.core.identity.person import Verdict
from ciam_desktop.core.identity.provider import DISCOVERY_SUFFIX, Provider
from ciam_desktop.core.identity.signing_keys import ALGORITHMS
from tests.doubles.provider import (
    AUTHORITY,
    CLIENT,
    ISSUER,
    SUBJECT,
    TENANT,
    CannedHttp,
    base64url,
    document_of,
    id_claims,
    sign,
)

NOW = 1_800_000_000
NONCE = "the-nonce-on-the-wire"
OTHER = "99998888-7777-4666-8555-444433332222"


@cache
def rsa(kid: str, bits: int = 2048) -> RSAKey:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # a weak key is what some tests want
        return RSAKey.generate_key(bits, {"kid": kid, "use": "sig"})


@cache
def curve(kid: str, name: str = "P-256") -> ECKey:
    return ECKey.generate_key(name, {"kid": kid, "use": "sig"})


@cache
def published() -> tuple[dict[str, Any], ...]:
    keys: list[dict[str, Any]] = [
        dict(rsa("rsa").as_dict(private=False)),
        dict(rsa("rsa-for-ps256").as_dict(private=False)) | {"alg": "PS256"},
        dict(curve("ec").as_dict(private=False)),
        dict(curve("ec-384", "P-384").as_dict(private=False)),
        dict(rsa("weak", 1024).as_dict(private=False)),
        dict(rsa("private").as_dict(private=True)),
        {"kty": "oct", "kid": "oct", "k": base64url(b"k" * 64)},
        {"kty": "RSA", "kid": "broken", "n": "!!", "e": "AQAB"},
        {"kid": "empty"},
    ]
    return tuple(keys)


def provider(**changes: Any) -> Provider:
    document = document_of(AUTHORITY, ISSUER, **changes)
    http = CannedHttp({AUTHORITY + DISCOVERY_SUFFIX: document, document["jwks_uri"]: {"keys": published()}})
    return Provider(AUTHORITY, http)


def verdict(raw: str, *, now: float = NOW, nonce: str = NONCE, before: Verdict | None = None) -> Verdict:
    return prove(raw, provider(), CLIENT, nonce=nonce, before=before, now=now)


def failed_check(raw: str, **options: Any) -> str:
    with pytest.raises(TokenNotProven) as caught:
        verdict(raw, **options)
    return caught.value.check


def claims(**changes: Any) -> dict[str, Any]:
    return id_claims(NOW, **{"nonce": NONCE} | changes)


def token(**changes: Any) -> str:
    return sign(claims(**changes), rsa("rsa"))


def with_header(key: RSAKey | ECKey | None = None, **header: Any) -> str:
    return sign(claims(), key or rsa("rsa"), **header)


def unsigned(header: Mapping[str, Any], signature: str = "") -> str:
    parts = [base64url(json.dumps(each).encode()) for each in (header, claims())]
    return ".".join([*parts, signature])


def by_hand(**header: Any) -> str:
    """Soundly signed under a header that no library would write."""
    head = base64url(json.dumps({"alg": "RS256", "kid": "rsa", **header}).encode())
    signed = f"{head}.{base64url(json.dumps(claims()).encode())}"
    private = load_pem_private_key(rsa("rsa").as_pem(private=True), None)
    assert isinstance(private, RSAPrivateKey)
    return f"{signed}.{base64url(private.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def confused() -> str:
    """HS256 with the public key, as PEM, for a secret: the classic."""
    head = base64url(json.dumps({"alg": "HS256", "kid": "rsa"}).encode())
    signed = f"{head}.{base64url(json.dumps(claims()).encode())}"
    pem = rsa("rsa").as_pem(private=False)
    return f"{signed}.{base64url(hmac.digest(pem, signed.encode(), 'sha256'))}"


def edited() -> str:
    head, _payload, signature = token().split(".")
    return ".".join([head, base64url(json.dumps(claims(sub="somebody-else")).encode()), signature])


def raw_payload(payload: bytes) -> str:
    return sign(payload, rsa("rsa"))


@dataclass(frozen=True, slots=True)
class Forgery:
    """One token that must not pass, and the check (a regular expression) at which it must fail."""

    name: str
    check: str
    make: Callable[[], str]


FORGERIES = [
    # Its form.
    Forgery("empty", "format", lambda: ""),
    Forgery("words", "format", lambda: "not a token"),
    Forgery("two parts", "format", lambda: token().rpartition(".")[0]),
    Forgery("four parts", "format", lambda: token() + ".more"),
    Forgery("five parts, as if encrypted", "format", lambda: token() + "..more"),
    Forgery("no base64url", "format", lambda: "!!!." + token().partition(".")[2]),
    Forgery("header is a list", "format", lambda: base64url(b"[]") + "." + token().partition(".")[2]),
    Forgery("header nested too deeply", "format", lambda: base64url(b'{"a":' * 9999) + "." + token().partition(".")[2]),
    Forgery("lone surrogate", "format", lambda: "\ud800" + token()),
    Forgery("not ASCII", "format", lambda: "é" + token()),
    Forgery("kid is a number", "format", lambda: unsigned({"alg": "RS256", "kid": 7}, "AAAA")),
    # How it is signed.
    Forgery("alg none", "alg", lambda: unsigned({"alg": "none", "kid": "rsa"})),
    Forgery("alg None", "alg", lambda: unsigned({"alg": "None", "kid": "rsa"})),
    Forgery("alg nOnE with a signature", "alg", lambda: unsigned({"alg": "nOnE", "kid": "rsa"}, "AAAA")),
    Forgery("alg missing", "alg", lambda: unsigned({"kid": "rsa"}, "AAAA")),
    Forgery("alg empty", "alg", lambda: unsigned({"alg": "", "kid": "rsa"}, "AAAA")),
    Forgery("alg null", "alg", lambda: unsigned({"alg": None, "kid": "rsa"}, "AAAA")),
    Forgery("alg a list", "alg", lambda: unsigned({"alg": ["RS256"], "kid": "rsa"}, "AAAA")),
    Forgery("alg in lower case", "alg", lambda: unsigned({"alg": "rs256", "kid": "rsa"}, "AAAA")),
    Forgery("HS256 with the public key", "alg", confused),
    Forgery(
        "HS256 with the client id", "alg", lambda: sign(claims(), OctKey.import_key(CLIENT), alg="HS256", kid="rsa")
    ),
    Forgery("HS256 with a published symmetric key", "alg", lambda: unsigned({"alg": "HS256", "kid": "oct"}, "AAAA")),
    # Newer releases of PyJWT refuse these as no token at all; older ones would take them.
    Forgery("crit", "crit", lambda: by_hand(crit=["exp"], exp=1)),
    Forgery("crit unknown", "crit", lambda: by_hand(crit=["urn:example:more"], **{"urn:example:more": True})),
    Forgery("crit b64", "crit|format", lambda: by_hand(crit=["b64"], b64=False)),
    Forgery("crit empty", "crit", lambda: by_hand(crit=[])),
    Forgery("b64 without crit", "signature|format", lambda: by_hand(b64=False)),
    # By which key.
    Forgery("kid unknown", "key", lambda: with_header(rsa("unknown"))),
    Forgery("kid missing", "key", lambda: with_header(kid=None)),
    Forgery("kid empty", "key", lambda: with_header(kid="")),
    Forgery("kid a path", "key", lambda: with_header(kid="../../dev/null")),
    Forgery("another key under a known kid", "signature", lambda: with_header(rsa("unknown"), kid="rsa")),
    Forgery("own key in jwk", "key", lambda: with_header(rsa("own"), jwk=rsa("own").as_dict(private=False))),
    Forgery(
        "own key in jwk under a known kid",
        "signature",
        lambda: with_header(rsa("own"), kid="rsa", jwk=rsa("own").as_dict(private=False)),
    ),
    Forgery("jku", "signature", lambda: with_header(rsa("own"), kid="rsa", jku="https://elsewhere.example/keys")),
    Forgery("x5u", "signature", lambda: with_header(rsa("own"), kid="rsa", x5u="https://elsewhere.example/x")),
    Forgery("x5c", "signature", lambda: with_header(rsa("own"), kid="rsa", x5c=["MIIB"])),
    Forgery(
        "ES256 by an own key under an RSA kid", "signature", lambda: with_header(curve("own"), alg="ES256", kid="rsa")
    ),
    Forgery("RS256 under an EC kid", "signature", lambda: with_header(rsa("own"), kid="ec")),
    Forgery("ES256 by a key on P-384", "signature", lambda: unsigned({"alg": "ES256", "kid": "ec-384"}, "A" * 86)),
    Forgery("RS256 by a key for PS256", "signature", lambda: with_header(rsa("rsa-for-ps256"))),
    Forgery("RS256 by a symmetric key's kid", "signature", lambda: with_header(rsa("own"), kid="oct")),
    Forgery("a key of 1024 bits", "signature", lambda: with_header(rsa("weak", 1024))),
    Forgery("a key whose private half is published", "signature", lambda: with_header(rsa("private"))),
    Forgery("a key that is broken", "signature", lambda: with_header(rsa("own"), kid="broken")),
    Forgery("a key that is none", "signature", lambda: with_header(rsa("own"), kid="empty")),
    Forgery("no signature", "signature", lambda: token().rpartition(".")[0] + "."),
    Forgery("half a signature", "signature|format", lambda: token()[:-100]),
    Forgery("edited after signing", "signature", edited),
    # What it says: no JSON object.
    Forgery("payload a list", "signature", lambda: raw_payload(b"[]")),
    Forgery("payload no JSON", "signature", lambda: raw_payload(b"{")),
    Forgery("payload not UTF-8", "signature", lambda: raw_payload(b'{"iss":"\xff"}')),
    Forgery("payload nested too deeply", "signature", lambda: raw_payload(b'{"a":' * 20_000)),
    Forgery("payload of nested arrays", "signature", lambda: raw_payload(b"[" * 20_000 + b"]" * 20_000)),
    Forgery("payload a number of 5000 digits", "signature", lambda: raw_payload(b'{"exp":' + b"9" * 5000 + b"}")),
    # Who made it, for whom.
    Forgery("iss of another tenant", "iss", lambda: token(iss=ISSUER.replace(TENANT, OTHER))),
    Forgery("iss the authority", "iss", lambda: token(iss=AUTHORITY)),
    Forgery("iss with a slash", "iss", lambda: token(iss=ISSUER + "/")),
    Forgery("iss missing", "iss", lambda: token(iss=None)),
    Forgery("iss a list", "iss", lambda: token(iss=[ISSUER])),
    Forgery("tid of another tenant", "tid", lambda: token(tid=OTHER)),
    Forgery("tid a list", "tid", lambda: token(tid=[TENANT])),
    Forgery("tid missing", "tid", lambda: token(tid=None)),
    Forgery("tid empty", "tid", lambda: token(tid="")),
    Forgery("aud another app", "aud", lambda: token(aud=OTHER)),
    Forgery("aud missing", "aud", lambda: token(aud=None)),
    Forgery("aud empty list", "aud", lambda: token(aud=[])),
    Forgery("aud nested", "aud", lambda: token(aud=[[CLIENT]])),
    Forgery("aud an object", "aud", lambda: token(aud={CLIENT: True})),
    Forgery("aud contains the id", "aud", lambda: token(aud=CLIENT + "x")),
    Forgery("aud in upper case", "aud", lambda: token(aud=CLIENT.upper())),
    Forgery("aud two, no azp", "azp", lambda: token(aud=[CLIENT, OTHER])),
    Forgery("aud two, azp another", "azp", lambda: token(aud=[CLIENT, OTHER], azp=OTHER)),
    Forgery("azp another", "azp", lambda: token(azp=OTHER)),
    Forgery("azp a list", "azp", lambda: token(azp=[CLIENT])),
    Forgery("sub missing", "sub", lambda: token(sub=None)),
    Forgery("sub empty", "sub", lambda: token(sub="")),
    Forgery("sub a number", "sub", lambda: token(sub=7)),
    Forgery("sub a list", "sub", lambda: token(sub=[SUBJECT])),
    # When.
    Forgery("expired", "exp", lambda: token(exp=NOW - LEEWAY_SECONDS - 1)),
    Forgery("expired long ago", "exp", lambda: token(exp=NOW - 86400)),
    Forgery("exp zero", "exp", lambda: token(exp=0)),
    Forgery("exp negative", "exp", lambda: token(exp=-1)),
    Forgery("exp missing", "exp", lambda: token(exp=None)),
    Forgery("exp text", "exp", lambda: token(exp=str(NOW + 3600))),
    Forgery("exp true", "exp", lambda: token(exp=True)),
    Forgery("exp huge", "exp", lambda: token(exp=10**30)),
    Forgery("exp that no calendar has", "exp", lambda: token(exp=300_000_000_000)),
    Forgery("iat before there were computers", "iat", lambda: token(iat=-70_000_000_000)),
    Forgery("exp infinite", "exp", lambda: raw_payload(json.dumps(claims(exp=float("inf"))).encode())),
    Forgery("exp not a number", "exp", lambda: raw_payload(json.dumps(claims(exp=float("nan"))).encode())),
    Forgery("exp a list", "exp", lambda: token(exp=[NOW + 3600])),
    Forgery("iat missing", "iat", lambda: token(iat=None)),
    Forgery("iat text", "iat", lambda: token(iat="now")),
    Forgery("iat false", "iat", lambda: token(iat=False)),
    Forgery("iat in the future", "nbf", lambda: token(iat=NOW + LEEWAY_SECONDS + 1)),
    Forgery("nbf in the future", "nbf", lambda: token(nbf=NOW + LEEWAY_SECONDS + 1)),
    Forgery("nbf next week", "nbf", lambda: token(nbf=NOW + 7 * 86400)),
    Forgery("nbf text", "nbf", lambda: token(nbf=str(NOW))),
    Forgery("nbf huge", "nbf", lambda: token(nbf=1e300)),
    # For which sign-in.
    Forgery("nonce another", "nonce", lambda: token(nonce="another")),
    Forgery("nonce missing", "nonce", lambda: token(nonce=None)),
    Forgery("nonce empty", "nonce", lambda: token(nonce="")),
    Forgery("nonce a list", "nonce", lambda: token(nonce=[NONCE])),
    Forgery("nonce not ASCII", "nonce", lambda: token(nonce="é")),
    Forgery("nonce a lone surrogate", "nonce", lambda: token(nonce="\ud800")),
]


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_a_forged_token_fails_at_its_own_check(forgery: Forgery) -> None:
    assert re.fullmatch(forgery.check, failed_check(forgery.make()))


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_what_is_said_about_a_forged_token_holds_nothing_of_it(forgery: Forgery) -> None:
    raw = forgery.make()
    with pytest.raises(TokenNotProven) as caught:
        verdict(raw)
    told = f"{caught.value} {caught.value!r} {caught.value.args}"
    for planted in (NONCE, SUBJECT, OTHER, "somebody-else", *(part for part in raw.split(".") if len(part) > 20)):
        assert planted not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_sound_token_is_proven_and_says_by_what() -> None:
    proven = verdict(token())
    assert (proven.issuer, proven.audience, proven.key_id, proven.algorithm) == (ISSUER, CLIENT, "rsa", "RS256")
    assert (proven.issued_at, proven.expires_at, proven.proven_at) == (NOW, NOW + 3600, NOW)
    assert proven.claims["sub"] == SUBJECT


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa("rsa"), "RS256"),
        (rsa("rsa"), "RS384"),
        (rsa("rsa"), "PS256"),
        (rsa("rsa-for-ps256"), "PS256"),
        (curve("ec"), "ES256"),
        (curve("ec-384", "P-384"), "ES384"),
    ],
)
def test_every_kind_of_public_key_can_prove(key: RSAKey | ECKey, algorithm: str) -> None:
    assert verdict(with_header(key, alg=algorithm)).algorithm == algorithm


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - LEEWAY_SECONDS},
        {"exp": NOW + 3600.5},
        {"iat": NOW + LEEWAY_SECONDS, "nbf": NOW + LEEWAY_SECONDS},
        {"nbf": None},
        {"nbf": float(NOW)},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, OTHER], "azp": CLIENT},
        {"azp": CLIENT},
        {"tid": TENANT.upper()},
        {"roles": ["a", ["b", {"c": None}]], "extension_x": {"deep": [1, 2]}},
    ],
    ids=repr,
)
def test_what_a_sound_token_may_look_like(changes: dict[str, Any]) -> None:
    assert verdict(token(**changes)).issuer == ISSUER


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"exp": NOW - LEEWAY_SECONDS - 1}, "has expired.$"),
        ({"exp": NOW - 3600}, "seems to be fast"),
        ({"nbf": NOW + LEEWAY_SECONDS + 1}, "not valid yet.$"),
        ({"nbf": NOW + 3600}, "seems to be slow"),
    ],
)
def test_a_token_far_from_now_makes_the_clock_a_suspect(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TokenNotProven, match=words):
        verdict(token(**changes))


@pytest.mark.parametrize(
    ("off", "changes", "words"),
    [
        (-480, {"nbf": NOW + 480}, r"not valid yet. This computer's clock is 8 minutes slow\.$"),
        (7260, {"exp": NOW - 7200}, r"has expired. This computer's clock is 2 hours fast\.$"),
        (0, {"exp": NOW - LEEWAY_SECONDS - 1}, r"has expired\.$"),
    ],
)
def test_a_clock_that_the_providers_answers_show_to_be_wrong_is_named(
    off: int, changes: dict[str, Any], words: str
) -> None:
    date = {"date": format_datetime(datetime.fromtimestamp(NOW - off, UTC), usegmt=True)}
    document = document_of(AUTHORITY, ISSUER)
    http = CannedHttp(
        {
            AUTHORITY + DISCOVERY_SUFFIX: Answer(200, date, json.dumps(document).encode()),
            document["jwks_uri"]: Answer(200, date, json.dumps({"keys": published()}).encode()),
        }
    )
    with pytest.raises(TokenNotProven, match=words):
        prove(token(**changes), Provider(AUTHORITY, http, now=lambda: NOW), CLIENT, nonce=NONCE, now=NOW)


def test_headers_that_point_elsewhere_are_not_followed() -> None:
    raw = with_header(jku="https://elsewhere.example/keys", x5u="https://elsewhere.example/x", x5t="AAAA")
    document = document_of(AUTHORITY, ISSUER)
    http = CannedHttp({AUTHORITY + DISCOVERY_SUFFIX: document, document["jwks_uri"]: {"keys": published()}})
    assert prove(raw, Provider(AUTHORITY, http), CLIENT, nonce=NONCE, now=NOW).key_id == "rsa"
    assert set(http.asked) == {AUTHORITY + DISCOVERY_SUFFIX, document["jwks_uri"]}


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"nonce": None}, ""),
        ({"nonce": NONCE}, ""),
        ({"nonce": None, "iat": NOW + 60, "uti": "another"}, ""),
        ({"nonce": None, "tid": TENANT.upper()}, ""),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"nonce": [NONCE]}, "nonce"),
        ({"nonce": None, "sub": "somebody-else"}, "sub"),
        ({"nonce": None, "aud": OTHER}, "aud"),
        ({"nonce": None, "aud": [CLIENT, OTHER]}, "azp"),
        ({"nonce": None, "iss": AUTHORITY}, "iss"),
    ],
    ids=repr,
)
def test_a_renewed_token_is_about_the_same_and_holds_the_sign_ins_nonce_or_none(
    changes: dict[str, Any], check: str
) -> None:
    before = verdict(token())
    if check:
        assert failed_check(token(**changes), before=before) == check
    else:
        assert verdict(token(**changes), before=before).claims["sub"] == SUBJECT


@pytest.mark.parametrize(
    ("changes", "check"),
    [({"issuer": AUTHORITY}, "iss"), ({"audience": OTHER}, "aud"), ({"claims": {"sub": SUBJECT, "tid": OTHER}}, "tid")],
    ids=repr,
)
def test_a_renewed_token_is_refused_when_the_earlier_one_was_about_something_else(
    changes: dict[str, Any], check: str
) -> None:
    before = replace(verdict(token()), **changes)
    assert failed_check(token(nonce=None), before=before) == check


def test_where_no_nonce_was_sent_none_may_be_held() -> None:
    assert verdict(token(nonce=None), nonce="").claims["sub"] == SUBJECT
    for held in (NONCE, "", [NONCE]):
        assert failed_check(token(nonce=held), nonce="") == "nonce"
    sent_none = verdict(token(nonce=None), nonce="")
    assert verdict(token(nonce=None), nonce="", before=sent_none).claims["sub"] == SUBJECT
    assert failed_check(token(), nonce="", before=sent_none) == "nonce"


@pytest.mark.parametrize(
    ("authority", "tid", "passes"),
    [
        (AUTHORITY, TENANT, True),
        (AUTHORITY, OTHER, True),  # the name says nothing about the id
        (AUTHORITY, None, False),
        (AUTHORITY, "contoso", False),
        (AUTHORITY, [TENANT], False),
        (f"https://{TENANT}.ciamlogin.com/contoso.onmicrosoft.com/v2.0", TENANT.upper(), True),
        (f"https://{TENANT}.ciamlogin.com/contoso.onmicrosoft.com/v2.0", OTHER, False),
        (f"https://{TENANT}.ciamlogin.com/{TENANT}/v2.0", TENANT, True),
        (f"https://{TENANT}.ciamlogin.com/{TENANT}/v2.0", OTHER, False),
        (f"https://login.contoso.example/{TENANT}/v2.0", None, False),
        ("https://id.example/realms/x", None, True),
    ],
)
def test_the_tenant_is_the_issuers_in_every_form_that_names_one(
    authority: str, tid: str | list[str] | None, passes: bool
) -> None:
    document = document_of(authority, authority)
    http = CannedHttp({authority + DISCOVERY_SUFFIX: document, document["jwks_uri"]: {"keys": published()}})
    raw = sign(claims(iss=authority, tid=tid), rsa("rsa"))
    if passes:
        assert prove(raw, Provider(authority, http), CLIENT, nonce=NONCE, now=NOW).issuer == authority
        return
    with pytest.raises(TokenNotProven) as caught:
        prove(raw, Provider(authority, http), CLIENT, nonce=NONCE, now=NOW)
    assert caught.value.check == "tid"


def test_a_provider_without_tenants_asks_for_no_tid() -> None:
    realm = "https://id.example/realms/x"
    document = document_of(realm, realm)
    http = CannedHttp({realm + DISCOVERY_SUFFIX: document, document["jwks_uri"]: {"keys": published()}})
    raw = sign(claims(iss=realm, tid="anything"), rsa("rsa"))
    assert prove(raw, Provider(realm, http), CLIENT, nonce=NONCE, now=NOW).issuer == realm


def test_the_nonce_on_the_wire_is_the_hash_that_msal_sends() -> None:
    assert nonce_on_the_wire("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_system_clock_is_used_when_no_time_is_given() -> None:
    with pytest.raises(TokenNotProven) as caught:
        prove(token(exp=1000, iat=1, nbf=1), provider(), CLIENT, nonce=NONCE)
    assert caught.value.check == "exp"


# A battery that lets a planted bug through would prove nothing itself.


def slips_through(forgery: Forgery) -> bool:
    try:
        verdict(forgery.make())
    except TokenNotProven as error:
        return not re.fullmatch(forgery.check, error.check)
    except (NotImplementedError, Warning):  # what PyJWT says to a private and to a weak key, no check of ours
        return True
    return True


_decode = jwt.decode


class UncheckedSignatures:
    """`jwt.decode` with the signature check switched off."""

    def __call__(self, raw: str, *_key: object, **_options: object) -> Any:
        return _decode(raw, options={"verify_signature": False})


def nothing(*_arguments: object, **_options: object) -> None:
    """A check that checks nothing."""


def any_times(*_arguments: object) -> tuple[int, int]:
    """Times that always fit."""
    return NOW, NOW + 3600


def test_the_battery_notices_when_signatures_are_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwt, "decode", UncheckedSignatures())
    slipped = {forgery.name for forgery in FORGERIES if slips_through(forgery)}
    assert slipped >= {"another key under a known kid", "no signature", "edited after signing", "jku"}


@pytest.mark.parametrize(
    ("function", "double", "expected"),
    [
        ("check_strength", nothing, {"a key of 1024 bits"}),
        ("_check_parties", nothing, {"iss missing", "tid empty", "aud missing", "azp another", "sub missing"}),
        ("_check_times", any_times, {"expired", "exp missing", "exp true", "nbf next week"}),
        ("_check_nonce", nothing, {"nonce another", "nonce missing", "nonce a lone surrogate"}),
    ],
)
def test_the_battery_notices_when_a_check_is_left_out(
    monkeypatch: pytest.MonkeyPatch, function: str, double: Callable[..., object], expected: set[str]
) -> None:
    monkeypatch.setattr(idtoken, function, double)
    assert {forgery.name for forgery in FORGERIES if slips_through(forgery)} >= expected


def test_the_battery_notices_when_any_algorithm_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idtoken, "ALGORITHMS", ("none", "HS256", *ALGORITHMS))
    assert {forgery.name for forgery in FORGERIES if slips_through(forgery)} >= {
        "alg none",
        "HS256 with the public key",
    }


def test_a_header_by_hand_is_otherwise_sound() -> None:
    assert verdict(by_hand()).key_id == "rsa"
