"""Owns the people of the tenant: who they are, and how they prove it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import case, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ciam_desktop.sandbox.tenant.schema import ACCOUNT, CODE, CONSENT, DEVICE_CODE, FAMILY, SSO_SESSION

if TYPE_CHECKING:
    from sqlalchemy import Engine, RowMapping

DEMO_EMAIL = "user1@contoso.example"
DEMO_NAME = "Demo user"
MIN_PASSWORD, MAX_PASSWORD = 8, 256
MAX_NAME, MAX_EMAIL = 100, 254
TRIES = 10
LOCK_SECONDS = 60

_EMAIL = re.compile(r"[^@\s\"<>(),:;\[\]\\]{1,64}@[^@\s\"<>(),:;\[\]\\.]+(\.[^@\s\"<>(),:;\[\]\\.]+)+")
_COST, _BLOCK, _PARALLEL = 2**14, 8, 1
_COLUMNS = ("oid", "email", "name", "given_name", "family_name", "login_hint", "condition")

# What can be the matter with an account. Signing in anew puts the last two right, nothing a person does the others.
LOCKED, DISABLED, PASSWORD_EXPIRED, MFA_WANTED = "locked", "disabled", "password_expired", "mfa"
SHUT = (LOCKED, DISABLED)


@dataclass(frozen=True, slots=True)
class Account:
    """A person; `oid` is a GUID, `login_hint` the opaque value of the optional claim.

    `condition` is empty, or one of the conditions above.
    """

    oid: str
    email: str
    name: str
    given_name: str
    family_name: str
    login_hint: str
    condition: str = ""


class AccountLocked(Exception):
    """Too many wrong passwords; the account can be tried again later."""


class EmailTaken(Exception):
    """There is an account with this address."""


class Accounts:
    """The accounts in the tenant's database; addresses are compared without regard to case."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Checked when the address is unknown, so that the answer takes the same time.
        self._nobody = _hash(secrets.token_hex(16))

    def seed_demo(self, oid: str) -> None:
        """Make sure that the demo person, who has no password, is there."""
        if self.by_oid(oid) is None:
            self._insert(oid, DEMO_EMAIL, DEMO_NAME, "", "", None)

    def by_oid(self, oid: str) -> Account | None:
        """The account with this object id."""
        with self._engine.connect() as connection:
            row = connection.execute(select(ACCOUNT).where(ACCOUNT.c.oid == oid)).mappings().first()
        return None if row is None else _account(row)

    def by_email(self, email: str) -> Account | None:
        """The account with this address."""
        with self._engine.connect() as connection:
            row = connection.execute(select(ACCOUNT).where(ACCOUNT.c.email == email.casefold())).mappings().first()
        return None if row is None else _account(row)

    def set_condition(self, oid: str, condition: str) -> None:
        """Say what is the matter with the account, or that nothing is."""
        with self._engine.begin() as connection:
            connection.execute(update(ACCOUNT).where(ACCOUNT.c.oid == oid).values(condition=condition))

    def remove(self, oid: str) -> None:
        """Delete the account with everything that is its own."""
        with self._engine.begin() as connection:
            for table in (SSO_SESSION, CONSENT, CODE, FAMILY, DEVICE_CODE, ACCOUNT):
                connection.execute(delete(table).where(table.c.oid == oid))

    def sign_up(self, email: str, name: str, given_name: str, family_name: str, password: str) -> Account:
        """A new account; EmailTaken when the address has one."""
        try:
            return self._insert(str(uuid.uuid4()), email, name, given_name, family_name, _hash(password))
        except IntegrityError as error:
            raise EmailTaken from error

    def check_password(self, email: str, password: str) -> Account | None:
        """The account, or None when address or password is wrong; AccountLocked after ten wrong tries.

        A try is counted before the password is looked at, so that tries sent at once count as well.
        """
        now = int(time.time())
        mine = ACCOUNT.c.email == email.casefold()
        over = ACCOUNT.c.failures >= TRIES
        claim = (
            update(ACCOUNT)
            .where(mine, or_(~over, ACCOUNT.c.locked_until <= now))
            .values(
                failures=case((over, 1), else_=ACCOUNT.c.failures + 1),
                locked_until=case((ACCOUNT.c.failures + 1 == TRIES, now + LOCK_SECONDS), else_=0),
            )
            .returning(*ACCOUNT.c)
        )
        with self._engine.begin() as connection:
            row = connection.execute(claim).mappings().first()
            known = row is not None or connection.execute(select(ACCOUNT.c.oid).where(mine)).first()
        if row is None and known:
            raise AccountLocked
        stored = self._nobody if row is None else row["password"]
        if not _matches(password, stored or self._nobody) or row is None or not stored:
            return None
        with self._engine.begin() as connection:
            connection.execute(update(ACCOUNT).where(mine).values(failures=0, locked_until=0))
        return _account(row)

    def _insert(
        self, oid: str, email: str, name: str, given_name: str, family_name: str, password: str | None
    ) -> Account:
        hint = f"O.{secrets.token_urlsafe(24)}"
        account = Account(oid, email.casefold(), name, given_name, family_name, hint)
        with self._engine.begin() as connection:
            connection.execute(insert(ACCOUNT).values(**asdict(account), password=password))
        return account


def is_email(text: str) -> bool:
    """Whether `text` looks like an e-mail address."""
    return len(text) <= MAX_EMAIL and text.isprintable() and _EMAIL.fullmatch(text) is not None


def _account(row: RowMapping) -> Account:
    return Account(**{name: row[name] for name in _COLUMNS})


def _hash(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt${salt.hex()}${_derive(password, salt).hex()}"


def _matches(password: str, stored: str) -> bool:
    _kind, salt, digest = stored.split("$")
    return hmac.compare_digest(_derive(password, bytes.fromhex(salt)), bytes.fromhex(digest))


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, dklen=32)
