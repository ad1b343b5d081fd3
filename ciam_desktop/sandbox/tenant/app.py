"""Owns the tenant's two web applications: what belongs to the TLS port, what to the browser's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import quote

from authlib.oauth2 import OAuth2Error
from flask import Flask, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException

from ciam_desktop.i18n import _, ngettext
from ciam_desktop.resources import resource
from ciam_desktop.sandbox.tenant.device_pages import DevicePages
from ciam_desktop.sandbox.tenant.errors import TenantError, as_tenant_error, correlation_id, error_body
from ciam_desktop.sandbox.tenant.grant import TenantRequest
from ciam_desktop.sandbox.tenant.pages import Pages, unchanged
from ciam_desktop.sandbox.tenant.provider import RESPONSE_MODES, Provider
from ciam_desktop.sandbox.tenant.registration import DEVICE_GRANT, OIDC_SCOPES
from ciam_desktop.sandbox.tenant.services import Services, open_services

if TYPE_CHECKING:
    from typing import Any

    from ciam_desktop.sandbox.tenant.pages import Reshape

__all__ = ["Services", "open_services", "pages_app", "provider_app"]

_MAX_BODY = 64 * 1024
_log = logging.getLogger(__name__)


def provider_app(services: Services) -> Flask:
    """Discovery, keys and tokens, for the TLS port."""
    app = _flask()
    provider = Provider(services)
    registration = services.registration

    def known(tenant: str) -> None:
        if not registration.is_this(tenant):
            raise TenantError(90002, "invalid_tenant", f"Tenant {tenant} was not found.")

    @app.get("/<tenant>/v2.0/.well-known/openid-configuration")
    def discovery(tenant: str) -> Response:
        known(tenant)
        return jsonify(_discovery(services))

    @app.get("/<tenant>/discovery/v2.0/keys")
    def keys(tenant: str) -> Response:
        known(tenant)
        return jsonify(services.keys.published())

    @app.post("/<tenant>/oauth2/v2.0/token")
    def token(tenant: str) -> Response:
        known(tenant)
        url = f"{registration.tenant_base}{request.path}"
        return jsonify(provider.token(TenantRequest(url, request.form, request.headers)))

    @app.post("/<tenant>/oauth2/v2.0/devicecode")
    def device_code(tenant: str) -> Response:
        known(tenant)
        url = f"{registration.tenant_base}{request.path}"
        return jsonify(provider.device_codes(TenantRequest(url, request.form, request.headers)))

    @app.after_request
    def no_store(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def refused(error: OAuth2Error) -> Response:
        correlation = correlation_id(request.args.get("client-request-id") or request.headers.get("client-request-id"))
        shaped = as_tenant_error(error)
        response = jsonify(error_body(shaped, correlation))
        response.status_code = shaped.status_code
        response.headers["client-request-id"] = correlation
        if shaped.status_code == 401 and request.authorization is not None:
            response.headers["WWW-Authenticate"] = 'Basic realm="tenant"'  # RFC 6749 section 5.2
        return response

    def broken(error: Exception) -> Response | HTTPException:
        if isinstance(error, HTTPException):
            return error
        _log.error("A request failed", exc_info=error)
        return refused(TenantError(50000, "server_error", "There was an error.", status=500))

    app.register_error_handler(OAuth2Error, refused)
    app.register_error_handler(Exception, broken)
    return app


def pages_app(services: Services, reshape: Reshape | None = None) -> Flask:
    """The pages that a browser shows, for the plain HTTP port; `reshape` may change authorization responses."""
    app = _flask()
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(_, ngettext, newstyle=True)  # type: ignore[attr-defined] # by the extension
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    pages = Pages(services, Provider(services), reshape or unchanged)
    devices = DevicePages(services)
    base = services.registration.pages_base

    @app.before_request
    def one_address() -> Response | None:
        # One spelling of host and tenant, so that the browser has one set of cookies.
        path, tenant = request.path, str((request.view_args or {}).get("tenant", ""))
        if services.registration.is_this(tenant):
            path = f"/{services.registration.tenant_id}{path.removeprefix(f'/{tenant}')}"
        if path == request.path and request.host == base.removeprefix("http://"):
            return None
        if request.method != "GET":
            abort(421)
        query = request.query_string.decode("ascii", "replace")
        return Response(status=308, headers={"Location": f"{base}{quote(path)}" + (f"?{query}" if query else "")})

    @app.get("/<tenant>/oauth2/v2.0/authorize")
    def authorize(tenant: str) -> Response:
        return pages.authorize(tenant)

    @app.post("/<tenant>/oauth2/v2.0/authorize")
    def answer(tenant: str) -> Response:
        return pages.answer(tenant)

    @app.get("/<tenant>/oauth2/v2.0/logout")
    def logout(tenant: str) -> Response:
        return pages.logout(tenant)

    @app.post("/<tenant>/oauth2/v2.0/logout")
    def logout_answer(tenant: str) -> Response:
        return pages.logout_answer(tenant)

    @app.get("/<tenant>/oauth2/deviceauth")
    def device(tenant: str) -> Response:
        return devices.show(tenant)

    @app.post("/<tenant>/oauth2/deviceauth")
    def device_answer(tenant: str) -> Response:
        return devices.answer(tenant)

    app.register_error_handler(Exception, pages.broken)
    app.after_request(pages.protect)
    return app


def _flask() -> Flask:
    app = Flask(
        __name__,
        static_folder=resource("sandbox", "assets"),
        static_url_path="/assets",
        template_folder=str(resource("sandbox", "templates")),
    )
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    return app


def _discovery(services: Services) -> dict[str, Any]:
    """The provider's metadata (OIDC Discovery 1.0 section 3)."""
    registration = services.registration
    browser = f"{registration.pages_base}/{registration.tenant_id}/oauth2/v2.0"
    base = f"{registration.tenant_base}/{registration.tenant_id}"
    return {
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "response_modes_supported": list(RESPONSE_MODES),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT],
        "scopes_supported": list(OIDC_SCOPES),
        "issuer": registration.issuer,
        "request_uri_parameter_supported": False,
        "authorization_endpoint": f"{browser}/authorize",
        "authorization_response_iss_parameter_supported": True,
        "end_session_endpoint": f"{browser}/logout",
        "prompt_values_supported": ["none", "login", "select_account", "create", "consent"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "nbf", "auth_time", "nonce", "name", "given_name", "family_name",
            "preferred_username", "email", "oid", "rh", "sid", "tid", "uti", "ver", "login_hint",
        ],
    }  # fmt: skip
