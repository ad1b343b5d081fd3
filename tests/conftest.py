"""Owns what every test stands on: places and settings of its own, and the guards that fail one that leaves anything."""

from __future__ import annotations

import gc
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ciam_desktop.core import setting_specs
from tests.leaks import LeakGuard, LogGuard, marked

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = ["BROWSER", "LANGUAGE", *(spec.name for spec in setting_specs.SETTINGS)]
"""Variables that the program obeys; a test that wants one sets it."""

OUTSIDE = [
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "AT_SPI_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XDG_CONFIG_DIRS",
    "XDG_CURRENT_DESKTOP",
]
"""Variables by which the machine would reach into a test."""

HOME_FOLDERS = {
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "XDG_RUNTIME_DIR": "run",
    "APPDATA": "AppData/Roaming",
    "LOCALAPPDATA": "AppData/Local",
}

MACHINE = dict(os.environ)

SEED = os.environ.get("CIAM_TEST_SEED") or str(random.SystemRandom().randrange(1_000_000))


def pytest_configure() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["LC_ALL"] = "C.UTF-8"


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # what was imported is no test's, so no guard has to look through it


def pytest_report_header() -> str:
    return f"random seed: {SEED} (CIAM_TEST_SEED={SEED} repeats it)"


def _move_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Make `home` the home folder, without the machine's settings, proxies, keyring and screen."""
    for name in (*SETTINGS, *OUTSIDE, *(name.lower() for name in OUTSIDE)):
        patch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        patch.setenv(name, str(home))
    for name, below in HOME_FOLDERS.items():
        (home / below).mkdir(mode=0o700, parents=True, exist_ok=True)
        patch.setenv(name, str(home / below))
    patch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={home / 'run' / 'nobody-listens-here'}")


@pytest.fixture(scope="session", autouse=True)
def home_of_wider_fixtures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home for what lives longer than one test."""
    with pytest.MonkeyPatch.context() as patch:
        _move_in(tmp_path_factory.mktemp("home"), patch)
        yield


@pytest.fixture(autouse=True)
def leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves something behind or logs a warning.

    Set up after every fixture of a wider scope and before those of the test, it sees these taken down. The marker
    `expects_log("pattern", …)` names warnings that must come, `leaves("pattern", …)` what a wider fixture may keep.
    """
    qt = "qapp" in request.fixturenames
    with LeakGuard(qt=qt, allowed=marked(request.node, "leaves")), LogGuard(marked(request.node, "expects_log")):
        yield


@pytest.fixture(autouse=True)
def home(
    leaves_nothing: None,  # noqa: ARG001 -- first the guard
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """The test's own, empty home folder; HOME and the XDG folders lie in it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        _move_in(folder, patch)
        yield folder


@pytest.fixture
def machine_environment() -> dict[str, str]:
    """The environment as it was outside, for a process that must reach what the machine is set up to reach."""
    return dict(MACHINE)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """A source of chance for this test alone; a failure shows the seed that repeats it."""
    print(f"random seed: {SEED} (CIAM_TEST_SEED={SEED} repeats it)")  # noqa: T201 -- shown with a failed test
    return random.Random(f"{SEED}/{request.node.nodeid}")  # noqa: S311 -- to be repeatable is the point
