"""Opens a page as a desktop's browser command does: starts the browser, or adds a tab to the one that runs.

Run as `browser_launcher.py PROFILE BROWSER URL`; PROFILE is the browser's folder, BROWSER its path.
"""

from __future__ import annotations

import fcntl
import http.client
import os
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-breakpad",
    "--disable-dev-shm-usage",
    "--password-store=basic",
    "--no-proxy-server",
    "--window-size=1000,760",
    "--remote-debugging-port=0",
]
DESKTOP = ["AT_SPI_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY"]
"""What the browser does without, so that its windows are not taken for the program's by assistive technology."""

KEEPER = ["/bin/sh", "-c", '"$@"; exit $?', "browser-keeper"]
"""Stays the browser's parent: Chromium overwrites its own environment, by which it would be found to be ended."""

START = 20
"""Seconds that the browser may take to start."""


def debugging_port(profile: Path) -> int | None:
    """The port on which the browser of `profile` takes commands, once it does."""
    try:
        first, _, _ = (profile / "DevToolsActivePort").read_text().partition("\n")
    except FileNotFoundError:
        return None
    return int(first) if first else None


def _new_tab(port: int, url: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START)
    try:
        connection.request("PUT", "/json/new?" + urllib.parse.quote(url, safe=""))
        return connection.getresponse().status == http.HTTPStatus.OK
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()


def open_page(profile: Path, browser: str, url: str) -> bool:
    """Show `url`; true when the browser has taken it."""
    profile.mkdir(parents=True, exist_ok=True)
    with (profile.parent / f"{profile.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two pages asked for at once make one browser
        port = debugging_port(profile)
        if port is not None and _new_tab(port, url):
            return True
        (profile / "DevToolsActivePort").unlink(missing_ok=True)
        with (profile.parent / f"{profile.name}.log").open("ab") as log:
            subprocess.Popen(
                [*KEEPER, browser, *FLAGS, f"--user-data-dir={profile}", url],
                env={name: value for name, value in os.environ.items() if name not in DESKTOP},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline, pause = time.monotonic() + START, threading.Event()
        while debugging_port(profile) is None:
            if time.monotonic() > deadline:
                return False
            pause.wait(0.02)
    return True


if __name__ == "__main__":
    raise SystemExit(0 if open_page(Path(sys.argv[1]), sys.argv[2], sys.argv[3]) else 1)
