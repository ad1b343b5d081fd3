"""Owns the steps that a browser takes: sign in, sign up, choose an account, allow, sign out."""

from __future__ import annotations

import datetime
import logging
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from authlib.oauth2 import OAuth2Error
from flask import Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from ciam_desktop.i18n import _
from ciam_desktop.sandbox.tenant import forms
from ciam_desktop.sandbox.tenant.accounts import MAX_PASSWORD, MIN_PASSWORD, AccountLocked, EmailTaken
from ciam_desktop.sandbox.tenant.errors import TenantError, as_tenant_error, correlation_id
from ciam_desktop.sandbox.tenant.grants_store import Grant
from ciam_desktop.sandbox.tenant.provider import CodeGrant, Provider, TenantRequest
from ciam_desktop.sandbox.tenant.registration import READ, READWRITE, Scopes, is_loopback_uri, parse_scopes

if TYPE_CHECKING:
    from ciam_desktop.sandbox.tenant.services import Services
    from ciam_desktop.sandbox.tenant.sessions import SsoSession

_log = logging.getLogger(__name__)
_PROMPTS = {"", "none", "login", "select_account", "create", "consent"}
_SIGNED_IN = "openid"  # the consent to be known to the application at all


@dataclass(frozen=True, slots=True)
class _Visit:
    """One request to the authorize page: the checked grant, and what the query asks of the pages."""

    grant: CodeGrant
    uri: str
    scopes: Scopes
    prompt: str
    screen: str
    hint: str
    max_age: int | None
    query: str

    @property
    def client_id(self) -> str:
        return str(self.grant.request.client.client_id)

    def link(self, screen: str) -> str:
        """The same request with another page in front."""
        return f"{request.path}?{self.query}&screen={screen}"


