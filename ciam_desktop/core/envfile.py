"""Owns how a `.env` file is read: strictly, with the file and the line in every complaint."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

# The parser below dotenv_values, which itself passes over a malformed line with a log entry; nothing is interpolated.
from dotenv.parser import parse_stream

from ciam_desktop.core.errors import SettingsError
from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from pathlib import Path


def read_env_file(path: Path) -> dict[str, str]:
    """Every NAME=value of the file at `path`; the last of a name counts. A byte order mark and CRLF are fine.

    Raises SettingsError when the file cannot be read, is not UTF-8, or a line is not NAME=value.
    """
    try:
        # "utf-8-sig" drops the mark that some editors put first; read_text makes every line end a \n.
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise _wrong(
            path,
            _("The settings file %(path)s cannot be read (%(reason)s)."),
            reason=error.strerror or type(error).__name__,
        ) from error
    except UnicodeDecodeError:
        raise _wrong(path, _("The settings file %(path)s is not UTF-8 text; save it as UTF-8.")) from None
    values: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            # The parser counts a statement from the blank lines before it.
            statement = binding.original.string
            blank = statement[: len(statement) - len(statement.lstrip())]
            line = str(binding.original.line + blank.count("\n"))
            raise _wrong(path, _("Line %(line)s of %(path)s is not NAME=value."), line=line)
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values


def _wrong(path: Path, sentence: str, **details: str) -> SettingsError:
    return SettingsError(sentence % {"path": path, **details}, setting=path.name, source=str(path))
