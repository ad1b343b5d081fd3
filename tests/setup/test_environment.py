"""Tests that a start makes, keeps and renews the environment beside main.py, whatever came between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ciam_desktop import bootstrap
from tests.e2e.waiting import wait_until
from tests.setup.clone import LONGEST, Clone, one_sentence

if TYPE_CHECKING:
    from pathlib import Path


def _answer(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert done.returncode == 7, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_the_first_start_sets_up_and_goes_on_inside_with_its_arguments_and_exit_code(clone: Clone) -> None:
    done = clone.start("--op", "get to dos", "ä")
    assert _answer(done) == {
        "prefix": str(clone.environment),
        "arguments": ["main.py", "--op", "get to dos", "ä"],
        "parts": "1.0",
    }
    assert done.stderr.startswith("Setting up CIAM Desktop: ")


def test_what_is_installed_and_the_program_are_compiled_though_bytecode_is_unwanted(once_set_up: Clone) -> None:
    assert "PYTHONDONTWRITEBYTECODE" in once_set_up.env
    tag = sys.implementation.cache_tag
    assert list(once_set_up.environment.glob(f"lib/python*/site-packages/__pycache__/msal.{tag}.pyc"))
    assert (once_set_up.root / "ciam_desktop" / "__pycache__" / f"i18n.{tag}.pyc").is_file()


def test_a_later_start_says_and_changes_nothing(ready: Clone) -> None:
    ready.start()  # notices that the folder was moved
    before = {path: path.stat().st_mtime_ns for path in ready.root.rglob("*") if not path.is_symlink()}
    done = ready.start("again", env=ready.no_network())
    assert _answer(done)["arguments"] == ["main.py", "again"]
    assert done.stderr == ""
    assert {path: path.stat().st_mtime_ns for path in ready.root.rglob("*") if not path.is_symlink()} == before


def test_an_environment_that_has_the_packages_is_used_as_it_is(ready: Clone) -> None:
    ready.start()
    outside = ready.root.parent / "elsewhere"
    shutil.move(ready.environment, outside)
    done = ready.start(python=str(outside / "bin" / "python"))
    assert _answer(done)["prefix"] == str(outside)
    assert not ready.environment.exists()
    assert done.stderr == ""


def test_a_moved_folder_keeps_its_environment_with_scripts_that_name_the_new_place(ready: Clone) -> None:
    assert _answer(ready.start())["prefix"] == str(ready.environment)
    _assert_scripts_work(ready, "1.0")


def test_new_pins_are_built_beside_the_old_environment_and_take_its_place(ready: Clone) -> None:
    ready.pin("2.0")
    done = ready.start()
    assert _answer(done)["parts"] == "2.0"
    _assert_scripts_work(ready, "2.0")
    assert sorted(path.name for path in ready.root.glob(".venv*")) == [".venv", ".venv.setup"]


def test_new_requirements_renew_the_environment_and_other_changes_do_not(ready: Clone) -> None:
    ready.start()
    (ready.environment / "kept").touch()
    with (ready.root / "pyproject.toml").open("a") as file:
        file.write("\n[tool.other]\nkey = 1\n")
    assert _answer(ready.start())["parts"] == "1.0"
    assert (ready.environment / "kept").exists()
    ready.pin("2.0")
    ready.require("2")
    assert _answer(ready.start())["parts"] == "2.0"
    assert not (ready.environment / "kept").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(ready: Clone) -> None:
    ready.start()
    for name in ("python", "python3"):
        (ready.environment / "bin" / name).unlink()
    (ready.environment / "bin" / "python").symlink_to("/nowhere/python3.11")
    assert _answer(ready.start())["parts"] == "1.0"


def test_an_environment_that_lost_a_package_is_made_anew(ready: Clone) -> None:
    ready.start()
    for path in ready.environment.glob("lib/python*/site-packages/msal.py"):
        path.unlink()
    assert _answer(ready.start())["parts"] == "1.0"


def test_packages_that_lack_a_module_end_in_a_sentence_and_not_in_a_loop(clone: Clone) -> None:
    init = clone.root / "ciam_desktop" / "bootstrap" / "__init__.py"
    init.write_text(init.read_text().replace('"PySide6", "msal"', '"module_of_nobody", "msal"'))
    done = clone.start()
    assert done.returncode == 1
    sentence = one_sentence(done.stderr)
    assert sentence.startswith("module_of_nobody cannot be found although the set-up finished")
    assert "rm -rf '" in sentence


def test_an_environment_of_someone_elses_is_kept_aside(clone: Clone) -> None:
    clone.environment.mkdir()
    (clone.environment / "mine").write_text("keep me")
    done = clone.start()
    assert _answer(done)["parts"] == "1.0"
    (kept,) = clone.root.glob(".venv.kept-*")
    assert (kept / "mine").read_text() == "keep me"
    assert str(kept) in done.stderr


def test_the_tests_packages_are_added_to_the_environment_and_a_plain_start_takes_it(ready: Clone) -> None:
    ready.start()
    (ready.environment / "same").touch()
    done = ready.start("-m", "tests", "-k", "some")
    assert (done.returncode, done.stdout) == (0, "tests run ['-k', 'some']\n"), done.stderr
    assert _answer(ready.start())["parts"] == "1.0"
    assert (ready.environment / "same").exists(), "it was added to in place"
    assert ready.start("-m", "tests").stderr == ""
    ready.pin("2.0")
    assert _answer(ready.start())["parts"] == "2.0"
    assert ready.start("-m", "tests").stderr == "", "renewing keeps the tests' packages"


def test_adding_that_was_cut_short_ends_in_a_new_environment(ready: Clone) -> None:
    ready.start()
    (ready.environment / "ciam-desktop-adding").touch()
    (ready.environment / "half").touch()
    assert ready.start("-m", "tests").returncode == 0
    assert not (ready.environment / "half").exists()


def test_two_starts_at_once_set_up_once_and_both_go_on(clone: Clone) -> None:
    processes = [clone.popen(str(number)) for number in range(2)]
    results = [process.communicate(timeout=LONGEST) for process in processes]
    assert [process.returncode for process in processes] == [7, 7], results
    assert sum("Another start is setting up" in err for _, err in results) == 1
    assert [json.loads(out)["arguments"][1] for out, _ in results] == ["0", "1"]


@pytest.mark.parametrize("after", [0.3, 1.5, 2.7])
def test_a_first_start_that_is_killed_at_any_moment_is_finished_by_the_next(clone: Clone, after: float) -> None:
    process = clone.popen()
    with pytest.raises(subprocess.TimeoutExpired):
        _kill_after(process, after)
    assert _answer(clone.start())["parts"] == "1.0"
    _assert_scripts_work(clone, "1.0")


def _kill_after(process: subprocess.Popen[str], seconds: float) -> None:
    """Kill the start alone, so that its venv or pip goes on by itself."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        raise
    pytest.skip(f"this machine sets up in less than {seconds} s")


