"""Ten thousand random requests at the redirect listener while a true sign-in goes through; real sockets only."""

from __future__ import annotations

import random
import re
import string
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

import pytest

from ciam_desktop.core.identity import loopback, pages
from ciam_desktop.core.identity.loopback import Expected, Kind, Limits
from tests.conftest import SEED
from tests.core.listening import (
    ISSUER,
    Desk,
    Judge,
    Opened,
    announce,
    forgets_the_state,
    takes_any_host,
    takes_any_path,
)
from tests.doubles.browsers import PATIENCE, RawBrowser, form_post, get, request

ROUNDS = 10_000
ROUNDS_FOR_A_BUG = 1_000
WORKERS = 4
OPEN_AT_ONCE = 6  # connections of one worker
PROMPT = 1.0  # seconds that the true redirect may take through the crowd, on a machine that is busy with making it
PATH = "/redirect"
REFUSALS = frozenset({400, 404, 405, 413, 415, 431, 501, 505})
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")

TOKENS = [
    b"\r\n", b"\r\n\r\n", b"\n", b"\0", b" ", b"%", b"%00", b"%ff", b"&", b"=", b"?", b"#", b":", b"/../", b"//",
    b"\x16\x03\x01", b"state=", b"&state=", b"state=&", b"&code=a", b"&error=access_denied", b"&iss=https://other.contoso.example",
    b"Content-Length: 0\r\n", b"Content-Length: 99999999999\r\n", b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Host: contoso.example\r\n", b"Host: localhost\r\n",
    b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\n",
    b"Connection: keep-alive\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"\xf0\x9f\x98\x80", b"HTTP/1.1", b"GET / ",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Forged:
    """A request that must not be taken; one that is `whole` must be refused aloud."""

    data: bytes
    whole: bool = False


class Forger:
    """Makes requests, each with a state of its own, or with the right one and something else that is surely wrong."""

    def __init__(self, seed: int, port: int, true: dict[str, str]) -> None:
        self.dice = random.Random(seed)  # noqa: S311 -- to be repeatable is the point
        self._port = port
        self._true = true

    def forge(self) -> Forged:
        kinds: list[Callable[[], Forged]] = [self._mutated, self._flawed, self._spliced, self._unchanged, self._noise]
        [kind] = self.dice.choices(kinds, weights=[50, 20, 10, 10, 10])
        return kind()

    def token(self, length: int) -> str:
        return "".join(self.dice.choices(string.ascii_letters + string.digits + "-_", k=length))

    def spelled(self, fields: dict[str, str] | list[tuple[str, str]], path: str = PATH) -> bytes:
        """The redirect with `fields`, in one of the ways in which it may come."""
        host, text = f"localhost:{self._port}", urlencode(fields)
        ways: list[Callable[[], bytes]] = [
            lambda: form_post(self._port, fields, path=path),
            lambda: get(self._port, fields, path=path),
            lambda: request("GET", f"http://{host}{path}?{text}", host=host),
            lambda: request(
                "POST", path, host=host, body=self._chunked(text.encode()),
                headers=("Content-Type: application/x-www-form-urlencoded", "Transfer-Encoding: chunked"),
            ),
        ]  # fmt: skip
        return self.dice.choice(ways)()

    def cut(self, whole: bytes) -> list[bytes]:
        """`whole` in one to five pieces."""
        cuts = sorted(self.dice.randint(0, len(whole)) for _ in range(self.dice.choice([0, 0, 1, 1, 2, 4])))
        pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        return [piece for piece in pieces if piece]

    def _chunked(self, body: bytes) -> bytes:
        return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in self.cut(body)) + b"0\r\n\r\n"

    def _forged_fields(self) -> dict[str, str]:
        outcome = self.dice.choice([{"code": self.token(40)}, {"error": "access_denied"}, {}])
        issuer = self.dice.choice([{"iss": ISSUER}, {"iss": ISSUER}, {}])
        length = len(self._true["state"]) if self.dice.random() < 0.8 else self.dice.randrange(60)
        return {**outcome, "state": self.token(length), **issuer}

    def _unchanged(self) -> Forged:
        return Forged(self.spelled(self._forged_fields()), whole=True)

    def _mutated(self) -> Forged:
        data = bytearray(self.spelled(self._forged_fields()))
        for _ in range(self.dice.choice([1, 1, 2, 3, 8])):
            self._mutate(data)
        return Forged(bytes(data))

    def _mutate(self, data: bytearray) -> None:
        dice = self.dice
        start = dice.randint(0, len(data))
        end = min(len(data), start + dice.choice([1, 1, 2, 10, 100]))
        match dice.randrange(8):
            case 0:
                data[start:end] = dice.randbytes(end - start)
            case 1:
                del data[start:end]
            case 2:
                data[start:start] = data[start:end]
            case 3:
                data[start:start] = dice.choice(TOKENS)
            case 4:
                del data[start:]
            case 5:
                data[start:start] = dice.randbytes(1) * dice.choice([10, 1_000, 20_000, 80_000])
            case 6:
                lines = bytes(data).split(b"\r\n")
                dice.shuffle(lines)
                data[:] = b"\r\n".join(lines)
            case 7:
                lines = bytes(data).split(b"\r\n")
                data[:] = b"\r\n".join([*lines[:2], *[dice.choice(lines)] * dice.choice([1, 2, 300]), *lines[2:]])

    def _spliced(self) -> Forged:
        one, other = self.spelled(self._forged_fields()), self.spelled(self._forged_fields())
        return Forged(one[: self.dice.randint(0, len(one))] + other[self.dice.randint(0, len(other)) :])

    def _noise(self) -> Forged:
        return Forged(self.dice.randbytes(self.dice.choice([0, 1, 2, 50, 500, 5_000, 100_000])))

    def _flawed(self) -> Forged:
        """The right state, and one thing that is wrong for certain."""
        dice, host = self.dice, f"localhost:{self._port}".encode()
        true = self.spelled(self._true)
        match dice.randrange(6):
            case 0:
                other = dice.choice(["/", "/Redirect", "/redirect/", "//redirect", "/%72edirect", f"/{self.token(8)}"])
                data = self.spelled(self._true, path=other)
            case 1:
                other_host = dice.choice([b"contoso.example:%d" % self._port, b"localhost", b"localhost:1", b"[::2]:1"])
                data = true.replace(b"Host: " + host, b"Host: " + other_host)
            case 2:
                data = dice.choice([b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"post"]) + true[true.index(b" ") :]
            case 3:
                fields = [*self._true.items(), ("state", self.token(43))]
                dice.shuffle(fields)
                data = self.spelled(fields)
            case 4:
                data = true.replace(b" HTTP/1.1\r\n", b" HTTP/2.0\r\n")
            case _:
                data = form_post(self._port, self._true, path=PATH).replace(b"x-www-form-urlencoded", b"json")
        return Forged(data, whole=True)


