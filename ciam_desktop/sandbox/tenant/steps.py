"""Owns the steps that a person takes at every page of the tenant: sign in, sign up, choose an account, allow."""

from __future__ import annotations

import datetime
import logging
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error
from flask import Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from ciam_desktop.i18n import _
from ciam_desktop.sandbox.tenant import forms
from ciam_desktop.sandbox.tenant.accounts import MAX_PASSWORD, MIN_PASSWORD, SHUT, AccountLocked, EmailTaken
from ciam_desktop.sandbox.tenant.errors import TenantError, as_tenant_error, correlation_id
from ciam_desktop.sandbox.tenant.registration import READ, READWRITE, Scopes

if TYPE_CHECKING:
    from ciam_desktop.sandbox.tenant.registration import Client
    from ciam_desktop.sandbox.tenant.services import Services
    from ciam_desktop.sandbox.tenant.sessions import SsoSession

_log = logging.getLogger(__name__)
_SIGNED_IN = "openid"  # the consent to be known to the application at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What brings a person to the pages: the application that asks, what for, and how the person should sign in.

    `query` comes back with every form, without `screen`; `uri` is where the pages may lead, empty for nowhere.
    """

    client: Client
    scopes: Scopes
    query: str
    screen: str
    uri: str = ""
    prompt: str = ""
    hint: str = ""
    max_age: int | None = None

    def link(self, screen: str) -> str:
        """The same request with another page in front."""
        return f"{request.path}?{self.query}&screen={screen}"


class SignInSteps:
    """The pages from the first form to the consent; what begins and what ends a visit is its subclasses'."""

    def __init__(self, services: Services) -> None:
        self._services = services
        mark = services.registration.tenant_id[:8]
        # Cookies ignore ports, so two sandboxes on this computer need names of their own.
        self._form_cookie = f"sandbox-form-{mark}"
        self._sso_cookie = f"sandbox-sso-{mark}"

    def _finish(self, visit: Any, session: SsoSession) -> Response:
        """What follows when the person has signed in and allowed what was asked."""
        raise NotImplementedError

    def _decline(self, visit: Any) -> Response:
        """What follows when the person cancels or declines."""
        raise NotImplementedError

    def broken(self, error: Exception) -> Response:
        """Any other failure, as a page."""
        if isinstance(error, OAuth2Error):
            return self._problem(as_tenant_error(error))
        if isinstance(error, HTTPException):
            return self._page("problem.html", status=error.code or 500, title=_("There is nothing here"), text=None)
        _log.error("A page failed", exc_info=error)
        return self._page("problem.html", status=500, title=_("Something went wrong"), text=None)

    def protect(self, response: Response) -> Response:
        """Headers for every answer: nothing is stored, framed, sniffed or told to others."""
        headers = response.headers
        headers.setdefault("Content-Security-Policy", policy())
        headers["Cache-Control"] = "no-cache" if request.path.startswith("/assets/") else "no-store"
        headers["Referrer-Policy"] = "no-referrer"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response

    def _known(self, tenant: str) -> None:
        if not self._services.registration.is_this(tenant):
            raise TenantError(90002, "invalid_tenant", "The tenant was not found.")

    def _form_sent(self, visit: Visit) -> Response:
        sid = self._check_ticket(visit.query)
        if sid is None:
            return self._problem(stale())
        step = request.form.get("step", "")
        if step == "sign-in":
            return self._sign_in(visit)
        if step == "sign-up":
            return self._sign_up(visit)
        if step == "demo":
            return self._start_session(visit, self._services.registration.demo_oid)
        if step == "cancel":
            return self._decline(visit)
        own = self._services.sessions.of(self._cookie(self._sso_cookie))
        if step == "pick":
            # Only a session that the request would have accepted by itself: not when it wants a fresh sign-in.
            own, sid = self._fresh_enough(visit, own), request.form.get("account", "")
        chosen = [each for each in own if each.sid == sid]
        if not chosen:
            return self._sign_in_page(visit, {"email": visit.hint})
        if step == "pick":
            return self._signed_in(visit, chosen[0])
        return self._consent(visit, chosen[0])

    def _fresh_enough(self, visit: Visit, sessions: list[SsoSession]) -> list[SsoSession]:
        """Those that are young enough for `max_age`; none when the request wants a new sign-in anyway."""
        oldest = 0.0 if visit.max_age is None else time.time() - visit.max_age
        return [each for each in sessions if each.auth_time >= oldest and visit.prompt != "login"]

    def _sign_in(self, visit: Visit) -> Response:
        email, password = forms.text("email"), request.form.get("password", "")
        problems: dict[str, str] = {}
        if not email:
            problems["email"] = _("Enter your e-mail address.")
        if not password:
            problems["password"] = _("Enter your password.")
        if not problems:
            try:
                account = self._services.accounts.check_password(email, password[:MAX_PASSWORD])
            except AccountLocked:
                problems["password"] = _("Too many wrong passwords. Wait a minute, then try again.")
            else:
                if account is not None:
                    return self._start_session(visit, account.oid)
                problems["password"] = _("The e-mail address or the password is wrong.")
        return self._sign_in_page(visit, {"email": email}, problems)

    def _sign_up(self, visit: Visit) -> Response:
        typed = {name: forms.text(name) for name in ("email", "name", "given_name", "family_name")}
        password = request.form.get("password", "")
        problems = forms.sign_up_problems(typed, password)
        if not problems:
            try:
                account = self._services.accounts.sign_up(**typed, password=password)
            except EmailTaken:
                problems["email"] = _("There is an account with this address already. Sign in instead.")
            else:
                return self._start_session(visit, account.oid)
        return self._sign_up_page(visit, typed, problems)

    def _start_session(self, visit: Visit, oid: str) -> Response:
        account = self._services.accounts.by_oid(oid)
        if account is None or account.condition in SHUT:
            return self._problem(TenantError(50057, "access_denied", "The account is locked, disabled or gone."))
        if account.condition:
            self._services.accounts.set_condition(oid, "")  # who signs in anew has done what was wanted
        cookie, _sid = self._services.sessions.sign_in(self._cookie(self._sso_cookie), oid)
        session = next(each for each in self._services.sessions.of(cookie) if each.oid == oid)
        response = self._signed_in(visit, session)
        self._set_cookie(response, self._sso_cookie, cookie)
        return response

    def _signed_in(self, visit: Visit, session: SsoSession) -> Response:
        return (
            self._consent_page(visit, session) if self._must_ask(visit, session.oid) else self._finish(visit, session)
        )

    # -- consent

    def _must_ask(self, visit: Visit, oid: str) -> bool:
        answers = self._services.consents.of(oid, visit.client.client_id)
        asked = {_SIGNED_IN, *visit.scopes.api}
        allowed = {name for name, granted in answers.items() if granted}
        nothing_left = bool(visit.scopes.api) and not allowed.intersection(visit.scopes.api)
        return visit.prompt == "consent" or not asked <= answers.keys() or nothing_left

    def _consent(self, visit: Visit, session: SsoSession) -> Response:
        if request.form.get("step") != "accept":
            return self._decline(visit)
        answers = dict.fromkeys((_SIGNED_IN, *visit.scopes.api), True)
        if READ in answers and READWRITE in answers:
            answers[READWRITE] = request.form.get("write") == "yes"
        self._services.consents.remember(session.oid, visit.client.client_id, answers)
        return self._finish(visit, session)

    # -- pages

    def _sign_in_page(self, visit: Visit, typed: dict[str, str], problems: dict[str, str] | None = None) -> Response:
        return self._form("sign_in.html", visit, typed=typed, problems=problems or {})

    def _sign_up_page(self, visit: Visit, typed: dict[str, str], problems: dict[str, str] | None = None) -> Response:
        return self._form("sign_up.html", visit, typed=typed, problems=problems or {}, shortest=MIN_PASSWORD)

    def _pick_page(self, visit: Visit, sessions: list[SsoSession]) -> Response:
        return self._form("pick_account.html", visit, sessions=sessions)

    def _consent_page(self, visit: Visit, session: SsoSession) -> Response:
        asked = visit.scopes.api
        return self._form(
            "consent.html",
            visit,
            sid=session.sid,
            session=session,
            read=READ in asked or READWRITE in asked,
            write=READWRITE in asked,
            may_choose=READ in asked and READWRITE in asked,
            email="email" in visit.scopes.oidc,
            stay="offline_access" in visit.scopes.oidc,
        )

    def _form(self, template: str, visit: Visit, *, sid: str = "", **values: Any) -> Response:
        values |= {
            "client": visit.client,
            "action": f"{request.path}?{visit.query}",
            "ticket": self._ticket(visit.query, sid),
            "link": visit.link,
        }
        response = self._page(template, status=400 if values.get("problems") else 200, **values)
        response.headers["Content-Security-Policy"] = policy(visit.uri)
        return response

    def _problem(self, error: TenantError) -> Response:
        title, text = forms.explain(error.code)
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        details = {
            _("Error"): error.description,
            _("Correlation id"): correlation_id(request.args.get("client-request-id")),
            _("Time"): stamp,
        }
        return self._page("problem.html", status=400, title=title, text=text, details=details)

    def _page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        response = make_response(render_template(template, **values), status)
        if not self._cookie(self._form_cookie) and "ticket" in values:
            self._set_cookie(response, self._form_cookie, self._new_form_cookie())
        return response

    # -- cookies and tickets

    def _cookie(self, name: str) -> str:
        return request.cookies.get(name, "")[:128]

    def _set_cookie(self, response: Response, name: str, value: str) -> None:
        # Cookies ignore ports: without the path, every other server on localhost would be sent them.
        path = f"/{self._services.registration.tenant_id}"
        response.set_cookie(name, value, httponly=True, samesite="Lax", path=path)

    def _new_form_cookie(self) -> str:
        value: str = request.environ.setdefault("sandbox.form_cookie", secrets.token_urlsafe(32))
        return value

    def _ticket(self, query: str, sid: str = "") -> str:
        browser = self._cookie(self._form_cookie) or self._new_form_cookie()
        return self._services.tickets.issue(browser, query, sid)

    def _check_ticket(self, query: str) -> str | None:
        if not _own_form():
            return None
        ticket = request.form.get("ticket", "")
        return self._services.tickets.check(ticket, self._cookie(self._form_cookie), query)


def led_by_a_page() -> bool:
    """Whether a page of another origin leads the browser here, and not a program that opens it.

    Any program of any user may listen at a loopback address, so a code is not given away without a click when a page
    asks for it (RFC 8252 section 8.6).
    """
    return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def _own_form() -> bool:
    """Whether a form may be one of these pages, as far as the browser tells: cookies ignore ports, origins do not."""
    origin = request.headers.get("Origin", "null")  # browsers say null where the policy is no-referrer
    return not led_by_a_page() and origin in ("null", request.host_url.removesuffix("/"))


def policy(uri: str = "", *, script: str = "'self'") -> str:
    """The Content-Security-Policy; a form may lead to the application, because browsers check redirects too."""
    target = f" {urlsplit(uri).scheme}://{urlsplit(uri).netloc}" if uri else ""
    return (
        f"default-src 'none'; style-src 'self'; img-src 'self'; script-src {script}; form-action 'self'{target}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def stale() -> TenantError:
    """The refusal of a form that is forged, another browser's or too old."""
    return TenantError(50089, "invalid_request", "The page is out of date.")
