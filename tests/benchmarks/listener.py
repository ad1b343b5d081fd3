"""Owns the measure of the redirect listener: `python -m tests.benchmarks.listener`, our share beside a bare echo.

Measured from the moment when the redirect is sent to `on_done`, and from `answer` to the page's last byte in the
browser; beside it stand idle connections, or some are opened right before it, so that it waits its turn behind them. In
each run a bare blocking echo of as many bytes is measured first. The exit code is 0 when the medians of our share, both
parts together, are under `MOST`.
"""

from __future__ import annotations

import argparse
import queue
import socket
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from ciam_desktop.core.errors import SignInError
from ciam_desktop.core.identity import pages
from ciam_desktop.core.identity.loopback import Expected, Kind, Redirect, RedirectListener
from ciam_desktop.core.identity.redirect_http import RedirectUri
from tests.doubles.browsers import PATIENCE, RawBrowser, form_post, get

MOST = 20.0
"""Milliseconds, what the requirement allows from the redirect's arrival to the answer, the provider's part aside."""

CROWDS = ((0, 0), (100, 0), (300, 0), (0, 100), (0, 300))
"""How many connections stand idle, and how many are opened right before the redirect."""
WARM_UP = 5
STATE = "a-state-of-43-characters-as-the-client-made"
FIELDS = {"code": "c" * 1200, "state": STATE, "iss": "https://login.contoso.example/v2.0", "session_state": "s" * 36}
"""An authorization code of an external tenant has about 1,200 characters."""


@dataclass(slots=True)
class Times:
    """Milliseconds of every run: until the bytes were there, and until those that answer were back."""

    arrival: list[float] = field(default_factory=list)
    answer: list[float] = field(default_factory=list)

    def add(self, sent: float, arrived: float, answering: float, answered: float) -> None:
        self.arrival.append((arrived - sent) * 1000)
        self.answer.append((answered - answering) * 1000)

    def both(self) -> list[float]:
        return [arrival + answer for arrival, answer in zip(self.arrival, self.answer, strict=True)]


def echo(request: bytes, page: bytes, times: Times) -> None:
    """The floor: a thread that waits in `recv` for as many bytes, and answers with as many."""
    moments: queue.Queue[tuple[float, float]] = queue.Queue()

    def serve(listening: socket.socket) -> None:
        connection, _address = listening.accept()
        with connection:
            missing = len(request)
            while missing:
                missing -= len(connection.recv(missing))
            arrived = time.perf_counter()
            answering = time.perf_counter()
            connection.sendall(page)
            moments.put((arrived, answering))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        with RawBrowser(listening.getsockname()[1]) as browser:
            sent = time.perf_counter()
            browser.send(request)
            browser.read()
            answered = time.perf_counter()
        thread.join(PATIENCE)
        times.add(sent, *moments.get(timeout=PATIENCE), answered)


def redirect(idle: int, just_now: int, page: bytes, times: Times) -> None:
    """One true redirect at a listener of its own, amid connections that say nothing."""
    done: queue.Queue[tuple[float, Redirect | SignInError]] = queue.Queue()
    listener = RedirectListener("http://localhost/")
    with ExitStack() as stack:
        stack.callback(listener.close)
        port = RedirectUri.parse(listener.open()).port or 0
        expected = Expected(Kind.SIGN_IN, STATE, FIELDS["iss"])
        listener.expect(expected, deadline=PATIENCE, on_done=lambda outcome: done.put((time.perf_counter(), outcome)))
        for _each in range(idle):
            stack.enter_context(RawBrowser(port))
        with RawBrowser(port) as last:  # who is answered was let in, and so were all before
            last.send(get(port))
            last.read()
        for _each in range(just_now):
            stack.enter_context(RawBrowser(port))
        browser = stack.enter_context(RawBrowser(port))
        sent = time.perf_counter()
        browser.send(form_post(port, FIELDS))
        arrived, outcome = done.get(timeout=PATIENCE)
        if not isinstance(outcome, Redirect):
            raise outcome
        answering = time.perf_counter()
        outcome.answer(page)
        browser.read()
        times.add(sent, arrived, answering, time.perf_counter())


def measure(idle: int, just_now: int, runs: int) -> tuple[Times, Times]:
    """The floor and our share, `runs` of each in turn, after a warm-up."""
    page = pages.signed_in("user1@contoso.example")
    request = form_post(49152, FIELDS)
    for _each in range(WARM_UP):
        echo(request, page, Times())
        redirect(idle, just_now, page, Times())
    floor, ours = Times(), Times()
    for _each in range(runs):
        echo(request, page, floor)
        redirect(idle, just_now, page, ours)
    return floor, ours


def main(argv: list[str] | None = None) -> int:
    """Measure and print one table; returns 1 when the listener takes too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.listener", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="runs of each")
    runs = parser.parse_args(argv).runs
    print_line = sys.stdout.write
    print_line(f"milliseconds, median and most of {runs} runs\n")
    print_line(
        f"{'idle':>5}{'just now':>10}  {'':<10}{'redirect -> on_done':>22}{'answer() -> page':>22}{'both':>22}\n"
    )
    worst = 0.0
    for idle, just_now in CROWDS:
        floor, ours = measure(idle, just_now, runs)
        for name, times in (("bare echo", floor), ("listener", ours)):
            columns = "".join(
                f"{median(each):>13.2f}{max(each):>9.2f}" for each in (times.arrival, times.answer, times.both())
            )
            print_line(f"{idle:>5}{just_now:>10}  {name:<10}{columns}\n")
        worst = max(worst, median(ours.both()))
    print_line(f"the worst median of ours: {worst:.2f} ms (under {MOST:g} ms)\n")
    return 0 if worst < MOST else 1


if __name__ == "__main__":
    sys.exit(main())