@dataclass(slots=True)
class Tally:
    """What the workers did together, and the moment when the true redirect is due."""

    due_after: int
    begun: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    due: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        with self._lock:
            self.begun += 1
        if self.begun >= self.due_after:
            self.due.set()

    def answered(self, status: int) -> None:
        with self._lock:
            self.statuses[status] += 1


class Door(Protocol):
    """Where a listener can be knocked at."""

    def browser(self) -> RawBrowser:
        """A connection to it."""
        ...


@contextmanager
def a_listener_that_is_there() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AssertionError("the listener has ended, or keeps a browser waiting") from error


def _visit(forger: Forger, desk: Door) -> Iterator[bytes | None]:
    """One connection, a step at a time; the last step may be what came back."""
    forged = forger.forge()
    with desk.browser() as browser:
        for piece in forger.cut(forged.data):
            browser.send(piece)
            yield None
        ending = forger.dice.choice(["read", "read", "read", "close", "reset", "linger"])
        if ending == "reset":
            browser.vanish()
        elif ending == "linger":
            for _ in range(forger.dice.randrange(20)):
                yield None
        elif ending == "read":
            if not forged.whole:  # it may be the beginning of a request only; the listener rightly waits
                with suppress(OSError):
                    browser.send_eof()
            received = browser.read()
            assert received or not forged.whole
            yield received


