"""The language that the provider's pages are asked for in is the system's, with its country."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LC_ALL": "de_DE.UTF-8"}, "de-DE"),
        ({"LC_ALL": "pt_BR.UTF-8"}, "pt-BR"),
        ({"LC_ALL": "zh_TW.UTF-8"}, "zh-TW"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "de_AT:fr"}, "de-AT"),
        ({"LANG": "de_DE.UTF-8", "LC_NUMERIC": "en_GB.UTF-8"}, "de-DE"),
        ({"LC_ALL": "C.UTF-8"}, ""),
    ],
    ids=lambda each: each if isinstance(each, str) else ",".join(each.values()),
)
def test_the_systems_language_is_told_with_its_country(environment: dict[str, str], language: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    asked = subprocess.run(
        [sys.executable, "-c", "from ciam_desktop.qt.attempt import language; print(language())"],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert asked.stdout.strip() == language
