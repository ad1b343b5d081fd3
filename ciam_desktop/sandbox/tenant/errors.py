"""Owns the shape of the tenant's refusals: OAuth's error, Entra's number, and nothing that breaks a header."""

from __future__ import annotations

import datetime
import re
import uuid
from typing import Any

from authlib.oauth2 import OAuth2Error

# Numbers for the errors that Authlib raises by itself.
_AUTHLIB_CODES = {
    "invalid_request": 900144,
    "invalid_grant": 70000,
    "invalid_client": 7000215,
    "unauthorized_client": 700016,
    "unsupported_grant_type": 70003,
    "unsupported_response_type": 700054,
    "invalid_scope": 70011,
    "access_denied": 65004,
}
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class TenantError(OAuth2Error):  # type: ignore[misc] # Authlib ships no types
    """A refusal with Entra's number `code`; `redirect_uri` is set when it may travel back to the application."""

    def __init__(
        self,
        code: int,
        error: str,
        text: str,
        *,
        status: int = 400,
        redirect_uri: str | None = None,
        suberror: str = "",
    ) -> None:
        super().__init__(
            description=f"AADSTS{code}: {ascii_text(text)}",
            status_code=status,
            redirect_uri=redirect_uri,
            error=error,
        )
        self.code = code
        self.suberror = suberror


def ascii_text(text: str) -> str:
    """`text` within the characters that an error_description may have (RFC 6749 section 4.1.2.1)."""
    return re.sub(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]", "'", text)[:400]


def as_tenant_error(error: OAuth2Error) -> TenantError:
    """The same refusal with a number, when it came from Authlib."""
    if isinstance(error, TenantError):
        return error
    code = _AUTHLIB_CODES.get(error.error, 50000)
    return TenantError(
        code,
        error.error,
        error.get_error_description() or "The request was refused.",
        status=error.status_code,
        redirect_uri=error.redirect_uri,
    )


def correlation_id(client_request_id: str | None) -> str:
    """The caller's own request id when it is a GUID, else a new one."""
    given = client_request_id or ""
    return given.lower() if _GUID.fullmatch(given) else str(uuid.uuid4())


def error_body(error: TenantError, correlation: str) -> dict[str, Any]:
    """The JSON of RFC 6749 section 5.2 with the members that Entra adds."""
    trace, now = str(uuid.uuid4()), datetime.datetime.now(datetime.UTC)
    stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
    body = {
        "error": error.error,
        "error_description": (
            f"{error.description} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
        ),
        "error_codes": [error.code],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
    }
    if error.suberror:
        body["suberror"] = error.suberror
    return body
