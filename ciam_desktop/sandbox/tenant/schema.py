"""Owns the tenant's tables: the format's history as SQL, and today's columns for SQLAlchemy Core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import column, table

if TYPE_CHECKING:
    from sqlalchemy import TableClause

# Step i leads from format i to i + 1. Times are seconds since 1970 (UTC). Codes and tokens are kept as hashes.
STEPS = (
    """
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE account (
        oid TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
        given_name TEXT NOT NULL, family_name TEXT NOT NULL, password TEXT,
        login_hint TEXT NOT NULL UNIQUE, failures INTEGER NOT NULL DEFAULT 0,
        locked_until INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE signing_key (kid TEXT PRIMARY KEY, pem TEXT NOT NULL, number INTEGER NOT NULL UNIQUE) STRICT;
    CREATE TABLE sso_session (
        sid TEXT PRIMARY KEY, browser TEXT NOT NULL, oid TEXT NOT NULL REFERENCES account,
        auth_time INTEGER NOT NULL, ends_at INTEGER NOT NULL, UNIQUE (browser, oid)
    ) STRICT;
    CREATE TABLE consent (
        oid TEXT NOT NULL REFERENCES account, client_id TEXT NOT NULL, scope TEXT NOT NULL,
        granted INTEGER NOT NULL, PRIMARY KEY (oid, client_id, scope)
    ) STRICT;
    CREATE TABLE code (
        hash TEXT PRIMARY KEY, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL, scope TEXT NOT NULL,
        oid TEXT NOT NULL REFERENCES account, sid TEXT NOT NULL, nonce TEXT NOT NULL, challenge TEXT NOT NULL,
        auth_time INTEGER NOT NULL, expires_at INTEGER NOT NULL, redeemed INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE family (
        id TEXT PRIMARY KEY, client_id TEXT NOT NULL, oid TEXT NOT NULL REFERENCES account, sid TEXT NOT NULL,
        scope TEXT NOT NULL, auth_time INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE refresh_token (
        hash TEXT PRIMARY KEY, family TEXT NOT NULL REFERENCES family ON DELETE CASCADE,
        expires_at INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
)


def _table(name: str, columns: str) -> TableClause:
    return table(name, *(column(each) for each in columns.split()))


SETTING = _table("setting", "name value")
ACCOUNT = _table("account", "oid email name given_name family_name password login_hint failures locked_until")
SIGNING_KEY = _table("signing_key", "kid pem number")
SSO_SESSION = _table("sso_session", "sid browser oid auth_time ends_at")
CONSENT = _table("consent", "oid client_id scope granted")
CODE = _table("code", "hash client_id redirect_uri scope oid sid nonce challenge auth_time expires_at redeemed")
FAMILY = _table("family", "id client_id oid sid scope auth_time revoked")
REFRESH_TOKEN = _table("refresh_token", "hash family expires_at used")
