"""Tests that a set-up which cannot succeed says one sentence on stderr with the command that mends it."""

from __future__ import annotations

import ast
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ciam_desktop.bootstrap import failures
from ciam_desktop.bootstrap.tools import base_python
from tests import needs
from tests.setup.clone import LONGEST, ROOT, Clone, one_sentence

OLD_PYTHONS = sorted(
    path
    for folder in (Path.home() / ".pyenv" / "versions", Path("/usr/bin"))
    for pattern in ("*/bin/python2.7", "*/bin/python3.?", "*/bin/python3.10", "python2.7", "python3.?", "python3.10")
    for path in folder.glob(pattern)
)

_NO_ENSUREPIP = """
import sys


class NoEnsurepip:
    def find_spec(self, name, path=None, target=None):
        if name == "ensurepip":
            raise ModuleNotFoundError("No module named 'ensurepip'")


sys.meta_path.insert(0, NoEnsurepip())
"""


def _failure(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode not in (0, 7), done.stdout
    assert done.stdout == ""
    return one_sentence(done.stderr)


def test_no_network(clone: Clone) -> None:
    sentence = _failure(clone.start(env=clone.no_network()))
    log = clone.root / ".venv.setup" / "log.txt"
    assert sentence.startswith("The package index could not be reached; check the network or the proxy, ")
    assert f"start again: {Path(base_python()).name} main.py (pip's output is in {log})" in sentence
    assert not clone.environment.exists()


def test_the_log_keeps_pips_output_without_the_passwords_of_addresses(clone: Clone) -> None:
    index = clone.no_network() | {"PIP_INDEX_URL": "http://user1:not-for-logs@127.0.0.1:9/"}
    done = clone.start(env=index | {"PIP_EXTRA_INDEX_URL": "http://user1:nor-this@127.0.0.1:9/more"})
    assert done.returncode == 1
    log = (clone.root / ".venv.setup" / "log.txt").read_text()
    assert "127.0.0.1:9" in log
    for secret in ("not-for-logs", "nor-this"):
        assert secret not in log + done.stderr


def test_no_wheel_for_this_python(clone: Clone) -> None:
    (wheel,) = clone.wheels.glob("parts-1.0-*")
    wheel.rename(wheel.with_name("parts-1.0-cp27-cp27m-win32.whl"))
    sentence = _failure(clone.start())
    assert sentence.startswith("parts is not to be had for Python 3.")
    assert "start with another Python, such as: python3.1" in sentence


def test_no_venv_module(clone: Clone) -> None:
    shim = clone.root.parent / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text(_NO_ENSUREPIP)
    sentence = _failure(clone.start(env={"PYTHONPATH": str(shim)}))
    assert "lacks its venv module" in sentence
    if failures.distribution_family() == "debian":
        assert "sudo apt-get install python3-venv && " in sentence


def test_a_folder_that_may_not_be_written_to(clone: Clone) -> None:
    with _read_only(clone.root):
        sentence = _failure(clone.start())
    assert sentence.startswith(f"The folder {clone.root} may not be written to")
    assert f"cp -R '{clone.root}' ~/ciam-desktop && python3 ~/ciam-desktop/main.py" in sentence


def test_a_finished_environment_in_a_folder_that_may_not_be_written_to_just_starts(ready: Clone) -> None:
    ready.start()
    with _read_only(ready.root):
        done = ready.start()
    assert (done.returncode, done.stderr) == (7, "")


class _read_only:  # noqa: N801 -- reads as a verb in a with statement
    """Makes a folder read-only for everyone, root as well (who may write in spite of its mode)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        if os.geteuid() == 0:
            _mount("--bind", str(self._folder), str(self._folder))
            _mount("-o", "remount,ro,bind", str(self._folder))
        else:
            self._folder.chmod(0o555)

    def __exit__(self, *_: object) -> None:
        if os.geteuid() == 0:
            subprocess.run([needs.program("umount"), str(self._folder)], check=True, timeout=20)
        else:
            self._folder.chmod(0o755)


def _mount(*arguments: str) -> None:
    done = subprocess.run([needs.program("mount"), *arguments], capture_output=True, text=True, check=False, timeout=20)
    if done.returncode != 0:
        pytest.skip(f"nothing may be mounted here ({done.stderr.strip()}), and root may write anywhere")


def test_a_full_disk(clone: Clone) -> None:
    """A set-up on a disk of 12 MB, or (without the right to mount one) one that may write small files only."""
    if os.geteuid() == 0:
        disk = clone.root.parent / "disk"
        disk.mkdir()
        _mount("-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk))
        try:
            shutil.copytree(clone.root, disk, dirs_exist_ok=True)
            clone.root = disk
            sentence = _failure(clone.start())
        finally:
            subprocess.run([needs.program("umount"), "--lazy", str(disk)], check=True, timeout=20)
    else:
        # Python ignores SIGXFSZ, so a larger file is an OSError (EFBIG).
        limited = subprocess.run(
            [base_python(), "main.py"],
            cwd=clone.root,
            env=clone.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
        )
        sentence = _failure(limited)
    assert sentence.startswith(f"The disk that holds {clone.root} is full; free 1 GB on it, then start again: ")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What is started heeds SIGINT, though a shell that started the tests in the background lets them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c(clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the index: it answers nobody, so pip waits
        silent.settimeout(LONGEST)
        index = {"PIP_INDEX_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/"}
        process = clone.popen(env=clone.no_network() | index)
        connected, _address = silent.accept()
        with connected:
            os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
            out, err = process.communicate(timeout=LONGEST)
    assert process.returncode == 130, err
    assert out == ""
    assert one_sentence(err).startswith("The set-up was interrupted; start it again: python3")
    assert clone.start().returncode == 7


def test_main_py_can_be_read_by_every_python_since_2_7() -> None:
    """The grammar of 3.4 is the oldest that can be checked here; what 2.7 lacks beyond it is listed."""
    text = (ROOT / "main.py").read_text("utf-8")
    tree = ast.parse(text, feature_version=(3, 4))
    later = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Starred, ast.Nonlocal, ast.AsyncFunctionDef, ast.arg)
    suspicious = [node for node in ast.walk(tree) if isinstance(node, later)]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    allowed = [argument for call in calls for argument in call.args if isinstance(argument, ast.Starred)]
    assert [node for node in suspicious if node not in allowed] == []
    assert text.isascii(), "2.7 wants a declaration for anything else"
    assert os.access(ROOT / "main.py", os.X_OK)


PRETENDS = "import runpy, sys; sys.version_info = (3, 10, 0); runpy.run_path('main.py', run_name='__main__')"


def test_a_python_that_is_too_old_says_so(clone: Clone) -> None:
    """This very Python, which pretends, and every one of this machine that is."""
    pretended = subprocess.run(
        [sys.executable, "-c", PRETENDS], cwd=clone.root, capture_output=True, text=True, check=False, timeout=30
    )
    for done in (pretended, *(clone.start(python=str(python)) for python in OLD_PYTHONS)):
        sentence = _failure(done)
        assert sentence.startswith("CIAM Desktop needs Python 3.11 or newer, and this is Python ")
        assert sentence.endswith("then run: python3 main.py")
        assert not list(clone.root.glob(".venv*"))


@pytest.mark.parametrize(
    ("output", "beginning"),
    [
        (
            "WARNING: Retrying: SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]",
            "The certificate",
        ),
        ("ERROR: Failed building wheel for cffi\nerror: subprocess-exited-with-error", "One of the packages is not"),
        ("OSError: [Errno 28] No space left on device\nERROR: No matching distribution found for x", "The disk that"),
        ("NewConnectionError: Connection refused\nNo matching distribution found for x", "The package index could not"),
        ("PermissionError: [Errno 13] Permission denied: '/x'", "The folder /clone may not be written to"),
        ("Segmentation fault", "The packages could not be installed; pip's output is in /clone/log"),
    ],
)
def test_what_pip_prints_becomes_the_sentence_of_its_first_cause(output: str, beginning: str) -> None:
    sentence = str(failures.tool_failure(output, Path("/clone"), Path("/clone/log")))
    assert sentence.startswith(beginning)
    assert "\n" not in sentence
