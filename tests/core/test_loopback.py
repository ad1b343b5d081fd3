"""The redirect listener and the one redirect that it waits for; real sockets only."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from ciam_desktop.core.errors import SignInError
from ciam_desktop.core.identity import pages
from ciam_desktop.core.identity.loopback import Expected, Kind, Limits, Redirect
from tests.core.listening import CODE, ISSUER, SIGN_IN, SIGN_OUT, STATE, TRUE, Opened, needs_ipv6
from tests.doubles.browsers import RawBrowser, form_post, get, request

# -- the true redirect


@pytest.mark.parametrize("uri", ["http://localhost", "http://localhost/", "http://localhost/Path/To%20it"])
def test_the_true_form_post_is_handed_over_and_its_tab_is_answered(opened: Opened, uri: str) -> None:
    desk = opened(uri)
    assert desk.uri == uri.replace("localhost", f"localhost:{desk.port}")
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE, path=uri.removeprefix("http://localhost") or "/"))
        redirect = desk.done.redirect()
        assert redirect.parameters == TRUE
        assert desk.done.threads == [desk.thread.name]
        redirect.answer(b"<p>page</p>", status=202)
        answer = browser.answer()
    assert answer is not None
    assert (answer.status, answer.body) == (202, b"<p>page</p>")


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_a_query_redirect_is_taken_on_both_loopback_addresses(opened: Opened, host: str) -> None:
    desk = opened()
    with RawBrowser(desk.port, host=host) as browser:
        browser.send(get(desk.port, TRUE))
        redirect = desk.done.redirect()
        assert redirect.parameters == TRUE
        redirect.answer(b"")
        assert browser.answer() is not None


@pytest.mark.parametrize(
    "raw",
    [
        lambda port: request("GET", f"/?code={CODE}&state={STATE}", host=f"127.0.0.1:{port}"),
        lambda port: request("GET", f"/?code={CODE}&state={STATE}", host=f"[::1]:{port}"),
        lambda port: request("GET", f"/?code={CODE}&state={STATE}", host=f"LocalHost:{port}"),
        lambda port: request("GET", f"/?code={CODE}&state={STATE}", host=f"localhost:{port}", version="1.0"),
        lambda port: request(
            "GET", f"HTTP://localhost:{port}/?code={CODE}&state={STATE}", host=f"localhost:{port}"
        ),
        lambda port: get(port, f"code={CODE}&state={STATE}").replace(b"\r\nHost: ", b"\r\nhOST:"),
        lambda port: form_post(port, TRUE).replace(b"urlencoded", b"urlencoded; charset=UTF-8"),
        lambda port: form_post(port, TRUE).replace(b"https://login.contoso.example", b"null"),
        lambda port: form_post(port, TRUE) + b"\r\n",
        lambda port: form_post(port, TRUE) + form_post(port, {"error": "access_denied", "state": STATE}),
        lambda port: request(
            "POST", "/", host=f"localhost:{port}",
            headers=("Content-Type: application/x-www-form-urlencoded", "Transfer-Encoding: chunked"),
            body=b"5\r\ncode=\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(CODE + STATE) + 7, f"{CODE}&state={STATE}".encode()),
        ),
    ],
)  # fmt: skip
def test_every_lawful_spelling_of_the_true_redirect_is_understood(opened: Opened, raw: Callable[[int], bytes]) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(raw(desk.port))
        redirect = desk.done.redirect()
        assert redirect.parameters == TRUE
        redirect.answer(b"")
        assert browser.answer() is not None


def test_the_true_redirect_may_come_byte_by_byte(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        for byte in form_post(desk.port, TRUE):
            browser.send(bytes([byte]))
        assert desk.done.redirect().parameters == TRUE


def test_a_sender_that_closes_its_half_is_still_answered(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        browser.send_eof()
        desk.done.redirect().answer(b"page")
        answer = browser.answer()
    assert answer is not None
    assert answer.body == b"page"


def test_an_error_of_the_provider_is_handed_over_too(opened: Opened) -> None:
    desk = opened()
    fields = {"error": "access_denied", "error_description": "AADSTS65004: no\r\nTrace ID: 1", "state": STATE}
    with desk.browser() as browser:
        browser.send(form_post(desk.port, fields))
        assert desk.done.redirect().parameters == fields


def test_the_answer_may_be_kept_framed_and_referred_to_by_nobody(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        page = pages.signed_in("user1@contoso.example")
        desk.done.redirect().answer(page)
        answer = browser.answer()
    assert answer is not None
    assert answer.headers.pop("date").endswith(" GMT")
    assert answer.headers == {
        "content-type": "text/html; charset=utf-8",
        "content-length": str(len(page)),
        "connection": "close",
        "cache-control": "no-store",
        "pragma": "no-cache",
        "referrer-policy": "no-referrer",
        "content-security-policy": pages.security_policy(),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cross-origin-resource-policy": "same-origin",
    }


# -- answers of the provider that cannot be used


@pytest.mark.parametrize(
    "fields",
    [
        [("state", STATE)],
        [("code", ""), ("state", STATE)],
        [("error", ""), ("state", STATE)],
        [("code", CODE), ("code", CODE), ("state", STATE)],
        [("code", CODE), ("code", "another"), ("state", STATE)],
        [("code", CODE), ("state", STATE), ("state", STATE)],
        [("code", CODE), ("error", "access_denied"), ("state", STATE)],
        [("code", ""), ("error", "access_denied"), ("state", STATE)],
        [("code", CODE), ("iss", ISSUER), ("iss", ISSUER), ("state", STATE)],
        [("code", CODE), ("session_state", "1"), ("session_state", "2"), ("state", STATE)],
        [("code", "a\r\nb"), ("state", STATE)],
        [("code", "c\u00f6de"), ("state", STATE)],
        [("code", "c" * 20_000), ("state", STATE)],
        [("error", "access\x1bdenied"), ("state", STATE)],
    ],
)
def test_a_malformed_answer_with_the_right_state_ends_the_wait(opened: Opened, fields: list[tuple[str, str]]) -> None:
    desk = opened()
    answer = desk.ask(form_post(desk.port, fields))
    error = desk.done.wait()
    assert type(error) is SignInError
    assert str(error) == "The answer of the identity provider is malformed and was not used; please try again."
    assert answer is not None
    assert answer.status == 400
    assert str(error) in answer.body.decode()
    assert desk.ended()
    assert len(desk.done.calls) == 1


@pytest.mark.parametrize("outcome", [{"code": CODE}, {"error": "access_denied"}])
@pytest.mark.parametrize("issuer", [None, "", "https://other.contoso.example/v2.0", ISSUER + "/"])
def test_an_answer_of_another_issuer_ends_the_wait(opened: Opened, issuer: str | None, outcome: dict[str, str]) -> None:
    desk = opened(expected=Expected(Kind.SIGN_IN, STATE, ISSUER))
    fields = {**outcome, "state": STATE} | ({} if issuer is None else {"iss": issuer})
    assert desk.status(form_post(desk.port, fields)) == 400
    error = desk.done.wait()
    assert type(error) is SignInError
    assert "another identity provider" in str(error)
    assert desk.ended()


def test_the_issuer_that_was_asked_is_accepted(opened: Opened) -> None:
    desk = opened(expected=Expected(Kind.SIGN_IN, STATE, ISSUER))
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE | {"iss": ISSUER}))
        assert desk.done.redirect().parameters["iss"] == ISSUER


def test_an_issuer_that_is_not_required_is_checked_only_when_it_is_there(opened: Opened) -> None:
    lenient = Expected(Kind.SIGN_IN, STATE, ISSUER, issuer_required=False)
    opened(expected=lenient).takes_the_true_redirect()
    desk = opened(expected=lenient)
    assert desk.status(form_post(desk.port, TRUE | {"iss": "https://other.contoso.example"})) == 400
    assert "another identity provider" in str(desk.done.wait())


def test_a_sign_in_cannot_be_expected_without_a_state() -> None:
    with pytest.raises(ValueError, match="state"):
        Expected(Kind.SIGN_IN, "")


# -- after a sign-out


@pytest.mark.parametrize("fields", [{}, {"state": STATE}, {"sid": "1"}])
def test_a_sign_out_comes_back_with_or_without_its_state(opened: Opened, fields: dict[str, str]) -> None:
    desk = opened(expected=SIGN_OUT)
    with desk.browser() as browser:
        browser.send(get(desk.port, fields))
        redirect = desk.done.redirect()
        assert redirect.parameters == fields
        redirect.answer(pages.signed_out(None))
        answer = browser.answer()
    assert answer is not None
    assert answer.body == pages.signed_out(None)


def test_a_sign_out_with_a_wrong_state_or_by_post_is_refused(opened: Opened) -> None:
    desk = opened(expected=SIGN_OUT)
    assert desk.status(get(desk.port, {"state": "wrong"})) == 400
    posted = desk.ask(form_post(desk.port, {"state": STATE}))
    assert posted is not None
    assert (posted.status, posted.headers["allow"]) == (405, "GET")
    assert desk.status(get(desk.port, path="/favicon.ico")) == 404
    assert desk.done.calls == []
    silent = opened(expected=Expected(Kind.SIGN_OUT, ""))
    assert silent.status(get(silent.port, {"state": "never sent"})) == 400
    assert silent.done.calls == []


NAVIGATION = (
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-User: ?1",
    "Sec-Fetch-Dest: document",
)
FRAME = (*NAVIGATION[:3], "Sec-Fetch-Dest: iframe")
IMAGE = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image")
FETCH = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty")


def _sign_out(port: int, headers: tuple[str, ...], query: str = "") -> bytes:
    return request("GET", f"/{query}", host=f"localhost:{port}", headers=headers)


@pytest.mark.parametrize("headers", [IMAGE, FRAME, FETCH, IMAGE[1:2], FRAME[3:], (*NAVIGATION, *IMAGE)])
def test_a_sign_out_without_its_state_is_no_image_frame_or_script_of_a_page(
    opened: Opened, headers: tuple[str, ...]
) -> None:
    desk = opened(expected=SIGN_OUT)
    assert desk.status(_sign_out(desk.port, headers)) == 400
    assert desk.done.calls == []
    with desk.browser() as browser:
        browser.send(_sign_out(desk.port, NAVIGATION))
        desk.done.redirect()


@pytest.mark.parametrize("headers", [NAVIGATION, FRAME, IMAGE])
def test_a_sign_out_with_its_state_needs_nothing_else(opened: Opened, headers: tuple[str, ...]) -> None:
    desk = opened(expected=SIGN_OUT)
    with desk.browser() as browser:
        browser.send(_sign_out(desk.port, headers, f"?state={STATE}"))
        assert desk.done.redirect().parameters == {"state": STATE}


# -- one redirect, one answer


def test_replays_and_second_tabs_are_told_and_never_reported(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        redirect = desk.done.redirect()
        for replay in (
            form_post(desk.port, TRUE),
            get(desk.port, TRUE),
            get(desk.port, {"error": "e", "state": STATE}),
        ):
            again = desk.ask(replay)
            assert again is not None
            assert (again.status, again.body) == (410, pages.already_answered())
        assert desk.status(get(desk.port, {"state": "wrong"})) == 400
        redirect.answer(b"page")
        assert browser.answer() is not None
    assert desk.status(form_post(desk.port, TRUE)) == 410
    assert len(desk.done.calls) == 1


def test_the_tab_is_held_until_the_answer_and_only_the_first_counts(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        redirect = desk.done.redirect()
        assert desk.status(get(desk.port)) == 400  # the listener has gone round once more
        assert browser.silent()
        redirect.answer(b"first")
        redirect.answer(b"second", status=500)
        answer = browser.answer()
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"first")


def test_an_unknown_status_is_the_callers_mistake(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        with pytest.raises(ValueError, match="799"):
            desk.done.redirect().answer(b"", status=799)


def test_a_tab_that_is_never_answered_is_told_so(opened: Opened) -> None:
    desk = opened(limits=Limits(hold=0.02))
    answer = desk.ask(form_post(desk.port, TRUE))
    assert answer is not None
    assert (answer.status, answer.body) == (503, pages.no_answer())
    desk.done.redirect().answer(b"too late")


def test_a_tab_that_is_gone_hurts_nobody(opened: Opened) -> None:
    desk = opened()
    browser = desk.browser()
    browser.send(form_post(desk.port, TRUE))
    redirect = desk.done.redirect()
    browser.vanish()
    assert desk.status(form_post(desk.port, TRUE)) == 410
    redirect.answer(pages.signed_in(None))
    assert desk.status(form_post(desk.port, TRUE)) == 410


# -- secrets


def test_nothing_of_a_request_is_logged_or_printed(
    opened: Opened, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    caplog.set_level(logging.DEBUG)
    desk = opened()
    desk.status(get(desk.port, {"code": CODE, "state": "wrong"}))
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        redirect = desk.done.redirect()
        desk.listener.close()
        written = caplog.text + repr(redirect) + repr(desk.listener) + repr(SIGN_IN) + repr(vars(desk.listener))
    assert CODE not in written
    assert STATE not in written


@pytest.mark.expects_log("ValueError")
def test_a_callback_that_fails_is_logged_without_its_words(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    desk = opened(expected=None)

    def fail(_outcome: Redirect | SignInError) -> None:
        raise ValueError(CODE)

    desk.listener.expect(SIGN_IN, deadline=600, on_done=fail)
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        assert desk.status(form_post(desk.port, TRUE)) == 410
    desk.listener.close()
    [record] = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "ValueError" in record.getMessage()
    assert "in fail" in record.getMessage()
    assert CODE not in record.getMessage()
    caplog.clear()
