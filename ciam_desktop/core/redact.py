"""Owns what may be written down: takes codes, tokens, secrets and addresses of people out of any text."""

from __future__ import annotations

import logging
import re

_CONFIDENTIAL = (
    "access_token|refresh_token|id_token|id_token_hint|login_hint|logout_hint|username|client_assertion|assertion|client_secret|"
    "client_info|code_verifier|code_challenge|device_code|user_code|password|passwd|secret|nonce|state|code|cookie|set-cookie|sid"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # A JSON Web Token, complete or cut (RFC 7519 section 3); "eyJ" is '{"' in base64url.
    (re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}"), "<token>"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), r"\1 <secret>"),
    # "name": "value", 'name': 'value' and name=value, as JSON, Python and URLs write them.
    (
        re.compile(rf"""(?i)(["'](?:{_CONFIDENTIAL})["']\s*:\s*)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\[[^\]]*\])"""),
        r'\1"<secret>"',
    ),
    (re.compile(rf"(?i)(?<![A-Za-z_])({_CONFIDENTIAL})=[^&\s\"'<>]+"), r"\1=<secret>"),
    (re.compile(r"[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), "<address>"),
)


def redact(text: str) -> str:
    """`text` without anything that lets somebody in or names a person."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


class RedactingFormatter(logging.Formatter):
    """Redacts the finished record, traceback included.

    A filter on a logger never sees the records of its children; a formatter sees all that its handler writes.
    """

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
