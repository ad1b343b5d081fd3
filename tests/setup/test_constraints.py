"""Tests that resources/constraints.txt pins what the project needs with all that this needs, and nothing else."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from typing import Any

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from ciam_desktop import bootstrap
from ciam_desktop.bootstrap import tools
from tests.setup.clone import ROOT

TEXT = (ROOT / "resources" / "constraints.txt").read_text("utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LINES = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
PINS = {canonicalize_name(Requirement(line).name): Requirement(line) for line in LINES}

# Python 3.11 to 3.13 on the three systems; what else markers ask for follows from these.
PLATFORMS = [
    {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": system, **names}
    for version in ("3.11", "3.12", "3.13")
    for system, names in (
        ("linux", {"platform_system": "Linux", "os_name": "posix"}),
        ("darwin", {"platform_system": "Darwin", "os_name": "posix"}),
        ("win32", {"platform_system": "Windows", "os_name": "nt"}),
    )
]


def _holds(marker: Marker | None, platform: dict[str, str], extras: set[str]) -> bool:
    return marker is None or any(
        marker.evaluate({"implementation_name": "cpython", **platform, "extra": extra}) for extra in {"", *extras}
    )


def _needed(requirements: list[str], platform: dict[str, str]) -> dict[NormalizedName, list[Requirement]]:
    """Every distribution that `requirements` lead to on `platform`, with all that is asked of it."""
    todo = [(Requirement(text), {""}) for text in requirements]
    done: dict[NormalizedName, list[Requirement]] = {}
    seen: set[str] = set()
    while todo:
        requirement, extras = todo.pop()
        if not _holds(requirement.marker, platform, extras) or str(requirement) + str(extras) in seen:
            continue
        seen.add(str(requirement) + str(extras))
        name = canonicalize_name(requirement.name)
        done.setdefault(name, []).append(requirement)
        try:
            texts = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # only on another system; its own needs are seen there
            continue
        todo += [(Requirement(text), requirement.extras) for text in texts]
    return done


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda each: f"{each['sys_platform']}-{each['python_version']}")
def test_everything_that_is_needed_has_a_pin_that_satisfies_all_who_need_it(platform: dict[str, str]) -> None:
    needed = _needed(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"], platform)
    for name, requirements in needed.items():
        assert name in PINS, f"{name} is needed on {platform} and not pinned"
        pin = PINS[name]
        assert _holds(pin.marker, platform, set()), f"{pin} is left out on {platform}"
        (version,) = [Version(specifier.version) for specifier in pin.specifier]
        for requirement in requirements:
            assert requirement.specifier.contains(version, prereleases=True), f"{pin} is not {requirement}"


def test_every_pin_is_needed_somewhere_and_in_its_section() -> None:
    head, _, tail = TEXT.partition("# Needed by the extra test:")
    for section, requirements in (
        (head, PROJECT["dependencies"]),
        (tail, PROJECT["optional-dependencies"]["test"]),
    ):
        needed = {name for platform in PLATFORMS for name in _needed(requirements, platform)}
        for line in section.splitlines():
            if line and not line.startswith("#"):
                assert canonicalize_name(Requirement(line).name) in needed, f"{line} is not needed"
    runtime = {name for platform in PLATFORMS for name in _needed(PROJECT["dependencies"], platform)}
    assert not [line for line in tail.splitlines()[1:] if line and canonicalize_name(Requirement(line).name) in runtime]


def test_what_is_installed_here_are_the_pins() -> None:
    here = {key: str(value) for key, value in default_environment().items()}
    for name in _needed(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"], here):
        assert PINS[name].specifier.contains(metadata.version(name)), f"{name} {metadata.version(name)}"


def test_pins_are_plain_sorted_and_name_no_place() -> None:
    for line in LINES:
        assert re.fullmatch(r'[A-Za-z0-9._-]+==[0-9][a-z0-9.]*(; sys_platform == "[a-z0-9]+")?', line), line
    for section in TEXT.split("# Needed by the extra test:"):
        names = [line.partition("==")[0].lower() for line in section.splitlines() if line and line[0] != "#"]
        assert names == sorted(names)
    assert "//" not in TEXT


def test_qt_is_pinned_at_the_release_that_works_on_3_11() -> None:
    assert {str(PINS[name].specifier) for name in map(canonicalize_name, ("pyside6-essentials", "shiboken6"))} == {
        "==6.11.3"
    }


def test_the_modules_that_a_start_looks_for_are_those_of_the_requirements() -> None:
    by_module = metadata.packages_distributions()
    for extra, texts in (("", PROJECT["dependencies"]), ("test", PROJECT["optional-dependencies"]["test"])):
        required = {canonicalize_name(Requirement(text).name) for text in texts}
        looked_for = {
            canonicalize_name(name) for module in bootstrap.MODULES[extra] for name in by_module.get(module, [])
        }
        here = {key: str(value) for key, value in default_environment().items()}
        elsewhere = {name for name in required if name not in _needed(texts, here)}
        without_modules = {name for name in required if name.startswith("types-")}
        assert required - elsewhere - without_modules <= looked_for
        assert list(bootstrap.missing_modules([extra] if extra else [])) == []


def test_the_pins_of_this_system_are_counted() -> None:
    text = 'a==1\nb==2; sys_platform == "no such"\n# c==3\n# Needed by the extra test:\nd==4\n'
    assert (tools.count_pins(text, []), tools.count_pins(text, ["test"])) == (1, 2)
