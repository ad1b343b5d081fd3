"""Owns the names of the places that a fault can strike: which request belongs to which."""

from __future__ import annotations

import re

TENANT, PAGES, API = "tenant", "pages", "api"
SITES = (TENANT, PAGES, API)
TLS_SITES = (TENANT, API)

_OAUTH = r"/[^/]+/oauth2/v2\.0"
_ITEM = r"/api/todolist/[^/]+"
_LIST = r"/api/todolist/?"
# Site, method ("": any), path, place; the first that fits counts.
_TABLE = tuple(
    (site, method, re.compile(path), place)
    for site, method, path, place in (
        (TENANT, "", r"/[^/]+/v2\.0/\.well-known/openid-configuration", "discovery"),
        (TENANT, "", r"/[^/]+/discovery/v2\.0/keys", "keys"),
        (TENANT, "", rf"{_OAUTH}/token", "token"),
        (TENANT, "", rf"{_OAUTH}/devicecode", "devicecode"),
        (PAGES, "", rf"{_OAUTH}/authorize", "authorize"),
        (PAGES, "", rf"{_OAUTH}/logout", "logout"),
        (PAGES, "", r"/[^/]+/oauth2/deviceauth", "deviceauth"),
        (API, "GET", _LIST, "api.list"),
        (API, "POST", _LIST, "api.add"),
        (API, "GET", _ITEM, "api.item"),
        (API, "PUT", _ITEM, "api.change"),
        (API, "DELETE", _ITEM, "api.remove"),
    )
)
PLACES = tuple(place for _site, _method, _path, place in _TABLE)
EVERY_API_PLACE = "api.*"


def place_of(site: str, method: str, path: str) -> str:
    """The place of a request; empty for what has no name (a page's style, a path that does not exist)."""
    for its_site, its_method, its_path, place in _TABLE:
        if its_site == site and its_method in ("", method) and its_path.fullmatch(path):
            return place
    return ""


def covers(pattern: str, place: str) -> bool:
    """Whether a fault at `pattern` strikes at `place`."""
    return pattern == place or (pattern == EVERY_API_PLACE and place.startswith("api."))
