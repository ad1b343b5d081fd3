"""Tests that what people type becomes one normal form, or one sentence that names the setting and its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ciam_desktop.core import authority
from ciam_desktop.core.authority import Typed
from ciam_desktop.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

GUID = "11111111-2222-4333-8444-555555555555"
CONTOSO = "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/v2.0"
SOURCE = "the environment"


def typed(text: str, setting: str = "AUTHORITY") -> Typed:
    return Typed(setting, text, SOURCE, setting)


def normal(text: str, setting: str = "AUTHORITY") -> str:
    return authority.normalise_authority(typed(text, setting))


@pytest.mark.parametrize("setting", ["AUTHORITY", "TENANT_SUBDOMAIN"])
@pytest.mark.parametrize(
    "text",
    [
        "contoso",
        " Contoso ",
        '"contoso"',
        "\u201ccontoso\u201d",
        "contoso\ufeff",
        "contoso/",
        "contoso.onmicrosoft.com",
        "contoso.ciamlogin.com",
        "contoso.ciamlogin.com/",
        "https://contoso.ciamlogin.com",
        "https://contoso.ciamlogin.com/",
        "https://contoso.ciamlogin.com//",
        "HTTPS://CONTOSO.CIAMLOGIN.COM/",
        "https://contoso.ciamlogin.com./",
        "https://contoso.ciamlogin.com:443/",
        "https://contoso.ciamlogin.com/contoso",
        "https://contoso.ciamlogin.com/v2.0",
        "https://contoso.ciamlogin.com/contoso.onmicrosoft.com",
        "https://contoso.ciamlogin.com/Contoso.onmicrosoft.com/",
        "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/v2.0",
        "https://contoso.ciamlogin.com/contoso.onmicrosoft.com//v2.0/",
        "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/v2.0/v2.0",
        "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration",
        "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/v2.0/.Well-Known/openid-configuration/",
        "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/oauth2/v2.0/authorize",
        "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/oauth2/v2.0/token",
    ],
)
def test_every_way_to_write_an_external_tenant_means_the_same_authority(text: str, setting: str) -> None:
    assert normal(text, setting) == CONTOSO


@pytest.mark.parametrize(
    ("text", "expected", "entra", "name"),
    [
        (f"https://contoso.ciamlogin.com/{GUID}", f"https://contoso.ciamlogin.com/{GUID}/v2.0", True, "contoso"),
        (GUID.upper(), f"https://{GUID}.ciamlogin.com/{GUID}/v2.0", True, f"{GUID}.ciamlogin.com"),
        (
            f"https://{GUID}.ciamlogin.com/{GUID}/v2.0",
            f"https://{GUID}.ciamlogin.com/{GUID}/v2.0",
            True,
            f"{GUID}.ciamlogin.com",
        ),
        (
            f"https://login.contoso.example/{GUID}",
            f"https://login.contoso.example/{GUID}/v2.0",
            True,
            "login.contoso.example",
        ),
        (f"login.contoso.example/{GUID}/", f"https://login.contoso.example/{GUID}/v2.0", True, "login.contoso.example"),
        (
            "https://localhost:8443/contoso.onmicrosoft.com/v2.0",
            "https://localhost:8443/contoso.onmicrosoft.com/v2.0",
            True,
            "contoso",
        ),
        (
            f"https://login.microsoftonline.com/{GUID}/",
            f"https://login.microsoftonline.com/{GUID}/v2.0",
            True,
            "login.microsoftonline.com",
        ),
        (
            "https://login.microsoftonline.us/contoso.example/v2.0",
            "https://login.microsoftonline.us/contoso.example/v2.0",
            True,
            "login.microsoftonline.us",
        ),
        ("https://id.example/realms/Todo/", "https://id.example/realms/Todo", False, "id.example"),
        ("https://id.example/realms/v2.0", "https://id.example/realms/v2.0", False, "id.example"),
        (f"https://id.example/realms/{GUID}", f"https://id.example/realms/{GUID}", False, "id.example"),
        (
            "https://ID.example:8443/realms/x/.well-known/openid-configuration",
            "https://id.example:8443/realms/x",
            False,
            "id.example:8443",
        ),
        ("https://b\u00fccher.example/login", "https://xn--bcher-kva.example/login", False, "xn--bcher-kva.example"),
        ("https://fa\u00df.example/login", "https://xn--fa-hia.example/login", False, "xn--fa-hia.example"),
        ("https://[::1]:8443/oidc", "https://[::1]:8443/oidc", False, "[::1]:8443"),
    ],
)
def test_ids_custom_domains_and_other_providers_keep_what_they_mean(
    text: str, expected: str, entra: bool, name: str
) -> None:
    assert normal(text) == expected
    assert authority.is_entra(expected) is entra
    assert authority.tenant_name(expected) == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://Enter_the_Tenant_Subdomain_Here.ciamlogin.com/", "placeholder"),
        ("enter_the_tenant_subdomain_here", "placeholder"),
        ("https://<tenant>.ciamlogin.com/", "placeholder"),
        ("https://YOUR_TENANT.ciamlogin.com/", "placeholder"),
        ("https://contoso.ciamlogin.com/00000000-0000-0000-0000-000000000000", "placeholder"),
        ("http://contoso.ciamlogin.com/", "must be https"),
        ("HTTP://localhost/realms/x", "must be https"),
        ("https://id.example", "needs a path"),
        ("https://id.example/", "needs a path"),
        ("https://user:hush-hush@id.example/x", "user name or password"),
        ("https://id.example/x?y=hush-hush", r"\? or #"),
        ("https://id.example/x#y", r"\? or #"),
        ("https://contoso.ciamlogin.com/contoso.onmicrosoft.com/policy", "one tenant"),
        ("https://ciamlogin.com/", "one tenant"),
        ("https://a.b.ciamlogin.com/", "one tenant"),
        ("https://login.microsoftonline.com/common", "one tenant"),
        ("https://login.microsoftonline.com/", "one tenant"),
        ("https:/contoso.ciamlogin.com/", "well-formed"),
        ("https//contoso.ciamlogin.com/", "well-formed"),
        ("ftp://contoso.ciamlogin.com/", "well-formed"),
        ("https://id example/x", "well-formed"),
        ("https://id.example/a b", "well-formed"),
        ("https://id.example\\x", "well-formed"),
        ("https://id.example/\x00x", "well-formed"),
        ("https://id.example:99999/x", "well-formed"),
        ("https://id.example:0/x", "well-formed"),
        ("https://id.example/a/../b", "well-formed"),
        ("https://id.example/a/%2E%2e/b", "well-formed"),
        ("https://-id.example/x", "well-formed"),
        ("https://id..example/x", "well-formed"),
        ("https://%69d.example/x", "well-formed"),
        ("https://[::1/x", "well-formed"),
        ("https://[fe80::1%25eth0]/x", "well-formed"),
        ("https:///x", "well-formed"),
        ("", "well-formed"),
    ],
)
def test_what_is_no_authority_is_refused_in_a_sentence_that_names_setting_and_place(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        normal(text)
    assert str(caught.value).startswith("AUTHORITY from the environment ")
    assert (caught.value.setting, caught.value.source) == ("AUTHORITY", SOURCE)
    assert "hush-hush" not in str(caught.value)


def test_a_whole_address_of_another_host_is_no_subdomain() -> None:
    with pytest.raises(SettingsError, match="into AUTHORITY"):
        normal(f"https://login.contoso.example/{GUID}", "TENANT_SUBDOMAIN")


PIECES = (
    "https:// http:// contoso .ciamlogin.com .onmicrosoft.com / // /v2.0 /oauth2 :443 /common "
    f"login.microsoftonline.com /.well-known/openid-configuration {GUID} [::1] @ ? # % .. . : "
    "\" ' \\ A - _ xn-- \u00fc \u3002 \uff0f \u00df"
)
URL_PIECES = st.lists(st.sampled_from([*PIECES.split(), " ", "\x85"]), max_size=9).map("".join)


@given(st.one_of(st.text(), URL_PIECES, URL_PIECES.map("https://id.example/".__add__)))
@example("https://\u2100/x")
@example("https://xn--/x")
@example("login.microsoftonline.com/oauth2")
@example("https://id.example/x'/")
@example("https://id.example/.onmicrosoft.com")
@example("https://contoso.ciamlogin.com/.onmicrosoft.com")
@example("https://contoso.ciamlogin.com/v2.0/.well-known/openid-configuration/v2.0")
def test_any_text_gives_a_stable_https_address_or_a_settings_error(text: str) -> None:
    try:
        once = normal(text)
    except SettingsError:
        return
    assert normal(once) == once
    parts = urlsplit(once)
    assert parts.scheme == "https"
    assert re.fullmatch(r"[a-z0-9.:\[\]-]+", parts.netloc)
    assert len(parts.path) > 1
    assert not once.endswith("/")
    assert authority.is_entra(once) <= once.endswith("/v2.0")
    assert authority.tenant_name(once)


@given(st.one_of(st.text(), URL_PIECES), st.booleans())
def test_no_other_text_raises_anything_but_a_settings_error_and_every_normal_form_is_stable(
    text: str, entra: bool
) -> None:
    rules: dict[str, Callable[[Typed], str]] = {
        "REDIRECT_URI": authority.normalise_redirect_uri,
        "POST_LOGOUT_REDIRECT_URI": authority.normalise_page,
        "API_ENDPOINT": authority.normalise_endpoint,
        "CLIENT_ID": lambda value: authority.normalise_client_id(value, entra=entra),
        "TODOLIST_READ": lambda value: authority.normalise_scope(value, entra=entra),
        "SCOPES": lambda value: authority.normalise_application_scope(value, entra=entra),
    }
    for name, normalise in rules.items():
        try:
            once = normalise(typed(text, name))
        except SettingsError:
            continue
        assert normalise(typed(once, name)) == once


@pytest.mark.parametrize("text", [GUID, f" {{{GUID.upper()}}} ", f'"{GUID}"'])
def test_a_client_id_at_entra_is_a_lower_case_guid(text: str) -> None:
    assert authority.normalise_client_id(typed(text, "CLIENT_ID"), entra=True) == GUID


@pytest.mark.parametrize("text", ["todo-app", GUID[:-1], f"{GUID}0", "", "Enter_the_Application_Id_Here"])
def test_a_client_id_that_is_no_guid_is_refused_at_entra(text: str) -> None:
    with pytest.raises(SettingsError, match=r"CLIENT_ID from the environment (is not a GUID|still holds)"):
        authority.normalise_client_id(typed(text, "CLIENT_ID"), entra=True)


def test_a_client_id_elsewhere_is_any_printable_text() -> None:
    assert authority.normalise_client_id(typed(" todo-app ", "CLIENT_ID"), entra=False) == "todo-app"
    with pytest.raises(SettingsError, match="copy it again"):
        authority.normalise_client_id(typed("todo\x07app", "CLIENT_ID"), entra=False)


@pytest.mark.parametrize(
    ("text", "entra", "expected"),
    [
        (f" api://{GUID}/ToDoList.Read ", True, f"api://{GUID}/ToDoList.Read"),
        (f"{GUID}/ToDoList.Read", True, f"{GUID}/ToDoList.Read"),
        ("https://contoso.example/todo/ToDoList.Read", True, "https://contoso.example/todo/ToDoList.Read"),
        ("api://contoso-todo/ToDoList.Read", True, "api://contoso-todo/ToDoList.Read"),
        ("todo.read", False, "todo.read"),
    ],
)
def test_a_scope_is_kept_as_it_is_typed(text: str, entra: bool, expected: str) -> None:
    assert authority.normalise_scope(typed(text, "TODOLIST_READ"), entra=entra) == expected


@pytest.mark.parametrize(
    ("text", "entra", "words"),
    [
        ("api://Enter_the_Web_Api_Application_Id_Here/ToDoList.Read", True, "placeholder"),
        ("ToDoList.Read", True, "full scope"),
        (f"api://{GUID}", True, "full scope"),
        (f"api://{GUID}/", True, "full scope"),
        (f"api://{GUID[:-2]}/ToDoList.Read", True, "not a GUID"),
        ("a b", False, "one scope"),
        ("offline_access", False, "permission of the API"),
        ("OpenID", True, "permission of the API"),
    ],
)
def test_what_is_no_scope_is_refused(text: str, entra: bool, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        authority.normalise_scope(typed(text, "TODOLIST_READ"), entra=entra)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"api://{GUID}", f"api://{GUID}/.default"),
        (f"api://{GUID}/", f"api://{GUID}/.default"),
        (f"api://{GUID}/.default", f"api://{GUID}/.default"),
        (f"api://{GUID}/.Default/.default/", f"api://{GUID}/.default"),
        (GUID, f"{GUID}/.default"),
        (f"api://{GUID}/todo", f"api://{GUID}/todo/.default"),
    ],
)
def test_a_daemon_asks_for_the_api_as_a_whole(text: str, expected: str) -> None:
    assert authority.normalise_application_scope(typed(text, "SCOPES"), entra=True) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("api://", "application ID URI"),
        (f"api://{GUID}/ToDoList.Read", "one permission"),
        (f"api://{GUID}/ToDoList.ReadWrite.All/.default", "one permission"),
        (f"api://{GUID}1", "not a GUID"),
        (f"api://{GUID} api://other", "one scope"),
        ("api://Enter_the_Web_Api_Application_Id_Here", "placeholder"),
    ],
)
def test_what_no_daemon_can_ask_for_is_refused(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        authority.normalise_application_scope(typed(text, "SCOPES"), entra=True)


def test_a_scope_of_another_provider_gets_no_suffix() -> None:
    assert authority.normalise_application_scope(typed("todo.all", "SCOPES"), entra=False) == "todo.all"


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost",
        "http://localhost/",
        "http://localhost:3000/auth/redirect",
        "http://localhost:3000/Auth/Redirect/",
        "http://127.0.0.1:8400/x",
        "http://[::1]:8400/x",
    ],
)
def test_a_loopback_redirect_is_kept_to_the_letter(text: str) -> None:
    assert authority.normalise_redirect_uri(typed(f" {text} ", "REDIRECT_URI")) == text


@pytest.mark.parametrize(
    "text",
    [
        "https://localhost:3000",
        "http://contoso.example/x",
        "http://0.0.0.0:3000",
        "http://localhost.contoso.example",
        "msal://auth",
        "http://127.1:3000",
    ],
)
def test_a_redirect_that_cannot_reach_this_computer_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(SettingsError, match="own computer only"):
        authority.normalise_redirect_uri(typed(text, "REDIRECT_URI"))


@pytest.mark.parametrize(
    "text",
    ["localhost", "localhost:3000", "LOCALHOST/auth/redirect", "//localhost:3000", "127.0.0.1:8400", "[::1]:1"],
)
def test_a_redirect_without_its_scheme_is_told_what_it_lacks(text: str) -> None:
    with pytest.raises(SettingsError, match=r"REDIRECT_URI from the environment lacks http:// at its beginning"):
        authority.normalise_redirect_uri(typed(text, "REDIRECT_URI"))


@pytest.mark.parametrize("text", ["localhostile:3000", "127.0.0.11/x", "contoso.example"])
def test_what_would_not_do_with_a_scheme_either_is_not_told_to_add_one(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        authority.normalise_redirect_uri(typed(text, "REDIRECT_URI"))
    assert "lacks" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["contoso.example", "Consumers", "my <b>bank</b>", "YOUR_hint", "a b/c?d=é", "x" * 200]
)
def test_free_text_is_taken_as_it_is(text: str) -> None:
    assert authority.one_line(typed(f'  "{text}"\n', "DOMAIN_HINT")) == text


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\u2028b", "a\0b", "x" * 201])
def test_free_text_is_one_short_line(text: str) -> None:
    with pytest.raises(SettingsError, match="one line of at most 200 characters"):
        authority.one_line(typed(text, "DOMAIN_HINT"))


@pytest.mark.parametrize("text", ["http://localhost:3000/?x=1", "http://localhost:3000/#x", "http://me@localhost:3000"])
def test_a_redirect_is_nothing_but_host_port_and_path(text: str) -> None:
    with pytest.raises(SettingsError, match="REDIRECT_URI from the environment must"):
        authority.normalise_redirect_uri(typed(text, "REDIRECT_URI"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://localhost:44351/api/todolist/", "https://localhost:44351/api/todolist"),
        ("http://127.0.0.1:5000/api/todolist", "http://127.0.0.1:5000/api/todolist"),
        ("https://API.contoso.example:443/todo", "https://api.contoso.example/todo"),
    ],
)
def test_an_endpoint_is_https_or_on_this_computer(text: str, expected: str) -> None:
    assert authority.normalise_endpoint(typed(text, "API_ENDPOINT")) == expected


@pytest.mark.parametrize("text", ["http://api.contoso.example/todo", "ws://localhost/x"])
def test_an_endpoint_in_the_clear_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="must be an https address"):
        authority.normalise_endpoint(typed(text, "API_ENDPOINT"))


@pytest.mark.parametrize("text", ["hush\x07hush", GUID, "Enter_the_hush_Here"])
def test_a_secret_that_cannot_be_one_is_refused_without_being_repeated(text: str) -> None:
    secret = typed(text, "CLIENT_SECRET")
    with pytest.raises(SettingsError) as caught:
        authority.checked_secret(secret, entra=True)
    for shown in (str(caught.value), repr(caught.value), repr(secret)):
        assert text not in shown
