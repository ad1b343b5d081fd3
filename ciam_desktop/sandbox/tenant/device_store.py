"""Owns device codes: kept as hashes, each redeemable once, and the guard against guessing user codes (RFC 8628)."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from ciam_desktop.sandbox.tenant.grants_store import Grant
from ciam_desktop.sandbox.tenant.schema import DEVICE_CODE, DEVICE_TRY
from ciam_desktop.sandbox.tenant.sessions import hashed

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Engine, Executable, RowMapping

# No vowels, so that no words come about, and nothing that is read as something else (RFC 8628 section 6.1).
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH = 9
SLOWER_SECONDS = 5
MOST_TRIES = 5
MOST_TRIES_OF_ALL = 200
_EVERYBODY = ""  # the name under which all browsers' tries are counted
_TRIES_SECONDS = 600
_KEEP_SECONDS = 24 * 3600
WAITING, ALLOWED, DECLINED = "", "allowed", "declined"


@dataclass(slots=True)
class Pace:
    """How long a device waits between two questions, and how long its code lasts; seconds."""

    interval: int = 5
    expires_in: int = 900


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A device code's data; `answer` is WAITING, ALLOWED or DECLINED, `grant` there once it is ALLOWED."""

    hash: str
    client_id: str
    scope: str
    expires_at: int
    answer: str
    grant: Grant | None
    redeemed: bool

    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at <= time.time()

    def get_client_id(self) -> str:
        """The client that asked."""
        return self.client_id

    def get_scope(self) -> str:
        """The scope that it asked for."""
        return self.scope

    def get_user_code(self) -> str:
        """By which the person's answer is found; the code in the clear is nowhere kept."""
        return self.hash


