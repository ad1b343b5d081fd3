"""Owns what a person needs in order to sign in on another device: a code, where to type it, and until when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from ciam_desktop.core.errors import SignInError
from ciam_desktop.i18n import _

LONGEST_SECONDS = 1800
DEFAULT_INTERVAL_SECONDS = 5
LONGEST_INTERVAL_SECONDS = 60
SLOWER_SECONDS = 5
"""By how much `slow_down` lengthens the interval (RFC 8628 section 3.5)."""

_USER_CODE = re.compile(r"-*[A-Za-z0-9][A-Za-z0-9-]*")
_LONGEST_USER_CODE = 20
_LONGEST_ADDRESS = 500
_CIAM = ".ciamlogin.com"


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """One device authorization (RFC 8628 section 3.2).

    `address` is where a person types `user_code`; `complete_address` holds the code already, or is empty. `expires_at`
    is in seconds since 1970, `interval` in seconds between two questions to the provider. `flow` is MSAL's own.
    """

    user_code: str = field(repr=False)
    address: str
    complete_address: str = field(repr=False)
    expires_at: float
    interval: float
    scopes: tuple[str, ...]
    flow: Mapping[str, Any] = field(repr=False)


def read_device_code(
    flow: Mapping[str, Any], *, authority: str, issuer: str, scopes: tuple[str, ...], now: float
) -> DeviceCode:
    """Check a device authorization response (RFC 8628 section 3.2) that arrived at `now`, in seconds since 1970.

    A code is good for at most LONGEST_SECONDS; an interval that is none becomes the default. Raises SignInError for
    what cannot be shown, typed or trusted.
    """
    from ciam_desktop.core.identity.transport import unreadable  # only here: the window needs the value, not this

    device_code, lifetime, interval = flow.get("device_code"), flow.get("expires_in"), flow.get("interval")
    if not isinstance(device_code, str) or not device_code or not _is_positive(lifetime):
        raise unreadable()
    user_code = flow.get("user_code")
    if not isinstance(user_code, str) or len(user_code) > _LONGEST_USER_CODE or not _USER_CODE.fullmatch(user_code):
        raise SignInError(
            _("The provider gave a code for the other device that cannot be typed; sign in on this computer instead.")
        )
    wait = min(interval, LONGEST_INTERVAL_SECONDS) if _is_positive(interval) else DEFAULT_INTERVAL_SECONDS
    address, complete_address = addresses(flow, authority, issuer)
    return DeviceCode(
        user_code=user_code,
        address=address,
        complete_address=complete_address,
        expires_at=now + min(lifetime, LONGEST_SECONDS),
        interval=wait,
        scopes=scopes,
        flow={**flow, "interval": 1},  # MSAL asks for ever with an interval of 0, and counts in whole seconds
    )


def addresses(flow: Mapping[str, Any], authority: str, issuer: str) -> tuple[str, str]:
    """Where the code is typed, and the page that holds it already ("" for none). Raises SignInError.

    An external tenant's answer names a page of Microsoft's that rejects its users; the page that takes them is the
    tenant's own, also under a domain of its choice, behind which `issuer` tells what it is. Elsewhere
    it is the answer's `verification_uri`: https, or http when it and `authority` are on loopback.
    `verification_uri_complete` counts when it is the same page with the code added.
    """
    from urllib.parse import urlsplit  # only here: the window needs the value, not this

    from ciam_desktop.core.http import LOOPBACK_HOSTS

    host = urlsplit(authority).hostname or ""
    if host.endswith(_CIAM) or (urlsplit(issuer).hostname or "").endswith(_CIAM):
        return f"https://{host}/common/oauth2/deviceauth", ""
    local = host in LOOPBACK_HOSTS
    address, complete = flow.get("verification_uri"), flow.get("verification_uri_complete")
    page = _page(address, local=local)
    if page is None:
        raise SignInError(
            _("The provider names an unusable page for the other device; sign in on this computer instead.")
        )
    return str(address), str(complete) if _page(complete, local=local) == page else ""


def _page(address: object, *, local: bool) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path of an address that a browser reads as it is shown; None for any other."""
    from urllib.parse import urlsplit

    from ciam_desktop.core.http import LOOPBACK_HOSTS

    # A browser reads a backslash as a slash, which would make another host of the same text.
    if not isinstance(address, str) or not re.fullmatch("[!-~]+", address):
        return None
    if len(address) > _LONGEST_ADDRESS or set(address) & set('\\#"<>`'):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    secure = parts.scheme == "https" or (local and parts.scheme == "http" and host in LOOPBACK_HOSTS)
    if not host or not secure or "@" in parts.netloc:
        return None
    return parts.scheme, host, port, parts.path or "/"


def _is_positive(seconds: object) -> TypeGuard[int]:
    return isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0
