"""Owns the sentences for a set-up that fails: what is wrong and the command that mends it."""

from __future__ import annotations

import errno
import os
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

from ciam_desktop.i18n import _

_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}

# What pip and venv print (in English always), in the order in which it counts: a refused connection also ends in
# "No matching distribution", and a full disk in all kinds of later errors.
_FULL_WORDS = re.compile(r"No space left on device|\[Errno (28|27|122)\]|Disk quota exceeded|There is not enough space")
_NETWORK_WORDS = re.compile(
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|NameResolutionError|Network is unreachable"
    r"|Temporary failure in name resolution|Connection refused|Connection reset|Remote end closed|Read timed out"
    r"|Connection aborted|No route to host|getaddrinfo failed"
)
_CERTIFICATE_WORDS = re.compile(r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError")
_NO_VENV_WORDS = re.compile(r"ensurepip is not available|No module named '?(ensurepip|venv|pip)")
# With pins, a package without a fitting wheel reads as a conflict between the requirement and its pin.
_NO_MATCH = re.compile(r"(?:No matching distribution found for|The user requested \(constraint\)) ([A-Za-z0-9._-]+)")
_BUILD_WORDS = re.compile(r"subprocess-exited-with-error|Failed (?:to build|building wheel)|metadata-generation-failed")
_PERMISSION_WORDS = re.compile(r"Permission denied|\[Errno (13|1|30)\]|Read-only file system|Access is denied")


class SetupFailed(Exception):
    """The set-up cannot go on; `str(failure)` is one sentence with the command that mends it."""


def again() -> str:
    """The command that the person gave, to be given again."""
    name = Path(sys.orig_argv[0]).name if sys.orig_argv else "python3"
    return _quoted([name, *sys.orig_argv[1:]])


def _quoted(arguments: list[str]) -> str:
    return subprocess.list2cmdline(arguments) if os.name == "nt" else shlex.join(arguments)


def command(action: str, path: Path) -> str:
    """The command that does `action` to `path` in this system's shell: "remove" it, or "copy" it and start there."""
    quoted = _quoted([str(path)])
    if action == "remove":
        return f"rmdir /s /q {quoted}" if os.name == "nt" else f"rm -rf {quoted}"
    if os.name == "nt":
        return f'xcopy /e /i {quoted} "%USERPROFILE%\\ciam-desktop" && py "%USERPROFILE%\\ciam-desktop\\main.py"'
    return f"cp -R {quoted} ~/ciam-desktop && python3 ~/ciam-desktop/main.py"


def distribution_family() -> str:
    """ "debian", "fedora", "arch", "suse" or "" from os-release(5); "" on other systems than Linux."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    names = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    families = {
        "debian": {"debian", "ubuntu"},
        "fedora": {"fedora", "rhel", "centos"},
        "arch": {"arch"},
        "suse": {"suse", "opensuse"},
    }
    return next((family for family, members in families.items() if names & members), "")


def no_venv_module() -> SetupFailed:
    """This Python cannot make environments; some systems package that part apart."""
    if distribution_family() == "debian":
        return SetupFailed(
            _("This Python lacks its venv module; install it, then start again: %(command)s")
            % {"command": f"sudo apt-get install python3-venv && {again()}"}
        )
    return SetupFailed(
        _(
            "This Python (%(path)s) lacks its venv module; install Python 3.11 or newer from python.org, "
            "then start again: %(command)s"
        )
        % {"path": sys.executable, "command": again()}
    )


def os_failure(error: OSError, root: Path) -> SetupFailed:
    """The sentence for an error of the file system while working in the clone `root`."""
    if error.errno in _FULL:
        return _disk_full(root)
    if error.errno in _NOT_WRITABLE:
        return _not_writable(root)
    return SetupFailed(
        _("The packages could not be set up in %(path)s (%(reason)s); start again: %(command)s")
        % {"path": root, "reason": error.strerror or error, "command": again()}
    )


def _disk_full(root: Path) -> SetupFailed:
    return SetupFailed(
        _("The disk that holds %(path)s is full; free 1 GB on it, then start again: %(command)s")
        % {"path": root, "command": again()}
    )


def _not_writable(root: Path) -> SetupFailed:
    return SetupFailed(
        _(
            "The folder %(path)s may not be written to, and the packages belong beside the program; "
            "copy it to a folder of yours and start it there: %(command)s"
        )
        % {"path": root, "command": command("copy", root)}
    )


def tool_failure(output: str, root: Path, log: Path) -> SetupFailed:
    """The sentence for a failed venv or pip, from what it printed; its whole output is in the file `log`."""
    words = {"log": log, "command": again()}
    if _FULL_WORDS.search(output):
        return _disk_full(root)
    if _NO_VENV_WORDS.search(output):
        return no_venv_module()
    if _CERTIFICATE_WORDS.search(output):
        return SetupFailed(
            _(
                "The certificate of the package index is not trusted on this computer; "
                "name your organisation's in PIP_CERT, then start again: %(command)s (pip's output is in %(log)s)"
            )
            % words
        )
    if _NETWORK_WORDS.search(output):
        return SetupFailed(
            _(
                "The package index could not be reached; check the network or the proxy, "
                "then start again: %(command)s (pip's output is in %(log)s)"
            )
            % words
        )
    if _PERMISSION_WORDS.search(output):
        return _not_writable(root)
    missing = _NO_MATCH.search(output)
    if missing or _BUILD_WORDS.search(output):
        return _no_package(missing.group(1) if missing else _("One of the packages"), log)
    return SetupFailed(
        _("The packages could not be installed; pip's output is in %(log)s; start again: %(command)s") % words
    )


def _no_package(package: str, log: Path) -> SetupFailed:
    return SetupFailed(
        _(
            "%(package)s is not to be had for Python %(version)s on this computer (%(platform)s); "
            "start with another Python, such as: %(other)s (pip's output is in %(log)s)"
        )
        % {
            "package": package,
            "version": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "other": _other_python(),
            "log": log,
        }
    )


def _other_python() -> str:
    other = "3.12" if sys.version_info[:2] != (3, 12) else "3.11"
    if os.name == "nt":
        return f"py -{other} main.py"
    return _quoted([f"python{other}", *sys.orig_argv[1:]])
