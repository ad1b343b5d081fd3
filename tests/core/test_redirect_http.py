"""What a request at the redirect URI is worth, judged without a socket, on everything that Hypothesis can think of."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ciam_desktop.core.identity.redirect_http import (
    Accepted,
    Contradicted,
    Expected,
    Kind,
    RedirectUri,
    Refused,
    Request,
    RequestReader,
    TlsHello,
    judge,
    response,
)

STATE = "the-right-state-4711"
URI = RedirectUri.parse("http://localhost:3000/callback")
HOST = (b"host", b"localhost:3000")
FORM = (b"content-type", b"application/x-www-form-urlencoded")
SIGN_IN = Expected(Kind.SIGN_IN, STATE)

names = st.sampled_from(["code", "state", "error", "iss", "session_state", "", "State"])
values = st.sampled_from([STATE, "", "a", "\0", STATE + " "]) | st.text(max_size=8)
fields = st.lists(st.tuples(names, values), max_size=6)
pieces = st.sampled_from(
    [
        b"POST /callback HTTP/1.1\r\n", b"GET /callback?code=a HTTP/1.1\r\n", b"Host: localhost:3000\r\n",
        b"Content-Length: 6\r\n", b"Transfer-Encoding: chunked\r\n",
        b"Content-Type: application/x-www-form-urlencoded\r\n",
        b"\r\n", b"code=a", b"3\r\nabc\r\n", b"0\r\n\r\n", b"\x16\x03\x01", b"a" * 5000,
    ]
)  # fmt: skip


def _read(chunks: Iterable[bytes]) -> tuple[object, ...] | None:
    """What the reader says to `chunks`, comparable; it is not asked again once it has answered."""
    reader = RequestReader()
    for chunk in chunks:
        match reader.feed(chunk):
            case Request() as found:
                return (found.method, found.target, found.headers, found.body)
            case Refused() as refused:
                return (refused,)
            case TlsHello():
                return ("TLS",)
    return None


@given(st.lists(pieces | st.binary(max_size=40), max_size=10).map(b"".join), st.data())
def test_a_request_means_the_same_however_its_bytes_arrive(whole: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    chunks = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert _read(chunk for chunk in chunks if chunk) == _read([whole] if whole else [])


@given(fields, st.booleans())
@example([("code", "a"), ("state", STATE)], True)
def test_only_one_code_or_one_error_with_the_right_state_is_accepted(
    fields: list[tuple[str, str]], posted: bool
) -> None:
    text = urlencode(fields).encode()
    request = (
        Request(b"POST", b"/callback", (HOST, FORM), text) if posted else Request(b"GET", b"/callback?" + text, (HOST,))
    )
    verdict = judge(request, URI, SIGN_IN)
    states = [value for name, value in fields if name == "state"]
    if not states or set(states) != {STATE}:
        assert verdict == Refused(400)
    elif isinstance(verdict, Accepted):
        assert dict(verdict.parameters) == dict(fields)
        assert len(verdict.parameters) == len(fields)
        assert ("code" in verdict.parameters) != ("error" in verdict.parameters)
    else:
        assert isinstance(verdict, Contradicted)
        assert STATE not in str(verdict.error)


@given(st.binary(min_size=1, max_size=60), st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=200))
def test_nothing_without_the_state_is_worth_more_than_a_refusal(
    method: bytes, target: bytes, host: bytes, body: bytes
) -> None:
    for request in (
        Request(method, target, ((b"host", host),), body),
        Request(b"POST", b"/callback", (HOST, FORM), body),
        Request(b"GET", b"/callback?" + target, (HOST,)),
    ):
        assert isinstance(judge(request, URI, SIGN_IN), Refused)


@given(st.binary(max_size=300))
def test_nothing_is_accepted_when_nothing_is_expected(body: bytes) -> None:
    assert isinstance(judge(Request(b"POST", b"/callback", (HOST, FORM), body), URI, None), Refused)


@pytest.mark.parametrize(
    ("port", "authority", "here"),
    [
        (3000, "localhost:3000", True), (3000, "127.0.0.1:3000", True), (3000, "[::1]:3000", True),
        (3000, "localhost", False), (3000, "[::1]", False), (3000, "::1:3000", False), (3000, "localhost:80", False),
        (80, "localhost", True), (80, "127.0.0.1", True), (80, "[::1]", True), (80, "localhost:80", True),
        (80, "[::1]:80", True), (80, "localhost:", False), (80, "80", False), (80, "", False), (80, ":80", False),
    ],
)  # fmt: skip
def test_the_port_may_be_left_out_only_when_it_is_80(port: int, authority: str, here: bool) -> None:
    assert URI.at(port).is_here(authority) is here


@pytest.mark.parametrize(
    "text", ["http://localhost", "http://LocalHost:3000", "http://[::1]:1/A%20b/", "http://127.0.0.1/"]
)
def test_a_redirect_uri_is_split_and_never_rewritten(text: str) -> None:
    assert str(RedirectUri.parse(text)) == text


def test_requests_and_verdicts_print_without_their_content() -> None:
    request = Request(b"POST", b"/callback", (HOST, FORM), urlencode({"code": "secret", "state": STATE}).encode())
    accepted = judge(request, URI, SIGN_IN)
    assert isinstance(accepted, Accepted)
    printed = repr(request) + repr(accepted) + repr(SIGN_IN)
    assert "secret" not in printed
    assert STATE not in printed


def test_an_answer_without_a_body_still_tells_its_length() -> None:
    head = response(405, b"page", allow="GET", with_body=False)
    assert head == response(405, b"page", allow="GET").removesuffix(b"page")
    assert b"\r\nContent-Length: 4\r\n" in head