class Pages:
    """The browser's side of the tenant; each method answers one route."""

    def __init__(self, services: Services, provider: Provider) -> None:
        self._services = services
        self._provider = provider
        mark = services.registration.tenant_id[:8]
        # Cookies ignore ports, so two sandboxes on this computer need names of their own.
        self._form_cookie = f"sandbox-form-{mark}"
        self._sso_cookie = f"sandbox-sso-{mark}"

    # -- routes

    def authorize(self, tenant: str) -> Response:
        """GET: check the request and show the first page that it needs, or go straight back with a code."""
        return self._guarded(tenant, self._first_page)

    def answer(self, tenant: str) -> Response:
        """POST: one of the forms was sent."""
        return self._guarded(tenant, self._form_sent)

    def logout(self, tenant: str) -> Response:
        """GET: end the browser's session (OIDC RP-Initiated Logout 1.0, without needing a hint)."""
        self._known(tenant)
        sessions = self._services.sessions.of(self._cookie(self._sso_cookie))
        hint = request.args.get("logout_hint", "")
        if hint:
            sessions = [each for each in sessions if hint in (each.login_hint, each.email)]
        if len(sessions) > 1:
            query = forms.query_without_screen()
            response = self._page(
                "sign_out.html", sessions=sessions, ticket=self._ticket(query), action=f"{request.path}?{query}"
            )
            response.headers["Content-Security-Policy"] = _policy(_way_back())
            return response
        return self._signed_out([each.sid for each in sessions])

    def logout_answer(self, tenant: str) -> Response:
        """POST: the person chose which account to sign out of."""
        self._known(tenant)
        if self._check_ticket(forms.query_without_screen()) is None:
            return self._problem(_stale())
        chosen = request.form.get("account", "")
        sids = [each.sid for each in self._services.sessions.of(self._cookie(self._sso_cookie))]
        return self._signed_out(sids if chosen == "all" else [sid for sid in sids if sid == chosen])

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
        headers.setdefault("Content-Security-Policy", _policy())
        headers["Cache-Control"] = "no-cache" if request.path.startswith("/assets/") else "no-store"
        headers["Referrer-Policy"] = "no-referrer"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response

    # -- the authorize page

    def _guarded(self, tenant: str, step: Any) -> Response:
        try:
            self._known(tenant)
            return step(self._visit())  # type: ignore[no-any-return] # one of two methods below
        except OAuth2Error as error:
            shaped = as_tenant_error(error)
            if shaped.redirect_uri is None:
                return self._problem(shaped)
            values = {"error": shaped.error, "error_description": shaped.description}
            return self._back(shaped.redirect_uri, values)

    def _known(self, tenant: str) -> None:
        if not self._services.registration.is_this(tenant):
            raise TenantError(90002, "invalid_tenant", "The tenant was not found.")

    def _visit(self) -> _Visit:
        url = f"{self._services.registration.pages_base}{request.path}"
        grant = self._provider.authorization(TenantRequest(url, request.args, request.headers))
        uri = str(grant.redirect_uri)
        prompts = set(request.args.get("prompt", "").split()) or {""}
        if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
            raise TenantError(90023, "invalid_request", "The prompt is not supported.", redirect_uri=uri)
        order = ("none", "create", "login", "select_account", "consent", "")
        max_age = request.args.get("max_age", "")
        return _Visit(
            grant=grant,
            uri=uri,
            scopes=parse_scopes(request.args["scope"], self._services.registration),
            prompt=next(each for each in order if each in prompts),
            screen=request.args.get("screen", ""),
            hint=request.args.get("login_hint", "")[:254],
            max_age=int(max_age) if max_age.isascii() and max_age.isdigit() and len(max_age) < 10 else None,
            query=forms.query_without_screen(),
        )

    def _first_page(self, visit: _Visit) -> Response:
        sessions = self._services.sessions.of(self._cookie(self._sso_cookie))
        sessions = self._fresh_enough(visit, sessions)
        hinted = [each for each in sessions if visit.hint.casefold() in (each.email, each.login_hint.casefold())]
        if visit.prompt == "none":
            if _led_by_a_page():
                raise TenantError(16000, "interaction_required", "A page asked for this.", redirect_uri=visit.uri)
            return self._silently(visit, hinted if visit.hint else sessions)
        screen = visit.screen or {"create": "sign-up", "login": "sign-in", "select_account": "pick"}.get(visit.prompt)
        if _led_by_a_page() and screen not in ("sign-in", "sign-up"):
            screen = "pick"
        if screen == "sign-up":
            return self._sign_up_page(visit, {"email": visit.hint})
        if screen != "sign-in" and sessions:
            if screen != "pick" and hinted:
                return self._signed_in(visit, hinted[0])
            if screen != "pick" and not visit.hint and len(sessions) == 1:
                return self._signed_in(visit, sessions[0])
            if screen == "pick" or not visit.hint:
                return self._pick_page(visit, sessions)
        return self._sign_in_page(visit, {"email": "" if visit.hint.startswith("O.") else visit.hint})

    def _fresh_enough(self, visit: _Visit, sessions: list[SsoSession]) -> list[SsoSession]:
        """Those that are young enough for `max_age`; none when the request wants a new sign-in anyway."""
        oldest = 0.0 if visit.max_age is None else time.time() - visit.max_age
        return [each for each in sessions if each.auth_time >= oldest and visit.prompt != "login"]

    def _silently(self, visit: _Visit, sessions: list[SsoSession]) -> Response:
        if not sessions:
            raise TenantError(50058, "login_required", "No session was found.", redirect_uri=visit.uri)
        if len(sessions) > 1:
            raise TenantError(16000, "interaction_required", "Several accounts are signed in.", redirect_uri=visit.uri)
        if self._must_ask(visit, sessions[0].oid):
            raise TenantError(65001, "consent_required", "The user has not consented.", redirect_uri=visit.uri)
        return self._finish(visit, sessions[0])

    def _form_sent(self, visit: _Visit) -> Response:
        sid = self._check_ticket(visit.query)
        if sid is None:
            return self._problem(_stale())
        step = request.form.get("step", "")
        if step == "sign-in":
            return self._sign_in(visit)
        if step == "sign-up":
            return self._sign_up(visit)
        if step == "demo":
            return self._start_session(visit, self._services.registration.demo_oid)
        if step == "cancel":
            raise _declined(visit.uri)
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

    def _sign_in(self, visit: _Visit) -> Response:
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

    def _sign_up(self, visit: _Visit) -> Response:
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

    def _start_session(self, visit: _Visit, oid: str) -> Response:
        cookie, _sid = self._services.sessions.sign_in(self._cookie(self._sso_cookie), oid)
        session = next(each for each in self._services.sessions.of(cookie) if each.oid == oid)
        response = self._signed_in(visit, session)
        self._set_cookie(response, self._sso_cookie, cookie)
        return response

    def _signed_in(self, visit: _Visit, session: SsoSession) -> Response:
        return (
            self._consent_page(visit, session) if self._must_ask(visit, session.oid) else self._finish(visit, session)
        )

    # -- consent

    def _must_ask(self, visit: _Visit, oid: str) -> bool:
        answers = self._services.consents.of(oid, visit.client_id)
        asked = {_SIGNED_IN, *visit.scopes.api}
        allowed = {name for name, granted in answers.items() if granted}
        nothing_left = bool(visit.scopes.api) and not allowed.intersection(visit.scopes.api)
        return visit.prompt == "consent" or not asked <= answers.keys() or nothing_left

    def _consent(self, visit: _Visit, session: SsoSession) -> Response:
        if request.form.get("step") != "accept":
            raise _declined(visit.uri)
        answers = dict.fromkeys((_SIGNED_IN, *visit.scopes.api), True)
        if READ in answers and READWRITE in answers:
            answers[READWRITE] = request.form.get("write") == "yes"
        self._services.consents.remember(session.oid, visit.client_id, answers)
        return self._finish(visit, session)

    def _finish(self, visit: _Visit, session: SsoSession) -> Response:
        oauth = visit.grant.request
        oauth.user = Grant(visit.client_id, session.oid, session.sid, oauth.payload.scope, session.auth_time)
        code = visit.grant.generate_authorization_code()
        visit.grant.save_authorization_code(code, oauth)
        return self._back(visit.uri, {"code": code})

    # -- answers

    def _back(self, uri: str, values: dict[str, str]) -> Response:
        """Take the answer to the application, `state` with it (RFC 6749 section 4.1.2)."""
        values |= {"state": request.args["state"]} if "state" in request.args else {}
        if request.args.get("response_mode") == "form_post":
            nonce = secrets.token_urlsafe(16)
            response = self._page("form_post.html", uri=uri, values=values, nonce=nonce)
            response.headers["Content-Security-Policy"] = _policy(uri, script=f"'nonce-{nonce}'")
            return response
        return Response(status=303, headers={"Location": f"{uri}?{urlencode(values)}"})

    def _signed_out(self, sids: list[str]) -> Response:
        self._services.sessions.sign_out(sids)
        uri, state = _way_back(), request.args.get("state")
        if uri:
            return Response(status=303, headers={"Location": f"{uri}?{urlencode({'state': state})}" if state else uri})
        return self._page("signed_out.html")

    def _sign_in_page(self, visit: _Visit, typed: dict[str, str], problems: dict[str, str] | None = None) -> Response:
        return self._form("sign_in.html", visit, typed=typed, problems=problems or {})

    def _sign_up_page(self, visit: _Visit, typed: dict[str, str], problems: dict[str, str] | None = None) -> Response:
        return self._form("sign_up.html", visit, typed=typed, problems=problems or {}, shortest=MIN_PASSWORD)

    def _pick_page(self, visit: _Visit, sessions: list[SsoSession]) -> Response:
        return self._form("pick_account.html", visit, sessions=sessions)

    def _consent_page(self, visit: _Visit, session: SsoSession) -> Response:
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

    def _form(self, template: str, visit: _Visit, *, sid: str = "", **values: Any) -> Response:
        values |= {
            "client": visit.grant.request.client,
            "action": f"{request.path}?{visit.query}",
            "ticket": self._ticket(visit.query, sid),
            "link": visit.link,
        }
        response = self._page(template, status=400 if values.get("problems") else 200, **values)
        response.headers["Content-Security-Policy"] = _policy(visit.uri)
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


