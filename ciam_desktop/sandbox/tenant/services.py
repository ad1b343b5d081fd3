"""Owns the tenant's parts, built once and handed to both of its web applications."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from ciam_desktop.sandbox.database import open_engine
from ciam_desktop.sandbox.tenant.accounts import Accounts
from ciam_desktop.sandbox.tenant.device_store import DeviceCodes
from ciam_desktop.sandbox.tenant.grants_store import GrantStore
from ciam_desktop.sandbox.tenant.keys import SigningKeys
from ciam_desktop.sandbox.tenant.schema import SETTING
from ciam_desktop.sandbox.tenant.sessions import Consents, SsoSessions
from ciam_desktop.sandbox.tenant.tickets import Tickets
from ciam_desktop.sandbox.tenant.tokens import TokenMaker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Engine

    from ciam_desktop.sandbox.tenant.registration import Registration


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a request to the tenant may need."""

    registration: Registration
    accounts: Accounts
    sessions: SsoSessions
    consents: Consents
    grants: GrantStore
    keys: SigningKeys
    tokens: TokenMaker
    tickets: Tickets
    device_codes: DeviceCodes

    def change_account(self, email: str, state: str) -> bool:
        """Give the account another state (`active`, a condition, `deleted`); False when there is no such account.

        Its sessions in browsers end, so that the next sign-in asks for everything.
        """
        account = self.accounts.by_email(email)
        if account is None:
            return False
        if state == "deleted":
            self.accounts.remove(account.oid)
            return True
        self.accounts.set_condition(account.oid, "" if state == "active" else state)
        self.sessions.end_all(account.oid)
        return True

    def revoke_grants(self, email: str | None) -> bool:
        """End the refresh tokens of this account, or all; False when there is no such account."""
        account = None if email is None else self.accounts.by_email(email)
        if email is not None and account is None:
            return False
        self.grants.revoke_all(None if account is None else account.oid)
        return True


def open_services(registration: Registration, path: Path, clock: Callable[[], float]) -> Services:
    """The tenant's parts on the database at `path`, which has today's format; `clock` dates the tokens."""
    engine = open_engine(path)
    keys = SigningKeys(engine)
    accounts = Accounts(engine)
    accounts.seed_demo(registration.demo_oid)
    return Services(
        registration=registration,
        accounts=accounts,
        sessions=SsoSessions(engine),
        consents=Consents(engine),
        grants=GrantStore(engine),
        keys=keys,
        tokens=TokenMaker(registration, keys, clock, _kept_secret(engine, "pairwise_salt").encode()),
        tickets=Tickets(_kept_secret(engine, "ticket_key")),
        device_codes=DeviceCodes(engine),
    )


def _kept_secret(engine: Engine, name: str) -> str:
    """A random value, chosen once."""
    with engine.begin() as connection:
        row = {"name": name, "value": secrets.token_hex(32)}
        connection.execute(insert(SETTING).values(row).on_conflict_do_nothing())
        found = connection.execute(select(SETTING.c.value).where(SETTING.c.name == name))
        return str(found.scalar_one())
