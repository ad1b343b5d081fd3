"""Owns what may be written down: takes codes, tokens, secrets and addresses of people out of any text."""

from __future__ import annotations

import logging
import re
from pathlib import Path

_CONFIDENTIAL = (
    "access_?token|refresh_?token|id_?token|id_token_hint|token|login_hint|logout_hint|username|client_assertion|assertion|"
    "client[_-]?secret|client_info|code_?verifier|code_challenge|device_code|user_code|password|passwd|secret|nonce|"
    "state|code|authorization|proxy-authorization|cookie|set-cookie|sid|preferred_username|email|upn|unique_name|"
    "given_name|family_name|name|oid|sub|home_account_id|local_account_id"
)
# The names that also stand before "=" or ":" in running text; of the others, prose is full.
_IN_TEXT = _CONFIDENTIAL.partition("|preferred_username")[0]
# To the closing quote, or to the end where the text was cut.
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*(?:"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z))"""
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # A JSON Web Token, complete or cut (RFC 7519 section 3); "eyJ" is '{"' in base64url.
    (re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}"), "<token>"),
    (re.compile(r"(?i)\b((?:set-)?cookie|(?:proxy-)?authorization)(\s*:\s*)[^\r\n\"']+"), r"\1\2<secret>"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), r"\1 <secret>"),
    # JSON inside a JSON string: \"name\":\"value\".
    (re.compile(rf"""(?i)(\\+"(?:{_CONFIDENTIAL})\\+"\s*:\s*\\+")[^"\\]*"""), r"\1<secret>"),
    # "name": "value", 'name': b'value', ('name', 'value'), as JSON and Python write them.
    (
        re.compile(
            rf"""(?is)(["'](?:{_CONFIDENTIAL})["']\s*[:,]\s*)b?(?:{_QUOTED}|[\[(][^\])]*(?:[\])]|\Z)|[0-9][0-9.]*)"""
        ),
        r'\1"<secret>"',
    ),
    # name=value, as URLs (also within another's query), forms and reprs write it.
    (
        re.compile(
            rf"""(?is)(?:(?<![A-Za-z_])|(?<=%3F)|(?<=%26))({_IN_TEXT})(\s*=\s*|%3D)(?:b?{_QUOTED}|[^&\s"'<>,;)]+)"""
        ),
        r"\1\2<secret>",
    ),
    # The lookbehind lets each word be tried once: without it a long line would take quadratic time.
    (re.compile(r"(?<![\w.%+-])[\w.%+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "<address>"),
)


def redact(text: str) -> str:
    """`text` without anything that lets somebody in or names a person; the home folder becomes `~`."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    try:
        home = str(Path.home())
    except RuntimeError:  # nobody knows where that is
        return text
    return text.replace(home, "~") if len(home) > 1 else text


class RedactingFormatter(logging.Formatter):
    """Redacts the finished record, traceback included.

    A filter on a logger never sees the records of its children; a formatter sees all that its handler writes.
    """

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
