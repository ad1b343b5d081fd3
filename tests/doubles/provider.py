"""Identity providers that tests drive: one of published documents without a network, and a faulty one on real TLS."""

from __future__ import annotations

import base64
import json
import time
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from ciam_desktop.core.http import Answer, HttpClient
from tests.doubles.https_server import HttpsServer, Reply, Request, ca_file

TENANT = "aaaabbbb-0000-4ccc-8ddd-eeee2222ffff"
CLIENT = "11112222-bbbb-4333-8ccc-4444dddd5555"
AUTHORITY = "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/v2.0"
ISSUER = f"https://{TENANT}.ciamlogin.com/{TENANT}/v2.0"
OID = "00aa00aa-bb11-4c22-8d33-44ee44ee44ee"
SUBJECT = "the-pairwise-subject"
ALL_ALGORITHMS = ["none", "HS256", "RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA"]

SignKey = RSAKey | ECKey | OctKey


@cache
def signing_key(kid: str) -> RSAKey:
    """A provider's key; made once, since that takes a while."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


def document_of(authority: str, issuer: str, **changes: Any) -> dict[str, Any]:
    """A discovery document as an external tenant publishes it; a change to None leaves the name out."""
    base = authority.removesuffix("/v2.0")
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
    }
    return {name: value for name, value in (document | changes).items() if value is not None}


def id_claims(now: float, **changes: Any) -> dict[str, Any]:
    """The claims of a sound ID token that was made at `now`; a change to None leaves the claim out."""
    claims = {
        "iss": ISSUER,
        "aud": CLIENT,
        "sub": SUBJECT,
        "oid": OID,
        "tid": TENANT,
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now) + 3600,
        "name": "Planted Name",
        "preferred_username": "user1@contoso.example",
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def sign(claims: Mapping[str, Any] | bytes, key: SignKey, **header: Any) -> str:
    """A signed token by another maker's library than the one under test; a header of None is left out."""
    named = {"alg": "RS256", "typ": "JWT", "kid": key.kid} | header
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    kept = {name: value for name, value in named.items() if value is not None}
    registry = jws.JWSRegistry(algorithms=ALL_ALGORITHMS, strict_check_header=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # a weak key is what some tests want
        return jws.serialize_compact(kept, payload, key, registry=registry)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class CannedHttp(HttpClient):
    """Serves published documents by address, without a network, and counts how often each was asked for."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        super().__init__()
        self.documents = dict(documents)
        self.asked: list[str] = []

    def send(self, method: str, url: str, **_options: Any) -> Answer:
        assert method == "GET"
        self.asked.append(url)
        answer = self.documents[url]
        return answer if isinstance(answer, Answer) else Answer(200, {}, json.dumps(answer).encode())


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FaultyProvider:
    """A provider on TLS that signs in whoever asks, and answers token requests as `answering` says.

    `answering` gets the form of a token request and returns a Reply, or None for `sound`; so does `device_answering`
    for device authorization requests, with None for `device`. `secrets` is all that must never be written anywhere:
    codes, verifiers, states, nonces and tokens. `changes` are those of its discovery document.
    """

    def __init__(self, folder: Path) -> None:
        self.ca_file = ca_file(folder)
        self.key = signing_key("key-1")
        self.answering: Callable[[dict[str, str]], Reply | None] = lambda _form: None
        self.device_answering: Callable[[dict[str, str]], Reply | None] = lambda _form: None
        self.changes: dict[str, Any] = {}
        self.secrets: set[str] = set()
        self.nonces: dict[str, str] = {}
        self.grants = 0
        self.server = HttpsServer(self._answer)

    def __enter__(self) -> Self:
        self.server.__enter__()
        self.authority = f"{self.server.url}/{TENANT}/v2.0"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, error, trace)

    def visit(self, uri: str) -> dict[str, str]:
        """What the browser brings back after the person has said yes at `uri`."""
        asked = dict(parse_qsl(urlsplit(uri).query))
        code = f"planted-code-{len(self.nonces)}"
        self.nonces[code] = asked["nonce"]
        self.secrets |= {code, asked["state"], asked["nonce"]}
        return {"code": code, "state": asked["state"]}

    def rotate_key(self) -> None:
        """Sign with another key from now on, and publish no other."""
        self.key = signing_key(f"{self.key.kid}-next")

    def token_forms(self) -> list[dict[str, str]]:
        """The token requests so far."""
        return [request.form() for request in self.server.requests if request.path.endswith("/token")]

    def device_forms(self) -> list[dict[str, str]]:
        """The device authorization requests so far."""
        return [request.form() for request in self.server.requests if request.path.endswith("/devicecode")]

    def device(self, **changes: Any) -> Reply:
        """A device authorization response (RFC 8628 section 3.2); a change to None leaves a name out."""
        answer = {
            "device_code": f"planted-device-{len(self.device_forms())}",
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.server.url}/device",
            "verification_uri_complete": f"{self.server.url}/device?user_code=WDJB-MJHT",
            "expires_in": 900,
            "interval": 5,
        }
        answer = {name: value for name, value in (answer | changes).items() if value is not None}
        self.secrets.add(str(answer.get("device_code", "planted-device")))
        return Reply(body=json.dumps(answer).encode())

    def claims(self, form: Mapping[str, str], **changes: Any) -> dict[str, Any]:
        """What a sound ID token for this request says."""
        nonce = self.nonces.get(form.get("code", ""))
        return id_claims(time.time(), **{"iss": self.authority, "nonce": nonce} | changes)

    def sound(self, form: Mapping[str, str], claims: Mapping[str, Any] | None = None, **changes: Any) -> Reply:
        """A token response (RFC 6749 section 5.1) with `claims` in the ID token; a change to None leaves a name out."""
        self.grants += 1
        info = {"uid": OID, "utid": TENANT}
        answer = {
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": form.get("scope", ""),
            "access_token": f"planted-access-{self.grants}",
            "refresh_token": f"planted-refresh-{self.grants}",
            "id_token": sign(claims or self.claims(form), self.key),
            "client_info": base64url(json.dumps(info).encode()),
        }
        answer = {name: value for name, value in (answer | changes).items() if value is not None}
        self.secrets |= {str(answer[name]) for name in answer if name.endswith("_token") or name == "client_info"}
        return Reply(body=json.dumps(answer).encode())

    def _answer(self, request: Request) -> Reply:
        if request.path.endswith("/.well-known/openid-configuration"):
            return Reply(body=json.dumps(document_of(self.authority, self.authority, **self.changes)).encode())
        if request.path.endswith("/keys"):
            return Reply(body=json.dumps({"keys": [self.key.as_dict(private=False)]}).encode())
        if request.path.endswith("/token"):
            form = request.form()
            self.secrets |= {form[name] for name in ("code_verifier", "client_secret") if name in form}
            return self.answering(form) or self.sound(form)
        if request.path.endswith("/devicecode"):
            return self.device_answering(request.form()) or self.device()
        return Reply(404)
