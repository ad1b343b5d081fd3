"""What redaction takes out of a text, however the secret is written, and what it leaves."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import pytest

from ciam_desktop.core.redact import RedactingFormatter, redact

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ"
SECRET = "Planted.Secret-0_AX~value"
NAMES = [
    "access_token", "refresh_token", "id_token", "id_token_hint", "login_hint", "logout_hint", "username",
    "client_assertion", "assertion", "client_secret", "client_info", "code_verifier", "code_challenge", "device_code",
    "user_code", "password", "passwd", "secret", "nonce", "state", "code", "token", "accessToken", "refreshToken",
    "idToken", "clientSecret", "Code", "STATE",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "form",
    [
        "https://x.example/p?{name}={value}&other=1",
        "other=1&{name}={value}",
        "{name}={value}",
        "{name} = {value}",
        "{name}='{value}'",
        '{name}="{value}"',
        "{name}=b'{value}'",
        '{{"{name}": "{value}"}}',
        '{{"{name}":"{value}"}}',
        "{{'{name}': '{value}'}}",
        "{{'{name}': b'{value}'}}",
        "{{'{name}': ['{value}']}}",
        "[('{name}', '{value}')]",
        "{{'{name}': ('{value}', 1)}}",
        '{{"{name}": "{value}',
        '"{{\\"{name}\\": \\"{value}\\"}}"',
        "back=https%3A%2F%2Fx%3F{name}%3D{value}",
        "Flow({name}='{value}', x=1)",
    ],
)
def test_a_named_secret_is_taken_out_however_it_is_written(name: str, form: str) -> None:
    cleaned = redact(form.format(name=name, value=SECRET))
    assert SECRET not in cleaned
    assert "Planted" not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        JWT,
        JWT[:40],
        JWT.rpartition(".")[0],
        f"Authorization: Bearer {SECRET}",
        f"authorization: bearer {JWT}",
        f"Authorization: Basic {SECRET}",
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f"Proxy-Authorization: Basic {SECRET}",
        f"Cookie: session={SECRET}; other={SECRET}",
        f"Set-Cookie: anything={SECRET}; Path=/; HttpOnly",
        f'{{"set-cookie": "anything={SECRET}"}}',
        '{"password": "Planted \\" Secret"}',
        "{'password': 'Planted \\' Secret'}",
        "password='Planted Secret with spaces'",
        '{"user_code": 1234567890}',
        '{"name": "Planted Person", "given_name": "Planted", "family_name": "Planted"}',
        '{"preferred_username": "Planted", "oid": "Planted-oid", "sub": "Planted-sub"}',
        '{"home_account_id": "Planted.Planted"}',
    ],
)
def test_other_ways_to_write_a_secret(text: str) -> None:
    cleaned = redact(text)
    for planted in (SECRET, "Planted", "eyJ", "1234567890"):
        assert planted not in cleaned


@pytest.mark.parametrize(
    "address",
    ["user1@contoso.example", "user1%40contoso.example", "first.last+tag@sub.contoso.example", "jürgen@münchen.example",
     "a@b@contoso.example", "user1@contoso.co.example"],
)  # fmt: skip
def test_an_address_is_taken_out(address: str) -> None:
    cleaned = redact(f"for <{address}>, said")
    assert cleaned == "for <<address>>, said" or ("contoso" not in cleaned and "user1" not in cleaned)
    assert not any(part in cleaned for part in ("contoso", "münchen", "user1", "jürgen", "last"))


@pytest.mark.parametrize(
    "text",
    [
        "INFO ciam_desktop.core.http: GET https://contoso.ciamlogin.com/x/v2.0 -> 200",
        "AADSTS65004: declined (access_denied), correlation id 11111111-2222-3333-4444-555555555555",
        "The state of the art in code review: secrets are out of scope, nonce sense.",
        "status_code=200",
        'File "people.py", line 120, in complete',
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_the_home_folder_is_not_named(home: Path) -> None:
    assert redact(f"File {home}/.local/x.py") == "File ~/.local/x.py"


def test_redacting_twice_changes_nothing_more() -> None:
    text = f'code={SECRET}&x=1 {{"nonce": "{SECRET}"}} Bearer {JWT} user1@contoso.example Cookie: a={SECRET}'
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000,
        "a." * 150_000,
        "%40" * 100_000,
        "eyJ" * 100_000,
        "a@" * 150_000,
        '"code":[' * 40_000,
        '"code":"' * 40_000,
        "code=" * 60_000,
        "bearer " * 40_000,
        "cookie:" * 40_000,
        '\\"code\\":\\"' * 30_000,
        " " * 300_000,
    ],
    ids=lambda text: text[:9],
)
def test_a_long_text_is_redacted_in_reasonable_time(text: str) -> None:
    begun = time.monotonic()
    redact(text)
    assert time.monotonic() - begun < 3


def test_a_finished_record_is_redacted_with_its_arguments_and_traceback() -> None:
    formatter = RedactingFormatter("%(levelname)s %(message)s")
    try:
        raise ValueError(json.dumps({"refresh_token": SECRET}))
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "for %s: %s", ("user1@contoso.example", JWT),
                                   (ValueError, error, error.__traceback__))  # fmt: skip
    line = formatter.format(record)
    assert line.startswith("ERROR for <address>: <token>\nTraceback")
    assert SECRET not in line
