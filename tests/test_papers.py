"""Proves that the papers tell what the code does: settings, dependencies, licences, and nothing of this machine."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path

from tests import settings_table

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirement_names() -> list[str]:
    """Every direct requirement, runtime and test, as pyproject.toml spells it."""
    asked = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
    return [re.match(r"[A-Za-z0-9._-]+", requirement)[0] for requirement in asked]  # type: ignore[index]  # they all do


def tracked_files() -> list[Path]:
    """What git tracks, or would with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 -- the developer's own git
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_readme_holds_the_table_of_settings_as_the_code_has_it() -> None:
    assert settings_table.in_readme() == settings_table.table(), "run: python -m tests.settings_table"


def test_every_dependency_has_its_reason_in_the_readme() -> None:
    rows = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    named = {word for row in rows for word in re.findall(r"[A-Za-z][A-Za-z0-9._-]*", row.split("|")[1])}
    assert not set(requirement_names()) - named


def test_every_package_that_is_used_at_run_time_is_in_the_notices() -> None:
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8").lower().replace("_", "-")
    missing = [
        name
        for requirement in PROJECT["dependencies"]
        if (name := re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower())  # type: ignore[index]  # they all do
        and name not in notices
    ]
    assert not missing


def test_the_version_is_told_once() -> None:
    from ciam_desktop import __version__

    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_broken_qt_is_excluded() -> None:
    assert "!=6.12.0" in next(r for r in PROJECT["dependencies"] if r.startswith("PySide6"))
    assert importlib.metadata.version("PySide6-Essentials") != "6.12.0"


def test_links_between_the_papers_lead_somewhere() -> None:
    for paper in ROOT.glob("*.md"):
        for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", paper.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{paper.name} points to {target}"


def test_no_file_holds_a_path_or_a_registry_of_the_machine_that_it_was_written_on() -> None:
    machine = "|".join(re.escape(f"{folder}/") for folder in (ROOT, ROOT.parent) if len(folder.parts) > 1)
    told = re.compile(
        rf"(?<![\w.-])(?:{machine}|/home/[a-z]+/|/root/)|https?://[^\s\"]+\.(?:whl|tar\.gz|deb)\b|index[-]url"
    )
    found = []
    for path in tracked_files():
        if path.suffix in {".png", ".ico", ".icns", ".mo"} or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if told.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)
