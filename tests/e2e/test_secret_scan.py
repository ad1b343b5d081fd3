"""Proves that the secret scan finds what it must, wherever and however it lies, and nothing else."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import urllib.parse
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.e2e.secret_scan import SecretScan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PASSWORD = "p@ss/wörd+1 of user1"
SECRET = "1.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/~and.some.more.of.it"


def jwt() -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, {"sub": "user1"})]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in [*parts, b"signature" * 8])


def gzipped(text: str) -> bytes:
    return gzip.compress(text.encode())


FORMS: dict[str, Callable[[str], bytes]] = {
    "raw": lambda text: text.encode(),
    "UTF-16": lambda text: text.encode("utf-16-le"),
    "UTF-16 big end first": lambda text: b"x" + text.encode("utf-16-be"),
    "percent-encoded": lambda text: urllib.parse.quote(text, safe="").encode(),
    "form-encoded": lambda text: urllib.parse.urlencode({"value": text}).encode(),
    "percent-encoded to the last letter": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).rstrip(b"="),
    "base64 one byte later": lambda text: base64.b64encode(b":" + text.encode() + b":"),
    "base64 two bytes later": lambda text: base64.b64encode(b"u:" + text.encode() + b"::"),
    "base64 of JSON": lambda text: base64.b64encode(json.dumps({"a": [text]}, ensure_ascii=False).encode()),
    "gzip": gzipped,
    "gzip inside other bytes": lambda text: b"head\x1f\x8b\x08" + gzipped(text) + b"tail",
    "gzip cut off": lambda text: gzipped(text * 50)[:-12],
    "zlib": lambda text: zlib.compress(text.encode()),
    "base64 of gzip": lambda text: base64.b64encode(gzipped(text * 3)),
    "gzip of base64 of percent-encoded": lambda text: gzip.compress(
        base64.b64encode(urllib.parse.quote(text, safe="").encode())
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize(("what", "value"), [("the password", PASSWORD), ("the refresh token", SECRET)])
def test_a_given_secret_is_found_in_every_form(
    tmp_path: Path, form: Callable[[str], bytes], what: str, value: str
) -> None:
    (tmp_path / "deep").mkdir()
    # A zlib stream has no head that could be looked for: it is found as a whole file.
    content = form(value) if form is FORMS["zlib"] else b"before " + form(value) + b" after"
    (tmp_path / "deep" / "file.bin").write_bytes(content)
    findings = SecretScan({"the password": PASSWORD, "the refresh token": SECRET}).paths([tmp_path])
    assert what in {finding.what for finding in findings}
    assert all(value not in str(finding) and "file.bin" in finding.where for finding in findings)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_jwt_that_nobody_named_is_found_in_every_form(tmp_path: Path, form: Callable[[str], bytes]) -> None:
    file = tmp_path / "file.bin"
    file.write_bytes(form(jwt()))
    assert "a JWT" in {finding.what for finding in SecretScan().paths([file])}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("GET /me Authorization: Bearer abcdefghijklmnop1234", "a bearer token"),
        ("grant_type=refresh_token&refresh_token=abcdefgh12345678", "a token or code by its parameter"),
        ('{"access_token": "abcdefgh12345678"}', "a token or code by its parameter"),
        ("{'code_verifier': 'abcdefgh12345678'}", "a token or code by its parameter"),
        ("kept 0.AAAAbbbbCCCC." + "x1-_" * 12, "a refresh token of Entra's form"),
    ],
)
def test_a_token_is_known_by_its_surroundings(line: str, what: str) -> None:
    assert what in {finding.what for finding in SecretScan().data(line.encode(), "a log")}


def test_a_secret_in_several_pages_of_a_database_is_found(tmp_path: Path) -> None:
    value = "begin-of-it-" + "0123456789abcdef" * 1000 + "-end-of-it"
    database = sqlite3.connect(tmp_path / "store.sqlite")
    database.execute("CREATE TABLE kept (value TEXT)")
    database.execute("INSERT INTO kept VALUES (?)", ("x" * 3000 + value,))
    database.commit()
    database.close()
    assert [finding.what for finding in SecretScan({"it": value}).paths([tmp_path])] == ["it"]


def test_a_secret_in_a_command_line_or_in_a_file_name_is_found(tmp_path: Path) -> None:
    scan = SecretScan({"the password": "hunter2-hunter2"})
    (finding,) = scan.command_lines(["/usr/bin/python main.py", "/usr/bin/python main.py --password hunter2-hunter2"])
    assert str(finding) == "arguments of ['/usr/bin/python']: the password"
    (tmp_path / "hunter2-hunter2").touch()
    assert [finding.what for finding in scan.paths([tmp_path])] == ["the password"]


def test_what_is_no_secret_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(
        "Signed in as user1@contoso.example, token expires 12:03\n"
        'refresh_token: <removed>, {"access_token": "…"}, grant_type=refresh_token&scope=openid\n'
        '"id_token_signing_alg_values_supported": ["RS256"], Bearer realm="todo", eyJ and more words\n'
        f"correlation id {'0a1b2c3d-' * 5}\n"
    )
    noise = io.BytesIO()
    noise.write(bytes(range(256)) * 200 + gzipped("nothing here") + base64.b64encode(bytes(range(256)) * 20))
    (tmp_path / "noise").write_bytes(noise.getvalue())
    assert SecretScan({"the password": PASSWORD}).paths([tmp_path]) == []


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        SecretScan({"nothing": ""})