class DeviceCodes:
    """The device codes in the tenant's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.pace = Pace()

    def save(self, device_code: str, user_code: str, client_id: str, scope: str) -> None:
        """Keep a new pair of codes."""
        now = int(time.time())
        row = {
            "hash": hashed(device_code),
            "user_hash": hashed(plain(user_code)),
            "client_id": client_id,
            "scope": scope,
            "expires_at": now + self.pace.expires_in,
            "pause": float(self.pace.interval),
        }
        with self._engine.begin() as connection:
            connection.execute(delete(DEVICE_CODE).where(DEVICE_CODE.c.expires_at < now - _KEEP_SECONDS))
            connection.execute(insert(DEVICE_CODE).values(row))

    def find(self, device_code: str) -> DeviceCode | None:
        """What the device asks about."""
        found = select(DEVICE_CODE).where(DEVICE_CODE.c.hash == hashed(device_code))
        with self._engine.connect() as connection:
            row = connection.execute(found).mappings().first()
        return None if row is None else _device_code(row)

    def too_fast(self, code: DeviceCode) -> bool:
        """Note a question; whether it came before its time, which makes every pause from now on longer."""
        now, mine = time.time(), DEVICE_CODE.c.hash == code.hash
        early = update(DEVICE_CODE).where(mine, DEVICE_CODE.c.asked_at + DEVICE_CODE.c.pause > now)
        slower = early.values(asked_at=now, pause=DEVICE_CODE.c.pause + SLOWER_SECONDS)
        with self._engine.begin() as connection:
            if connection.execute(slower.returning(DEVICE_CODE.c.hash)).first() is not None:
                return True
            connection.execute(update(DEVICE_CODE).where(mine).values(asked_at=now))
            return False

    def redeem(self, code: DeviceCode) -> bool:
        """Spend an allowed code; False when somebody else just did."""
        mine = (DEVICE_CODE.c.hash == code.hash, DEVICE_CODE.c.answer == ALLOWED, DEVICE_CODE.c.redeemed == 0)
        claim = update(DEVICE_CODE).where(*mine).values(redeemed=1)
        with self._engine.begin() as connection:
            return connection.execute(claim.returning(DEVICE_CODE.c.hash)).first() is not None

    def waiting(self, user_code: str) -> DeviceCode | None:
        """What a typed code stands for, when it still waits for an answer."""
        return self._waiting(DEVICE_CODE.c.user_hash == hashed(plain(user_code)))

    def waiting_by_hash(self, code_hash: str) -> DeviceCode | None:
        """The device code with this hash, when it still waits for an answer."""
        return self._waiting(DEVICE_CODE.c.hash == code_hash)

    def _waiting(self, mine: ColumnElement[bool]) -> DeviceCode | None:
        waits = (mine, DEVICE_CODE.c.answer == WAITING, DEVICE_CODE.c.expires_at > time.time())
        found = select(DEVICE_CODE).where(*waits)
        with self._engine.connect() as connection:
            row = connection.execute(found).mappings().first()
        return None if row is None else _device_code(row)

    def answer(self, code: DeviceCode, grant: Grant | None) -> bool:
        """Allow it with this grant, or decline it; False when it was answered or ended meanwhile."""
        mine = (DEVICE_CODE.c.hash == code.hash, DEVICE_CODE.c.answer == WAITING)
        values: dict[str, object] = {"answer": DECLINED}
        if grant is not None:
            values = {"answer": ALLOWED, "oid": grant.oid, "sid": grant.sid, "auth_time": grant.auth_time}
        claim = update(DEVICE_CODE).where(*mine, DEVICE_CODE.c.expires_at > time.time()).values(values)
        with self._engine.begin() as connection:
            return connection.execute(claim.returning(DEVICE_CODE.c.hash)).first() is not None

    def claim_try(self, browser: str) -> bool:
        """Count a typed code before it is looked at, so that tries at once count as well; whether it may be looked at.

        The count is this browser's. After too many wrong codes from all browsers together every code that waits is
        burnt, because cookies are easily thrown away (RFC 8628 section 5.1).
        """
        with self._engine.begin() as connection:
            now = int(time.time())
            connection.execute(delete(DEVICE_TRY).where(DEVICE_TRY.c.ends_at <= now))
            mine, everybodys = (connection.execute(_one_more(who, now)).scalar_one() for who in (browser, _EVERYBODY))
            if everybodys > MOST_TRIES_OF_ALL:
                waits = (DEVICE_CODE.c.answer == WAITING, DEVICE_CODE.c.expires_at > now)
                connection.execute(update(DEVICE_CODE).where(*waits).values(expires_at=now))
                connection.execute(delete(DEVICE_TRY).where(DEVICE_TRY.c.browser == hashed(_EVERYBODY)))
        return int(mine) <= MOST_TRIES

    def give_back_try(self, browser: str) -> None:
        """The code was right, so it is not counted; wrong ones before it stay counted."""
        mine = DEVICE_TRY.c.browser.in_([hashed(browser), hashed(_EVERYBODY)])
        with self._engine.begin() as connection:
            connection.execute(update(DEVICE_TRY).where(mine).values(failures=DEVICE_TRY.c.failures - 1))


def _one_more(who: str, now: int) -> Executable:
    row = {"browser": hashed(who), "failures": 1, "ends_at": now + _TRIES_SECONDS}
    more = {"failures": DEVICE_TRY.c.failures + 1, "ends_at": row["ends_at"]}
    statement = upsert(DEVICE_TRY).values(row).on_conflict_do_update(index_elements=["browser"], set_=more)
    return statement.returning(DEVICE_TRY.c.failures)


def new_user_code() -> str:
    """A code for a person to type, 20^9 of them (about 39 bits)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def plain(typed: str) -> str:
    """A typed code without what people add to it: blanks, dashes, small letters (RFC 8628 section 6.1)."""
    return "".join(each for each in typed.upper() if each in _ALPHABET)


def _device_code(row: RowMapping) -> DeviceCode:
    grant = None
    if row["answer"] == ALLOWED:
        grant = Grant(row["client_id"], row["oid"], row["sid"], row["scope"], row["auth_time"])
    return DeviceCode(
        row["hash"], row["client_id"], row["scope"], row["expires_at"], row["answer"], grant, bool(row["redeemed"])
    )
