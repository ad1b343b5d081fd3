"""Owns the history of the tenant's database format, as SQL alone (read before anything slow is imported)."""

from __future__ import annotations

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
    """
    ALTER TABLE account ADD COLUMN condition TEXT NOT NULL DEFAULT '';
    CREATE TABLE device_code (
        hash TEXT PRIMARY KEY, user_hash TEXT NOT NULL UNIQUE, client_id TEXT NOT NULL, scope TEXT NOT NULL,
        expires_at INTEGER NOT NULL, pause REAL NOT NULL, asked_at REAL NOT NULL DEFAULT 0,
        answer TEXT NOT NULL DEFAULT '', oid TEXT REFERENCES account, sid TEXT, auth_time INTEGER,
        redeemed INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE device_try (browser TEXT PRIMARY KEY, failures INTEGER NOT NULL, ends_at INTEGER NOT NULL) STRICT
    """,
)
