"""Owns the measure of the first window: `python -m tests.benchmarks.first_window`, the program against an empty window.

Both are started in turn by this very interpreter, with compiled files, from process start to first paint. On Linux
without a DISPLAY an Xvfb is started. The exit code is 0 when the ratio of the medians is at most `MOST`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.e2e.display import Display
from tests.e2e.processes import Processes

MOST = 1.25
PATIENCE = 60
WARM_UP = 2

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("first_paint.py")


def measure(which: str, env: dict[str, str]) -> float:
    """The milliseconds from process start to first paint of the "program" or an "empty" window; one run."""
    began = time.monotonic_ns()
    return (int(run(which, "moment", env)) - began) / 1e6


def run(which: str, what: str, env: dict[str, str]) -> str:
    """What one run of the child prints; raises CalledProcessError, TimeoutExpired."""
    command = [sys.executable, os.fspath(CHILD), which, what]
    done = subprocess.run(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True)
    return done.stdout.strip()


def environment(folder: Path, display: dict[str, str]) -> dict[str, str]:
    """An environment with places of its own, compiled files, no keyring, and the settings of some tenant.

    With a tenant nothing is started or asked at the start of the window, so that runs do not disturb each other.
    """
    dropped = {"PYTHONDONTWRITEBYTECODE", "QT_QPA_PLATFORM", "DBUS_SESSION_BUS_ADDRESS"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    places = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
    homes = {name: str(folder / name.lower()) for name in places}
    for path in homes.values():
        Path(path).mkdir(mode=0o700, exist_ok=True)
    return {
        **kept,
        **display,
        **homes,
        "PYTHONPATH": os.fspath(ROOT),
        "PYTHONPYCACHEPREFIX": os.fspath(folder / "compiled"),  # written by the warm-up, read by both
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/nobody-listens-here",
        "TENANT_SUBDOMAIN": "contoso",
        "CLIENT_ID": "22222222-3333-4444-8555-666666666666",
        "TODOLIST_READ": "api://33333333-4444-4555-8666-777777777777/ToDoList.Read",
        "TODOLIST_READWRITE": "api://33333333-4444-4555-8666-777777777777/ToDoList.ReadWrite",
    }


def compare(runs: int, env: dict[str, str]) -> dict[str, list[float]]:
    """Milliseconds of `runs` runs of each, in turn, after a warm-up."""
    found: dict[str, list[float]] = {"empty": [], "program": []}
    for number in range(WARM_UP + runs):
        for which, times in found.items():
            took = measure(which, env)
            if number >= WARM_UP:
                times.append(took)
    return found


def main(argv: list[str] | None = None) -> int:
    """Measure and print one table; returns 1 when the program takes too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.first_window", description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="runs of each")
    runs = parser.parse_args(argv).runs
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        display: dict[str, str] = {}
        if sys.platform == "linux" and not os.environ.get("DISPLAY"):
            processes = stack.enter_context(Processes(folder / "logs"))
            display = stack.enter_context(Display(processes, folder / "screen", window_manager=False)).env
        found = compare(runs, environment(folder, display))
    ratio = median(found["program"]) / median(found["empty"])
    lines = [f"{'window':<10}{'median, ms':>12}{'least, ms':>12}{'most, ms':>12}{'runs':>6}"]
    lines += [f"{k:<10}{median(v):>12.0f}{min(v):>12.0f}{max(v):>12.0f}{len(v):>6}" for k, v in found.items()]
    lines += [f"ratio {ratio:.2f} (at most {MOST})"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if ratio <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
