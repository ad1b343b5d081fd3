"""Clocks: how far this computer's is off by what a server says, in words, and how long a busy server wants peace."""

from __future__ import annotations

import pytest

from ciam_desktop.core.answers import in_the_way, is_page
from ciam_desktop.core.clock import how_long, pause_wanted, slowness, wrong_clock
from ciam_desktop.core.http import Answer

THEN = 1_000_000_000.0
DATE = "Sun, 09 Sep 2001 01:46:40 GMT"
URL = "https://login.contoso.example/tenant"


@pytest.mark.parametrize(
    ("asked", "came", "slow"),
    [
        (THEN - 1, THEN + 1, 0),
        (THEN + 0.9, THEN + 0.95, 0),
        (THEN - 100, THEN - 90, 90),
        (THEN + 101, THEN + 110, -100),
        (THEN - 500, THEN + 500, 0),
    ],
)
def test_a_clock_is_off_by_no_less_than_the_answer_shows(asked: float, came: float, slow: float) -> None:
    assert slowness({"date": DATE}, asked, came) == pytest.approx(slow)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT", "9" * 5000])
def test_an_answer_without_a_readable_time_tells_nothing(date: str) -> None:
    assert slowness({"date": date}, THEN, THEN) is None
    assert slowness({}, THEN, THEN) is None


@pytest.mark.parametrize(
    ("slow", "told"),
    [
        (0, ""),
        (59, ""),
        (-59, ""),
        (60, "This computer's clock is 60 seconds slow."),
        (-3600 * 2, "This computer's clock is 2 hours fast."),
        (86400 * 2, "This computer's clock is 2 days slow."),
    ],
)
def test_a_wrong_clock_is_told_by_how_much_and_which_way(slow: float, told: str) -> None:
    assert wrong_clock(slow) == told


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (119, "119 seconds"), (120, "2 minutes"), (7199, "119 minutes"), (7200, "2 hours"),
     (172799, "47 hours"), (172800, "2 days")],
)  # fmt: skip
def test_a_length_of_time_is_in_words(seconds: int, words: str) -> None:
    assert how_long(seconds) == words


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after": DATE}, 40),
        ({"retry-after": DATE, "date": "Sun, 09 Sep 2001 01:46:30 GMT"}, 10),
        ({"retry-after": DATE, "date": "Sun, 09 Sep 2001 01:56:30 GMT"}, 0),
        ({"retry-after": "-1"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "9" * 5000}, 0),
        ({}, 0),
    ],
)
def test_a_busy_server_says_how_long_it_wants_to_be_left_alone(headers: dict[str, str], seconds: int) -> None:
    assert pause_wanted(headers, THEN - 40) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"content-type": "application/json"}, b'{"html": "<html>"}'),
        (200, {"content-type": "text/html"}, b'{"issuer": "x"}'),
        (200, {"content-type": "text/html"}, b""),
        (200, {"content-type": "text/xml"}, b"<?xml"),
        (200, {}, b""),
        (404, {"content-type": "text/html"}, b"<html>"),
        (400, {}, b"<html>"),
        (302, {"location": "/elsewhere"}, b""),
        (302, {"location": "https://LOGIN.contoso.example/other"}, b""),
        (302, {"location": "https://[/"}, b""),
        (302, {"location": "https://\u202e.example/"}, b""),
        (302, {}, b""),
        (304, {}, b""),
    ],
)
def test_a_servers_own_word_is_nothing_in_the_way(status: int, headers: dict[str, str], body: bytes) -> None:
    assert in_the_way(Answer(status, headers, body), URL) is None


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "Text/HTML; charset=utf-8"}, b"<!-- a page --><p>"),
        ({"content-type": "application/xhtml+xml"}, b"<?xml"),
        ({"content-type": "application/json"}, b"\xef\xbb\xbf \r\n<!DocType HTML>"),
        ({}, b"  <HTML lang=de>"),
    ],
)
def test_a_web_page_is_known_by_its_type_or_its_beginning(headers: dict[str, str], body: bytes) -> None:
    answer = Answer(200, headers, body)
    assert is_page(answer)
    error = in_the_way(answer, URL)
    assert error is not None
    assert (error.reason, error.host) == ("captive portal", "login.contoso.example")


def test_a_pause_is_never_told_shorter_than_it_is() -> None:
    error = in_the_way(Answer(503, {"retry-after": "121"}, b""), URL)
    assert str(error) == "login.contoso.example is busy; try again in 3 minutes."
