"""Owns the environment beside main.py: makes it, renews it and brings an interrupted set-up to its end.

Every state that a kill can leave is one that the next start understands: an environment is built in `.venv.new`, its
stamp is written last, and only a stamped one takes the place of `.venv`. What was there stays in `.venv.old` until the
new one is in place. `.venv.setup` holds the lock and pip's output.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciam_desktop import bootstrap, i18n
from ciam_desktop.bootstrap import notice
from ciam_desktop.bootstrap.failures import SetupFailed, again, command, os_failure
from ciam_desktop.bootstrap.lock import locked
from ciam_desktop.bootstrap.tools import Tools, base_python
from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

_ADDING = "ciam-desktop-adding"  # a file in an environment that is being added to
_SCRIPT_LIMIT = 1 << 20  # bytes; launchers and scripts are far smaller, compiled programs larger


@dataclass(frozen=True, slots=True)
class Places:
    """The paths that a set-up works on."""

    root: Path

    @property
    def environment(self) -> Path:
        """The environment that starts use."""
        return self.root / bootstrap.ENVIRONMENT

    @property
    def building(self) -> Path:
        """The one that is being built."""
        return self.root / ".venv.new"

    @property
    def previous(self) -> Path:
        """The one that was replaced."""
        return self.root / bootstrap.PREVIOUS

    @property
    def workshop(self) -> Path:
        """The folder of the lock and the log."""
        return self.root / ".venv.setup"

    @property
    def constraints(self) -> Path:
        """The pins."""
        return self.root / "resources" / "constraints.txt"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the clone asks for: requirements (PEP 508) of the program and `extras`, and a hash of them and the pins."""

    extras: tuple[str, ...]
    requirements: tuple[str, ...]
    meaning: str

    @staticmethod
    def read(places: Places, extras: Iterable[str]) -> Wanted:
        """Read pyproject.toml and the pins; comments and the rest of pyproject.toml do not change the meaning."""
        project = tomllib.loads((places.root / "pyproject.toml").read_text("utf-8"))["project"]
        chosen = tuple(sorted(set(extras)))
        requirements = list(project["dependencies"])
        for extra in chosen:
            requirements += project["optional-dependencies"].get(extra, ())  # one that is kept may be gone
        pins = [line.strip() for line in places.constraints.read_text("utf-8").splitlines()]
        pins = [line for line in pins if line and not line.startswith("#")]
        meaning = hashlib.sha256("\n".join([*requirements, "--", *pins]).encode()).hexdigest()
        return Wanted(chosen, tuple(requirements), meaning)


def run(root: str, extras: tuple[str, ...], tries: int) -> NoReturn:
    """Set up `root`/.venv with `extras` and go on inside it; on failure say one sentence and exit.

    `tries` counts how often this command line was already handed over to the environment; after one in vain it is made
    anew, after two the fault is elsewhere.
    """
    i18n.install()
    places = Places(Path(root))
    try:
        if tries > 1:
            raise _set_up_in_vain(places, extras)
        with notice.Progress(_("Setting up CIAM Desktop")) as progress:
            try:
                _prepare(places, extras, progress, anew=tries > 0)
            except OSError as error:
                raise os_failure(error, places.root) from error
        bootstrap.hand_over(root, tries + 1)
    except KeyboardInterrupt:
        notice.tell(_("The set-up was interrupted; start it again: %(command)s") % {"command": again()})
        sys.exit(130)
    except (SetupFailed, OSError) as failure:
        if tries == 0 and _still_usable(places, extras):
            warning = _("The environment could not be renewed, so the one from before is used. %(reason)s")
            notice.warn(warning % {"reason": failure})
            bootstrap.hand_over(root, tries + 1)
        notice.tell(str(failure))
        sys.exit(1)


def _set_up_in_vain(places: Places, extras: tuple[str, ...]) -> SetupFailed:
    return SetupFailed(
        _(
            "%(modules)s cannot be found although the set-up finished; "
            "remove the environment, then start again: %(command)s"
        )
        % {
            "modules": ", ".join(bootstrap.missing_modules(extras)),
            "command": f"{command('remove', places.environment)} && {again()}",
        }
    )


def _still_usable(places: Places, extras: tuple[str, ...]) -> bool:
    """Whether the environment from before is finished and finds every module that is needed now."""
    environment = str(places.environment)
    stamp = bootstrap.read_stamp(environment)
    if not stamp or not bootstrap.sound(environment, stamp):
        return False
    return Tools.finds_modules(bootstrap.python_of(environment), places.root, extras)


