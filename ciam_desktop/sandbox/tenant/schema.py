"""Owns the names of the tenant's tables and columns for SQLAlchemy Core; `migrations` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import column, table

if TYPE_CHECKING:
    from sqlalchemy import TableClause


def _table(name: str, columns: str) -> TableClause:
    return table(name, *(column(each) for each in columns.split()))


SETTING = _table("setting", "name value")
ACCOUNT = _table("account", "oid email name given_name family_name password login_hint failures locked_until condition")
SIGNING_KEY = _table("signing_key", "kid pem number")
SSO_SESSION = _table("sso_session", "sid browser oid auth_time ends_at")
CONSENT = _table("consent", "oid client_id scope granted")
CODE = _table("code", "hash client_id redirect_uri scope oid sid nonce challenge auth_time expires_at redeemed")
FAMILY = _table("family", "id client_id oid sid scope auth_time revoked")
REFRESH_TOKEN = _table("refresh_token", "hash family expires_at used")
DEVICE_CODE = _table(
    "device_code", "hash user_hash client_id scope expires_at pause asked_at answer oid sid auth_time redeemed"
)
DEVICE_TRY = _table("device_try", "browser failures ends_at")
