"""Owns the profile file: named sets of settings in `profiles.toml`, read as a whole and replaced as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ciam_desktop.core import formats
from ciam_desktop.core.errors import SettingsError, StoredFormatError
from ciam_desktop.core.setting_specs import SANDBOX, SETTINGS, Program
from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FILE_NAME = "profiles.toml"
CURRENT_VERSION = 1

_KEYS = frozenset(spec.profile_key(program) for spec in SETTINGS if not spec.secret for program in Program)
_SECRET_KEYS = frozenset(spec.profile_key(Program.DAEMON) for spec in SETTINGS if spec.secret)
_TOP_LEVEL = frozenset({formats.VERSION, "default", "profiles"})
# A profile's name also names files and vault entries: plain, and never one that the program gives itself.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_OWN_NAME = re.compile(rf"{SANDBOX}|tenant-.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Profiles:
    """What the profile file says: profile name -> key of the file -> text, and the name to use when none is given.

    `default` is "" when the file names none, and "sandbox" when it asks for the sandbox. `unusable` maps the name of
    a profile that holds something other than text to the error that says so: the others work.
    """

    default: str = ""
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unusable: Mapping[str, SettingsError] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every profile's name, also those that cannot be used."""
        return (*self.values, *self.unusable)


def read_profiles(config_dir: Path) -> Profiles:
    """Read the profile file in `config_dir`; one that does not exist holds no profiles.

    Raises SettingsError for what a person can put right in it, StoredFormatError for a newer file or one that
    cannot be read.
    """
    path = config_dir / FILE_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Profiles()
    except OSError as error:
        raise StoredFormatError(
            _("The profile file %(path)s cannot be read (%(reason)s).")
            % {"path": path, "reason": error.strerror or type(error).__name__}
        ) from error
    data = formats.upgrade(
        _parsed(path, content),
        what=_("The profile file %(path)s") % {"path": path},
        current=CURRENT_VERSION,
        migrations={},
        backup=lambda: formats.back_up(path, mark="older"),
    )
    return _checked(path, data)


def save_profile(config_dir: Path, name: str, values: Mapping[str, str], *, make_default: bool) -> None:
    """Add or change one profile; the others and the order stay, and the file as it was is kept beside it.

    `values` maps settings' names, in either case, or `daemon_client_id` to text; what it does not name keeps its
    value and an empty text removes it. An authority replaces a tenant's subdomain, and the reverse.

    Raises SettingsError for a name or setting that a profile cannot have and for a file that holds a profile that
    cannot be used, which writing would lose, StoredFormatError when the file there must be left alone or the new one
    cannot be written.
    """
    profiles = _writable(config_dir)
    path = config_dir / FILE_NAME
    _check_name(path, name, others=[other for other in profiles.values if other != name])
    given = {key.lower(): text.strip() for key, text in values.items()}
    _check_keys(path, given, _KEYS)
    merged = dict(profiles.values.get(name, {}))
    for one, other in (("authority", "tenant_subdomain"), ("tenant_subdomain", "authority")):
        if given.get(one):
            merged.pop(other, None)
    merged.update(given)
    kept = {key: text for key, text in merged.items() if text}
    default = name if make_default else profiles.default
    _write(path, Profiles(default, {**profiles.values, name: kept}))


def choose_default(config_dir: Path, name: str) -> None:
    """Make `name` the profile to use when none is given; "sandbox" asks for the sandbox. Raises as `save_profile`."""
    profiles = _writable(config_dir)
    path = config_dir / FILE_NAME
    if name != SANDBOX and name not in profiles.values:
        raise no_such_profile(path, name, profiles.values)
    _write(path, Profiles(name, profiles.values))


def _writable(config_dir: Path) -> Profiles:
    profiles = read_profiles(config_dir)
    for error in profiles.unusable.values():
        raise error
    return profiles