def _prepare(places: Places, extras: tuple[str, ...], progress: notice.Progress, *, anew: bool) -> None:
    places.workshop.mkdir(exist_ok=True)
    with locked(places.workshop / "lock", progress) as lock:
        _recover(places)
        environment = str(places.environment)
        stamp = bootstrap.read_stamp(environment)
        kept = stamp.get("extras", "").split()
        wanted = Wanted.read(places, {*kept, *extras})
        tools = Tools(places.workshop / "log.txt", lock, progress)
        current = (
            bool(stamp)
            and not anew
            and bootstrap.sound(environment, stamp)
            and stamp["meaning"] == Wanted.read(places, kept).meaning
        )
        if current and set(extras) <= set(kept):
            if stamp["place"] != environment:
                _rename_in_scripts(places.environment, stamp["place"], environment)
            _write_stamp(places, places.environment, wanted)
        elif current and not (places.environment / _ADDING).exists():
            (places.environment / _ADDING).touch()
            _install(places, places.environment, wanted, tools)
            _write_stamp(places, places.environment, wanted)
            (places.environment / _ADDING).unlink()
        else:
            ready = bootstrap.read_stamp(str(places.building))
            if anew or ready.get("meaning") != wanted.meaning or not bootstrap.sound(str(places.building), ready):
                _build(places, wanted, tools)
            _exchange(places)


def _recover(places: Places) -> None:
    """Bring an exchange that was cut short back to one environment; a finished new one waits to be chosen."""
    if not places.environment.exists() and places.previous.exists():
        places.previous.rename(places.environment)
    _discard(places.previous)


def _build(places: Places, wanted: Wanted, tools: Tools) -> None:
    _discard(places.building)
    if places.building.exists():
        raise SetupFailed(
            _("%(path)s is in use and cannot be replaced; close what uses it and start again: %(command)s")
            % {"path": places.building, "command": again()}
        )
    tools.create(places.building)
    _install(places, places.building, wanted, tools)
    tools.compile(bootstrap.python_of(str(places.building)), places.root / "ciam_desktop")
    _rename_in_scripts(places.building, str(places.building), str(places.environment))
    _write_stamp(places, places.building, wanted)


def _install(places: Places, environment: Path, wanted: Wanted, tools: Tools) -> None:
    tools.install(bootstrap.python_of(str(environment)), wanted.requirements, places.constraints, wanted.extras)


def _exchange(places: Places) -> None:
    """Put the finished new environment in the place of the old one; one that this program did not make is kept."""
    if places.environment.exists():
        ours = bool(bootstrap.read_stamp(str(places.environment)))
        aside = places.previous if ours else places.root / f".venv.kept-{time.strftime('%Y%m%d-%H%M%S')}"
        places.environment.rename(aside)
        if not ours:
            notice.warn(_("The .venv that was here is not this program's; it is kept as %(path)s.") % {"path": aside})
    places.building.rename(places.environment)
    _discard(places.previous)


def _discard(folder: Path) -> None:
    """Remove `folder`; first its stamp, so that half of one is never taken for a whole one."""
    if not os.path.lexists(folder):
        return
    with contextlib.suppress(OSError):
        (folder / bootstrap.STAMP).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _rename_in_scripts(environment: Path, old: str, new: str) -> None:
    """Make the scripts, activation files and pyvenv.cfg of `environment` name the path `new` instead of `old`.

    A Windows launcher carries its interpreter's path as text before its archive, which is found from the end, so the
    text may change its length.
    """
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    for path in [environment / "pyvenv.cfg", *scripts.iterdir()]:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _SCRIPT_LIMIT:
            continue
        content = path.read_bytes()
        # A name may follow that merely begins alike (".venv" in ".venv.new"): only a whole path is replaced.
        changed = _replace_path(content, os.fsencode(old), os.fsencode(new))
        if changed != content:
            mode = path.stat().st_mode
            fresh = path.with_name(path.name + ".fresh")
            fresh.write_bytes(changed)
            fresh.chmod(mode)
            fresh.replace(path)


def _replace_path(content: bytes, old: bytes, new: bytes) -> bytes:
    pieces = content.split(old)
    result = [pieces[0]]
    for piece in pieces[1:]:
        whole = not piece[:1].isalnum() and piece[:1] not in (b".", b"-", b"_")
        result += [new if whole else old, piece]
    return b"".join(result)


def _write_stamp(places: Places, folder: Path, wanted: Wanted) -> None:
    """Say in `folder` that it is finished; written beside and renamed, so that it is never there in part."""
    lines = {
        "format": bootstrap.STAMP_FORMAT,
        "sources": bootstrap.fingerprint(str(places.root)),
        "meaning": wanted.meaning,
        "extras": " ".join(wanted.extras),
        "python": os.path.realpath(bootstrap.python_of(str(folder))) if os.name != "nt" else base_python(),
        "place": str(places.environment),
        "end": "",
    }
    fresh = folder / (bootstrap.STAMP + ".fresh")
    fresh.write_text("".join(f"{key} {value}\n" for key, value in lines.items()), "utf-8")
    fresh.replace(folder / bootstrap.STAMP)
