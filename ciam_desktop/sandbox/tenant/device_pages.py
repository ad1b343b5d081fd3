"""Owns the page where a person lets a device sign in: type its code, sign in, see who asks, confirm (RFC 8628 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Response, request

from ciam_desktop.i18n import _
from ciam_desktop.sandbox.tenant import forms
from ciam_desktop.sandbox.tenant.grants_store import Grant
from ciam_desktop.sandbox.tenant.registration import parse_scopes
from ciam_desktop.sandbox.tenant.steps import SignInSteps, Visit, stale

if TYPE_CHECKING:
    from ciam_desktop.sandbox.tenant.device_store import DeviceCode
    from ciam_desktop.sandbox.tenant.sessions import SsoSession

_ABOUT = "deviceauth"  # what a ticket is for that stands for a code which this browser has typed


@dataclass(frozen=True, slots=True, kw_only=True)
class _DeviceVisit(Visit):
    """One device's request, which this browser may answer because the right code was typed in it."""

    code: DeviceCode


class DevicePages(SignInSteps):
    """The device page; each public method answers one route."""

    def show(self, tenant: str) -> Response:
        """GET: ask for the code, or go on with the one that was typed."""
        if tenant == "common":
            address = f"/{self._services.registration.tenant_id}/oauth2/deviceauth"
            return Response(status=302, headers={"Location": address})
        self._known(tenant)
        visit = self._visit()
        if visit is None:
            return self._code_page()
        sessions = self._services.sessions.of(self._cookie(self._sso_cookie))
        if visit.screen == "sign-up":
            return self._sign_up_page(visit, {})
        # Never past the person: the one who started this may be somebody else, who waits for it at another device.
        if sessions and visit.screen != "sign-in":
            return self._pick_page(visit, sessions)
        return self._sign_in_page(visit, {})

    def answer(self, tenant: str) -> Response:
        """POST: the code, or one of the forms that follow it."""
        self._known(tenant)
        if request.form.get("step") == "code":
            return self._code_sent()
        visit = self._visit()
        if visit is None:
            return self._problem(stale())
        if request.form.get("step") == "confirm":
            return self._confirmed(visit)
        return self._form_sent(visit)

    def _code_sent(self) -> Response:
        if self._check_ticket("") is None:
            return self._problem(stale())
        browser, typed = self._cookie(self._form_cookie), forms.text("user_code")
        codes = self._services.device_codes
        if not codes.claim_try(browser):
            return self._code_page(_("Too many wrong codes. Wait ten minutes, then get a new code in the app."))
        code = codes.waiting(typed)
        if code is None:
            return self._code_page(_("This code is not right, or its time is over. Compare it with the app."))
        codes.give_back_try(browser)
        # The ticket is bound to this browser's cookie, so the address is worth nothing elsewhere.
        visit = self._services.tickets.issue(browser, _ABOUT, code.hash)
        return Response(status=303, headers={"Location": f"{request.path}?{urlencode({'visit': visit})}"})

    def _visit(self) -> _DeviceVisit | None:
        """The visit that the address names; None when there is none, or it has ended meanwhile."""
        ticket = request.args.get("visit", "")
        found = self._services.tickets.check(ticket, self._cookie(self._form_cookie), _ABOUT)
        code = self._services.device_codes.waiting_by_hash(found) if found else None
        client = self._services.registration.client(code.client_id) if code else None
        if code is None or client is None:
            return None
        return _DeviceVisit(
            client=client,
            scopes=parse_scopes(code.scope, self._services.registration),
            query=urlencode({"visit": ticket}),
            screen=request.args.get("screen", ""),
            code=code,
        )

    def _finish(self, visit: _DeviceVisit, session: SsoSession) -> Response:
        return self._form("device_confirm.html", visit, sid=session.sid, session=session)

    def _confirmed(self, visit: _DeviceVisit) -> Response:
        sid = self._check_ticket(visit.query)
        own = [each for each in self._services.sessions.of(self._cookie(self._sso_cookie)) if each.sid == sid]
        if not sid or not own or self._must_ask(visit, own[0].oid):
            return self._problem(stale())
        grant = Grant(visit.client.client_id, own[0].oid, sid, visit.code.scope, own[0].auth_time)
        if not self._services.device_codes.answer(visit.code, grant):
            return self._problem(stale())
        return self._page("device_done.html", client=visit.client, allowed=True)

    def _decline(self, visit: _DeviceVisit) -> Response:
        self._services.device_codes.answer(visit.code, None)
        return self._page("device_done.html", client=visit.client, allowed=False)

    def _code_page(self, problem: str = "") -> Response:
        return self._page(
            "device_code.html",
            status=400 if problem else 200,
            action=request.path,
            ticket=self._ticket(""),
            typed={},
            problems={"user_code": problem} if problem else {},
        )