def _led_by_a_page() -> bool:
    """Whether a page of another origin leads the browser here, and not a program that opens it.

    Any program of any user may listen at a loopback address, so a code is not given away without a click when a page
    asks for it (RFC 8252 section 8.6).
    """
    return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def _own_form() -> bool:
    """Whether a form may be one of these pages, as far as the browser tells: cookies ignore ports, origins do not."""
    origin = request.headers.get("Origin", "null")  # browsers say null where the policy is no-referrer
    return not _led_by_a_page() and origin in ("null", request.host_url.removesuffix("/"))


def _policy(uri: str = "", *, script: str = "'self'") -> str:
    """The Content-Security-Policy; a form may lead to the application, because browsers check redirects too."""
    target = f" {urlsplit(uri).scheme}://{urlsplit(uri).netloc}" if uri else ""
    return (
        f"default-src 'none'; style-src 'self'; img-src 'self'; script-src {script}; form-action 'self'{target}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def _way_back() -> str:
    """Where to go after signing out, when that address is registered; else nothing."""
    uri = request.args.get("post_logout_redirect_uri", "")
    return uri if is_loopback_uri(uri) else ""


def _declined(uri: str) -> TenantError:
    return TenantError(65004, "access_denied", "The user declined to consent to access the app.", redirect_uri=uri)


def _stale() -> TenantError:
    return TenantError(50089, "invalid_request", "The page is out of date.")
