"""Owns where the program's own files are: beside the package in a clone, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_ROOT = _PACKAGE / "_resources" if (_PACKAGE / "_resources").is_dir() else _PACKAGE.parent / "resources"


def clone_folder() -> Path | None:
    """The folder of main.py, where a `.env` may be; None when installed as a wheel."""
    return _PACKAGE.parent if (_PACKAGE.parent / "main.py").is_file() else None


def resource(*parts: str) -> Path:
    """The path of one file or folder below resources/, such as `resource("icons", "app.svg")`."""
    return _ROOT.joinpath(*parts)
