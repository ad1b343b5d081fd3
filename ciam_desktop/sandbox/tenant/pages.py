"""Owns where a browser comes from an application and goes back to it: the authorize and the logout page."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from flask import Response, request

from ciam_desktop.sandbox.tenant import forms
from ciam_desktop.sandbox.tenant.errors import TenantError, as_tenant_error, correlation_id, error_body
from ciam_desktop.sandbox.tenant.grant import TenantRequest
from ciam_desktop.sandbox.tenant.grants_store import Grant
from ciam_desktop.sandbox.tenant.provider import CodeGrant, Provider
from ciam_desktop.sandbox.tenant.registration import is_loopback_uri, parse_scopes
from ciam_desktop.sandbox.tenant.steps import SignInSteps, Visit, led_by_a_page, policy, stale

if TYPE_CHECKING:
    from ciam_desktop.sandbox.tenant.services import Services
    from ciam_desktop.sandbox.tenant.sessions import SsoSession

# What may change an authorization response on its way: redirect URI, parameters and mode, in and out.
Reshape = Callable[[str, list[tuple[str, str]], str], tuple[str, list[tuple[str, str]], str]]
_PROMPTS = {"", "none", "login", "select_account", "create", "consent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit(Visit):
    """One request to the authorize page, checked."""

    grant: CodeGrant


class Pages(SignInSteps):
    """The authorize and the logout page; each public method answers one route."""

    def __init__(self, services: Services, provider: Provider, reshape: Reshape) -> None:
        super().__init__(services)
        self._provider = provider
        self._reshape = reshape

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
            response.headers["Content-Security-Policy"] = policy(_way_back())
            return response
        return self._signed_out([each.sid for each in sessions])

    def logout_answer(self, tenant: str) -> Response:
        """POST: the person chose which account to sign out of."""
        self._known(tenant)
        if self._check_ticket(forms.query_without_screen()) is None:
            return self._problem(stale())
        chosen = request.form.get("account", "")
        sids = [each.sid for each in self._services.sessions.of(self._cookie(self._sso_cookie))]
        return self._signed_out(sids if chosen == "all" else [sid for sid in sids if sid == chosen])

    # -- the authorize page

    def _guarded(self, tenant: str, step: Any) -> Response:
        try:
            self._known(tenant)
            return step(self._visit())  # type: ignore[no-any-return] # one of two methods below
        except OAuth2Error as error:
            shaped = as_tenant_error(error)
            if shaped.redirect_uri is None:
                return self._problem(shaped)
            told = error_body(shaped, correlation_id(request.args.get("client-request-id")))
            values = {name: told[name] for name in ("error", "error_description")}
            return self._back(shaped.redirect_uri, values)

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
            client=grant.request.client,
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
            if led_by_a_page():
                raise TenantError(16000, "interaction_required", "A page asked for this.", redirect_uri=visit.uri)
            return self._silently(visit, hinted if visit.hint else sessions)
        screen = visit.screen or {"create": "sign-up", "login": "sign-in", "select_account": "pick"}.get(visit.prompt)
        if led_by_a_page() and screen not in ("sign-in", "sign-up"):
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

    def _silently(self, visit: _Visit, sessions: list[SsoSession]) -> Response:
        if not sessions:
            raise TenantError(50058, "login_required", "No session was found.", redirect_uri=visit.uri)
        if len(sessions) > 1:
            raise TenantError(16000, "interaction_required", "Several accounts are signed in.", redirect_uri=visit.uri)
        if self._must_ask(visit, sessions[0].oid):
            raise TenantError(65001, "consent_required", "The user has not consented.", redirect_uri=visit.uri)
        return self._finish(visit, sessions[0])

    def _finish(self, visit: _Visit, session: SsoSession) -> Response:
        oauth = visit.grant.request
        oauth.user = Grant(visit.client.client_id, session.oid, session.sid, oauth.payload.scope, session.auth_time)
        code = visit.grant.generate_authorization_code()
        visit.grant.save_authorization_code(code, oauth)
        return self._back(visit.uri, {"code": code})

    def _decline(self, visit: _Visit) -> Response:
        raise _declined(visit.uri)

    # -- answers

    def _back(self, uri: str, values: dict[str, str]) -> Response:
        """Take the answer to the application, with `state` (RFC 6749 section 4.1.2) and `iss` (RFC 9207)."""
        values |= {"state": request.args["state"]} if "state" in request.args else {}
        values |= {"iss": self._services.registration.issuer}
        asked = "form_post" if request.args.get("response_mode") == "form_post" else "query"
        uri, pairs, mode = self._reshape(uri, list(values.items()), asked)
        if mode == "form_post":
            nonce = secrets.token_urlsafe(16)
            response = self._page("form_post.html", uri=uri, values=pairs, nonce=nonce)
            response.headers["Content-Security-Policy"] = policy(uri, script=f"'nonce-{nonce}'")
            return response
        mark = "#" if mode == "fragment" else "?"
        return Response(status=303, headers={"Location": f"{uri}{mark}{urlencode(pairs)}"})

    def _signed_out(self, sids: list[str]) -> Response:
        self._services.sessions.sign_out(sids)
        uri, state = _way_back(), request.args.get("state")
        if uri:
            return Response(status=303, headers={"Location": f"{uri}?{urlencode({'state': state})}" if state else uri})
        return self._page("signed_out.html")


def unchanged(uri: str, values: list[tuple[str, str]], mode: str) -> tuple[str, list[tuple[str, str]], str]:
    """The Reshape that leaves authorization responses as they are."""
    return uri, values, mode


def _way_back() -> str:
    """Where to go after signing out, when that address is registered; else nothing."""
    uri = request.args.get("post_logout_redirect_uri", "")
    return uri if is_loopback_uri(uri) else ""


def _declined(uri: str) -> TenantError:
    return TenantError(65004, "access_denied", "The user declined to consent to access the app.", redirect_uri=uri)