def no_such_profile(path: Path, name: str, names: Iterable[str]) -> SettingsError:
    """The error for a profile that the file at `path`, which holds `names`, does not have."""
    return _unknown(path, name, names, _('There is no profile "%(name)s" in %(path)s.'))


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    import tomllib  # only here: without a profile file nothing needs it

    try:
        # A byte order mark is what some editors put first; TOML itself does not know it.
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _wrong(path, _("%(path)s is not UTF-8 text; save it as UTF-8.")) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        number = line[1] if line else str(content.count(b"\n") + 1)  # "at end of document"
        raise _wrong(path, _("Line %(line)s of %(path)s is not valid TOML."), line=number) from None


def _checked(path: Path, data: Mapping[str, Any]) -> Profiles:
    _check_keys(path, data, _TOP_LEVEL)
    default, tables = data.get("default", ""), data.get("profiles", {})
    if not isinstance(default, str) or not isinstance(tables, dict):
        raise _wrong(path, _('%(path)s must hold default = "name" and tables such as [profiles.name].'))
    values: dict[str, dict[str, str]] = {}
    unusable: dict[str, SettingsError] = {}
    for name, table in tables.items():
        _check_name(path, name, others=[*values, *unusable])
        if not isinstance(table, dict):
            unusable[name] = _wrong(path, _('"%(name)s" in %(path)s must be a table, [profiles.%(name)s].'), name=name)
            continue
        _check_keys(path, table, _KEYS)
        try:
            values[name] = {key: _text(path, name, key, value) for key, value in table.items()}
        except SettingsError as error:
            unusable[name] = error
    profiles = Profiles(default, values, unusable)
    if default not in ("", SANDBOX, *profiles.names):
        raise no_such_profile(path, default, profiles.names)
    return profiles


def _text(path: Path, name: str, key: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        sentence = _('%(key)s of the profile "%(name)s" in %(path)s must be text in quotation marks.')
        raise _wrong(path, sentence, key=key, name=name)
    return value


def _check_name(path: Path, name: str, others: Iterable[str]) -> None:
    if not _NAME.fullmatch(name) or _OWN_NAME.fullmatch(name):
        raise _wrong(
            path,
            _(
                '"%(name)s" cannot name a profile in %(path)s; use up to 64 letters, digits, hyphens and '
                "underscores, not sandbox and nothing that begins with tenant-."
            ),
            name=name,
        )
    if name.lower() in {other.lower() for other in others}:
        raise _wrong(path, _('%(path)s already has a profile "%(name)s", but for upper and lower case.'), name=name)


def _check_keys(path: Path, table: Iterable[str], known: frozenset[str]) -> None:
    for key in table:
        if key.lower() in _SECRET_KEYS:
            raise _wrong(
                path,
                _("Take %(key)s out of %(path)s: secrets do not belong there. Use the environment or .env."),
                key=key,
            )
        if key not in known:
            raise _unknown(path, key, known, _('"%(name)s" in %(path)s is not a setting.'))


def _unknown(path: Path, name: str, known: Iterable[str], sentence: str) -> SettingsError:
    import difflib  # only here: nobody who spells it right pays for it

    nearest = difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.5)
    hint = " " + _("Did you mean %(nearest)s?") % {"nearest": nearest[0]} if nearest else ""
    return _wrong(path, sentence + hint.replace("%", "%%"), name=name)


def _wrong(path: Path, sentence: str, **details: str) -> SettingsError:
    return SettingsError(sentence % {"path": path, **details}, setting=FILE_NAME, source=str(path))


def _write(path: Path, profiles: Profiles) -> None:
    lines = [f"{formats.VERSION} = {CURRENT_VERSION}"]
    if profiles.default:
        lines.append(f"default = {_quoted(profiles.default)}")
    for name, values in profiles.values.items():
        lines += ["", f"[profiles.{name}]"]
        lines += [f"{key} = {_quoted(text)}" for key, text in values.items()]
    try:
        if path.exists():
            formats.back_up(path, mark="before")
        formats.replace_file(path, "\n".join([*lines, ""]).encode())
    except OSError as error:
        raise StoredFormatError(
            _("The profile file %(path)s cannot be written (%(reason)s); nothing was changed.")
            % {"path": path, "reason": error.strerror or type(error).__name__}
        ) from error


def _quoted(text: str) -> str:
    """`text` as a TOML basic string (TOML 1.0, "String")."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", escaped) + '"'
