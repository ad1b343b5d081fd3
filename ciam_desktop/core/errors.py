"""Owns the program's error tree: what can go wrong, named by who must act.

    CiamError
    ├── SettingsError          a setting is missing, malformed or a placeholder; nothing was sent
    ├── StoredFormatError      a kept file or entry is newer than this program, or cannot be read
    │   ├── Unreadable         the saved sign-in is damaged or foreign, and was left as it is (identity/kept.py)
    │   └── SetAside           the same, and it was moved out of the way; told once (identity/kept.py)
    ├── VaultError             the encrypted token cache
    │   ├── VaultUnavailable   this machine has none (tokens stay in memory)
    │   └── VaultLocked        it is there and may not be read now (never overwritten)
    ├── NetworkError           nobody answered: DNS, refused, time-out, TLS, proxy, a network's sign-in page, 5xx
    ├── SignInError            the provider or the redirect said no; carries OAuth error, code, correlation id
    │   ├── SignInCancelled    the person (or closing the window) ended the wait
    │   ├── SignInTimedOut     the deadline passed
    │   ├── ProviderError      what the provider publishes about itself cannot be used
    │   └── InteractionRequired  a token cannot be had silently; sign-in must open
    │       └── SignedOutElsewhere  another window of this program signed the account out
    ├── TokenNotProven         an ID token failed a check; names the check; nothing was kept
    ├── ListenerError          the redirect's port cannot be had
    ├── BrowserError           no browser could be opened
    ├── SandboxError           the sandbox did not start
    └── ApiError               the ToDo API answered with a refusal
        ├── ApiUnauthorized    401
        ├── ApiForbidden       403
        └── ApiBadAnswer       an answer that is not the contract's

Messages are sentences for people (already translated), hold no secrets, and name no token, code or verifier.
"""

from __future__ import annotations


class CiamError(Exception):
    """Anything that this program knows how to explain; `str(error)` is one sentence for people."""


class SettingsError(CiamError):
    """A setting that cannot be used.

    `setting` is its name (`AUTHORITY`), `source` where it came from ("the environment", a file's path).
    """

    def __init__(self, message: str, *, setting: str, source: str) -> None:
        super().__init__(message)
        self.setting = setting
        self.source = source


class StoredFormatError(CiamError):
    """A kept file or entry that this program must leave alone."""


class VaultError(CiamError):
    """The encrypted token cache could not be used."""


class VaultUnavailable(VaultError):
    """There is no vault on this machine; tokens stay in memory."""


class VaultLocked(VaultError):
    """The vault exists and may not be read now; what is in it stays untouched."""


class NetworkError(CiamError):
    """No answer came: the name was not found, the connection refused, reset or too slow, TLS failed.

    Or the one that came is not the host's own word: a network's sign-in page, a server that is busy or out of order.
    `host` is the host that was asked, `reason` a short cause in plain English words ("dns", "captive portal").
    """

    def __init__(self, message: str, *, host: str, reason: str = "") -> None:
        super().__init__(message)
        self.host = host
        self.reason = reason


class SignInError(CiamError):
    """The provider, or the redirect, refused.

    `error` is the OAuth error (RFC 6749 section 4.1.2.1 and 5.2), `code` the provider's own number without its
    prefix ("65004"), `suberror` its closer word ("token_expired"), `correlation_id` what its support asks for; each may
    be empty.
    """

    def __init__(
        self, message: str, *, error: str = "", code: str = "", suberror: str = "", correlation_id: str = ""
    ) -> None:
        super().__init__(message)
        self.error = error
        self.code = code
        self.suberror = suberror
        self.correlation_id = correlation_id


class SignInCancelled(SignInError):
    """The wait for the redirect was ended here."""


class SignInTimedOut(SignInError):
    """The deadline for the redirect passed."""


class ProviderError(SignInError):
    """The provider's discovery document or keys cannot be used, or are not there; the settings may be wrong."""


class InteractionRequired(SignInError):
    """No token can be had silently; `claims` is the challenge to pass on (JSON text), or empty."""

    def __init__(
        self,
        message: str,
        *,
        error: str = "",
        code: str = "",
        suberror: str = "",
        correlation_id: str = "",
        claims: str = "",
    ) -> None:
        super().__init__(message, error=error, code=code, suberror=suberror, correlation_id=correlation_id)
        self.claims = claims


class SignedOutElsewhere(InteractionRequired):
    """The account was signed out by another window of this program; nobody is asked to sign in again for that."""


class TokenNotProven(CiamError):
    """An ID token failed the check named by `check` (`iss`, `aud`, `signature` …); nothing of it was kept."""

    def __init__(self, message: str, *, check: str) -> None:
        super().__init__(message)
        self.check = check


class ListenerError(CiamError):
    """The redirect listener could not be set up."""


class BrowserError(CiamError):
    """No browser could be opened."""


class SandboxError(CiamError):
    """The sandbox could not be started or joined."""


class ApiError(CiamError):
    """The ToDo API refused; `status` is the HTTP status (0 when there was none)."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ApiUnauthorized(ApiError):
    """401: no token, or one that the API does not take; `claims` is its challenge (JSON text), or empty."""

    def __init__(self, message: str, *, claims: str = "") -> None:
        super().__init__(message, status=401)
        self.claims = claims


class ApiForbidden(ApiError):
    """403: a sound token without the permission that this call needs."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=403)


class ApiBadAnswer(ApiError):
    """An answer outside the contract: not JSON, of another shape, or a redirect."""
