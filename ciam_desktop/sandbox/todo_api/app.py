"""Owns the API's routes: who may do what, and the answers of the contract."""

from __future__ import annotations

import logging
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ciam_desktop.sandbox.todo_api.bearer import BadToken, BearerJudge, Caller, NoKeys, TenantKeys
from ciam_desktop.sandbox.todo_api.store import TodoStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READ = frozenset({"ToDoList.Read", "ToDoList.ReadWrite"})
WRITE = frozenset({"ToDoList.ReadWrite"})
APP_READ = frozenset({"ToDoList.Read.All", "ToDoList.ReadWrite.All"})
APP_WRITE = frozenset({"ToDoList.ReadWrite.All"})

_MAX_BODY = 64 * 1024
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_BASE = "/api/todolist"
_log = logging.getLogger(__name__)


class Refused(Exception):
    """An answer that is not a success; `challenge` goes into WWW-Authenticate (RFC 6750 section 3)."""

    def __init__(self, status: int, message: str, challenge: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.challenge = challenge


def create_app(
    path: Path,
    *,
    authority: str,
    audience: str,
    ca_file: Path,
    first_owner: str,
    agent: str,
    clock: Callable[[], float],
    pause: float,
) -> Flask:
    """The API on the database at `path`, for tokens of `authority` made for `audience`.

    `agent` is the User-Agent of its own requests to the tenant, `pause` the least time in seconds between two of them
    for keys that it does not know; `clock` tells seconds since 1970.
    """
    store = TodoStore(path, first_owner)
    judge = BearerJudge(TenantKeys(authority, ca_file, agent, pause=pause), authority, audience, clock)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    app.json.ensure_ascii = False  # type: ignore[attr-defined] # as above
    app.url_map.strict_slashes = False

    @app.get(f"{_BASE}/")
    def list_todos() -> Response:
        caller = _permitted(judge, READ, APP_READ)
        return jsonify([asdict(todo) for todo in store.list(caller.owner)])

    @app.post(f"{_BASE}/")
    def add_todo() -> tuple[Response, int]:
        caller = _permitted(judge, WRITE, APP_WRITE)
        body = _body()
        description = _description(body)
        owner = caller.owner or _owner(body)
        return jsonify(asdict(store.add(owner, description))), 201

    @app.get(f"{_BASE}/<number>")
    def get_todo(number: str) -> Response:
        caller = _permitted(judge, READ, APP_READ)
        return _found(store.get(_number(number), caller.owner))

    @app.put(f"{_BASE}/<number>")
    def change_todo(number: str) -> Response:
        caller = _permitted(judge, WRITE, APP_WRITE)
        return _found(store.change(_number(number), caller.owner, _description(_body())))

    @app.delete(f"{_BASE}/<number>")
    def remove_todo(number: str) -> Response:
        caller = _permitted(judge, WRITE, APP_WRITE)
        if not store.remove(_number(number), caller.owner):
            raise _missing()
        return Response(status=200)

    app.register_error_handler(Exception, _answer)
    app.after_request(_protect)
    return app


def _permitted(judge: BearerJudge, scopes: frozenset[str], roles: frozenset[str]) -> Caller:
    """The caller, who may do this; 401 without a good token, 403 without the permission."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        # RFC 6750 section 3.1: who sent no token is told no error code.
        raise Refused(401, "A bearer token is required.", "Bearer")
    try:
        caller = judge.caller(token.strip())
    except BadToken as error:
        raise Refused(401, f"{error}.", f'Bearer error="invalid_token", error_description="{error}"') from error
    needed = roles if caller.owner is None else scopes
    if not caller.permissions & needed:
        names = " ".join(sorted(needed))
        raise Refused(403, "The token lacks the permission.", f'Bearer error="insufficient_scope", scope="{names}"')
    return caller


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object.")
    return body


def _description(body: dict[str, Any]) -> str:
    description = body.get("description")
    if not isinstance(description, str):
        raise Refused(400, "The description must be text.")
    try:
        description.encode()
    except UnicodeEncodeError as error:
        raise Refused(400, "The description is not valid Unicode.") from error
    return description


def _owner(body: dict[str, Any]) -> str:
    owner = body.get("owner")
    if not isinstance(owner, str) or not _GUID.fullmatch(owner):
        raise Refused(400, "The owner must be a GUID.")
    return owner.lower()


def _number(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise Refused(400, "The id must be an integer.")
    return int(text)


def _found(todo: Any) -> Response:
    if todo is None:
        raise _missing()
    return jsonify(asdict(todo))


def _missing() -> Refused:
    return Refused(404, "There is no such to-do.")


def _answer(error: Exception) -> Response:
    if isinstance(error, NoKeys):
        error = Refused(503, "The tenant cannot be reached.")
    elif isinstance(error, HTTPException):
        error = Refused(error.code or 500, error.name)
    elif not isinstance(error, Refused):
        _log.error("A request failed", exc_info=error)
        error = Refused(500, "There was an error.")
    response = jsonify({"error": str(error)})
    response.status_code = error.status
    if error.challenge:
        response.headers["WWW-Authenticate"] = error.challenge
    return response


def _protect(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