def work(forger: Forger, desk: Door, rounds: int, tally: Tally) -> None:
    """Make `rounds` visits, several at a time."""
    visits: list[Iterator[bytes | None]] = []
    try:
        with a_listener_that_is_there():
            while (rounds or visits) and not tally.stop.is_set():
                if rounds and len(visits) < OPEN_AT_ONCE:
                    rounds -= 1
                    tally.begin()
                    visits.append(_visit(forger, desk))
                visit = forger.dice.choice(visits)
                try:
                    received = next(visit)
                except StopIteration:
                    visits.remove(visit)
                    continue
                if received:
                    head = _STATUS.match(received)
                    assert head
                    tally.answered(int(head[1]))
                    assert int(head[1]) in REFUSALS
                    assert b"\r\nCache-Control: no-store\r\n" in received
    finally:
        tally.due.set()
        visits.clear()  # closes what is open


def _true_redirect(forger: Forger, desk: Desk, true: dict[str, str]) -> float:
    """Send it, in pieces, through the crowd; the seconds until the browser has the page that answers it."""
    page = pages.signed_in("user1@contoso.example")
    with a_listener_that_is_there(), desk.browser() as browser:
        *pieces, last = forger.cut(forger.spelled(true))
        for piece in pieces:
            browser.send(piece)
        arrived = time.perf_counter()
        browser.send(last)
        redirect = desk.done.redirect()
        assert redirect.parameters == true
        redirect.answer(page)
        answer = browser.answer()
        took = time.perf_counter() - arrived
    assert answer is not None
    assert (answer.status, answer.body) == (200, page)
    return took


def fuzz(opened: Opened, dice: random.Random, rounds: int, limits: Limits) -> str:
    """Run it; returns what is worth telling, raises AssertionError for whatever must not be."""
    state = Forger(dice.getrandbits(64), 0, {}).token(43)
    true = {"code": "the-code-0815", "state": state, "iss": ISSUER}
    desk = opened(f"http://localhost{PATH}", Expected(Kind.SIGN_IN, state, ISSUER), limits=limits)
    forgers = [Forger(dice.getrandbits(64), desk.port, true) for _ in range(WORKERS + 1)]
    tally = Tally(due_after=dice.randrange(rounds // 10, rounds * 9 // 10))
    began = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            shares = [pool.submit(work, forger, desk, rounds // WORKERS, tally) for forger in forgers[1:]]
            assert tally.due.wait(PATIENCE * 6)
            assert desk.done.calls == []
            crowd = tally.begun
            took = _true_redirect(forgers[0], desk, true)
            for share in shares:
                share.result(PATIENCE * 6)
        finally:
            tally.stop.set()
    seconds = time.perf_counter() - began
    assert tally.begun == rounds
    assert len(desk.done.calls) == 1
    assert desk.thread.is_alive()
    assert desk.status(form_post(desk.port, true, path=PATH)) == 410
    assert took < PROMPT
    told = ", ".join(f"{count} of {status}" for status, count in sorted(tally.statuses.items()))
    return (
        f"listener fuzz: seed {SEED}, {tally.begun} requests in {seconds:.1f} s, answers {told}; "
        f"the true redirect, after {crowd} of them, had its page in {took * 1000:.1f} ms"
    )


@pytest.mark.battery
def test_ten_thousand_random_requests_neither_end_the_wait_nor_delay_the_true_redirect(
    opened: Opened, rng: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(capsys, fuzz(opened, rng, ROUNDS, Limits()))


# A battery that lets a planted bug through would prove nothing itself.


@pytest.mark.battery
@pytest.mark.parametrize("bug", [forgets_the_state, takes_any_path, takes_any_host])
def test_the_fuzz_notices_a_planted_bug(
    opened: Opened, rng: random.Random, monkeypatch: pytest.MonkeyPatch, bug: Judge
) -> None:
    monkeypatch.setattr(loopback, "judge", bug)
    with pytest.raises(AssertionError):
        fuzz(opened, rng, ROUNDS_FOR_A_BUG, Limits(hold=0.02))


@pytest.mark.battery
def test_as_small_a_fuzz_without_a_planted_bug_has_nothing_to_say(opened: Opened, rng: random.Random) -> None:
    fuzz(opened, rng, ROUNDS_FOR_A_BUG, Limits(hold=0.02))


def test_the_right_state_is_forged_only_together_with_what_is_surely_wrong(rng: random.Random) -> None:
    state = rng.randbytes(16).hex()
    forger = Forger(rng.getrandbits(64), 3000, {"code": "c", "state": state})
    forged = [forger.forge() for _ in range(2000)]
    with_state = [each for each in forged if state.encode() in each.data]
    assert len(with_state) > 100
    assert all(each.whole for each in with_state)