def test_a_killed_start_whose_pip_goes_on_is_waited_for(clone: Clone) -> None:
    process = clone.popen()
    wait_until(lambda: list((clone.root / ".venv.new").glob("bin/pip")), LONGEST, "pip to be there")
    os.kill(process.pid, signal.SIGKILL)
    assert _answer(clone.start())["parts"] == "1.0"


@pytest.mark.parametrize("moment", ["built", "old one aside", "new one in place", "old one half removed"])
def test_an_exchange_that_was_cut_short_is_finished_by_the_next_start(ready: Clone, moment: str) -> None:
    ready.start()
    root = ready.root
    shutil.copytree(ready.environment, root / "before", symlinks=True)
    ready.pin("2.0")
    ready.start()
    # The states in order, made from an old and a new environment that are both finished.
    if moment == "built":
        ready.environment.rename(root / ".venv.new")
        (root / "before").rename(ready.environment)
    elif moment == "old one aside":
        ready.environment.rename(root / ".venv.new")
        (root / "before").rename(root / ".venv.old")
    else:
        (root / "before").rename(root / ".venv.old")
        if moment == "old one half removed":
            (root / ".venv.old" / bootstrap.STAMP).unlink()
            shutil.rmtree(root / ".venv.old" / "lib")
    done = ready.start(env={"PIP_FIND_LINKS": ""})
    assert _answer(done)["parts"] == "2.0", "nothing needs to be installed again"
    assert "could not be renewed" not in done.stderr
    assert sorted(path.name for path in root.glob(".venv*")) == [".venv", ".venv.setup"]
    _assert_scripts_work(ready, "2.0")


def test_half_of_a_new_environment_is_thrown_away(ready: Clone) -> None:
    ready.start()
    shutil.copytree(ready.environment, ready.root / ".venv.new", symlinks=True)
    (ready.root / ".venv.new" / bootstrap.STAMP).unlink()
    (ready.root / ".venv.new" / "half").touch()
    ready.pin("2.0")
    assert _answer(ready.start())["parts"] == "2.0"
    assert not (ready.environment / "half").exists()


def test_without_a_network_the_finished_environment_from_before_goes_on_with_one_warning(ready: Clone) -> None:
    ready.start()
    ready.pin("2.0")
    done = ready.start(env=ready.no_network())
    assert _answer(done)["parts"] == "1.0"
    assert one_sentence(done.stderr).startswith(
        "The environment could not be renewed, so the one from before is used. The package index could not be reached"
    )
    assert _answer(ready.start())["parts"] == "2.0", "the next start with a network renews it"


def test_without_a_network_what_was_never_installed_is_missed(ready: Clone) -> None:
    ready.start()
    done = ready.start("-m", "tests", env={"PIP_FIND_LINKS": ""})
    assert done.returncode == 1
    assert "test-parts is not to be had" in one_sentence(done.stderr)


def _assert_scripts_work(clone: Clone, version: str) -> None:
    """A console script and `source .venv/bin/activate` lead into this very environment."""
    script = clone.environment / "bin" / "parts-say"
    assert _output([str(script)], clone) == f"said by {version}\n"
    activate = f". {str(clone.environment / 'bin' / 'activate')!r} && command -v parts-say && echo $VIRTUAL_ENV"
    assert _output(["sh", "-c", activate], clone) == f"{script}\n{clone.environment}\n"
    leftovers = [path for path in _texts(clone.environment) if ".venv.new" in path.read_text()]
    assert not leftovers


def _texts(environment: Path) -> list[Path]:
    files = [*(environment / "bin").iterdir(), environment / "pyvenv.cfg"]
    return [path for path in files if not path.is_symlink()]


def _output(command: list[str], clone: Clone) -> str:
    return subprocess.run(command, env=clone.env, capture_output=True, text=True, check=True, timeout=20).stdout
