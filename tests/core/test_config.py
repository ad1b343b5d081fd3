"""Tests that a program's settings are settled from one coherent place, or refused in a sentence that says where."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from ciam_desktop.core.config import (
    SETTINGS,
    Program,
    Settings,
    Tenant,
    add_options,
    given_options,
    load,
    tenant_from,
)
from ciam_desktop.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

APP = "22222222-3333-4444-8555-666666666666"
DAEMON_APP = "44444444-5555-4666-8777-888888888888"
API = "api://33333333-4444-4555-8666-777777777777"
CONTOSO = "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/v2.0"
SECRET = "hush~hush.hush"
WINDOW_SET = {
    "TENANT_SUBDOMAIN": "contoso",
    "CLIENT_ID": APP,
    "TODOLIST_READ": f"{API}/ToDoList.Read",
    "TODOLIST_READWRITE": f"{API}/ToDoList.ReadWrite",
}
DAEMON_SET = {"TENANT_SUBDOMAIN": "contoso", "CLIENT_ID": DAEMON_APP, "SCOPES": API}
PROFILE = f'''version = 1
default = "work"

[profiles.work]
tenant_subdomain = "fabrikam"
client_id = "{APP}"
daemon_client_id = "{DAEMON_APP}"
todolist_read = "{API}/ToDoList.Read"
todolist_readwrite = "{API}/ToDoList.ReadWrite"
scopes = "{API}"
redirect_uri = "http://localhost/work"
'''


class Places:
    """The folders of one test, and `load` with nothing given but what the test gives."""

    def __init__(self, folder: Path) -> None:
        self.beside = folder / "beside"
        self.config = folder / "config"
        self.beside.mkdir()
        self.config.mkdir()

    def dotenv(self, values: Mapping[str, str] | str) -> Path:
        text = values if isinstance(values, str) else "".join(f"{name}={text}\n" for name, text in values.items())
        path = self.beside / ".env"
        path.write_text(text, "utf-8")
        return path

    def profiles(self, text: str = PROFILE) -> Path:
        path = self.config / "profiles.toml"
        path.write_text(text, "utf-8")
        return path

    def load(
        self,
        program: Program = Program.WINDOW,
        *,
        command_line: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        env_file: Path | None = None,
        profile_name: str | None = None,
    ) -> Settings:
        return load(
            program,
            command_line=command_line or {},
            environment=environment or {},
            env_file=env_file,
            beside=self.beside,
            profile_name=profile_name,
            config_dir=self.config,
        )


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    # The current folder's .env must never be read.
    (elsewhere / ".env").write_text("AUTHORITY=http://current.folder.example\nLOG_LEVEL=nonsense\n")
    monkeypatch.chdir(elsewhere)
    return Places(tmp_path)


@pytest.mark.parametrize("program", Program)
def test_with_nothing_given_it_is_the_sandbox(places: Places, program: Program) -> None:
    settings = places.load(program, environment={"PATH": "/bin", "CLIENT_ID": "", "AUTHORITY": "  "})
    assert (settings.profile, settings.title, settings.tenant) == ("sandbox", "Sandbox", None)
    assert settings.redirect_uri == settings.post_logout_redirect_uri == "http://localhost:3000"
    assert (settings.ca_bundle, settings.log_level, settings.strict_port) == (None, "INFO", False)
    assert settings.sources["AUTHORITY"] == "the sandbox"
    assert settings.notices == ()


def test_four_settings_are_enough_for_the_window(places: Places) -> None:
    settings = places.load(environment=WINDOW_SET)
    assert settings.tenant == Tenant(
        authority=CONTOSO,
        client_id=APP,
        read_scope=f"{API}/ToDoList.Read",
        readwrite_scope=f"{API}/ToDoList.ReadWrite",
        application_scope="",
        api_endpoint="https://localhost:44351/api/todolist",
    )
    assert settings.title == "contoso"
    assert settings.sources["CLIENT_ID"] == "the environment"
    assert settings.sources["API_ENDPOINT"] == "the default"
    assert "AUTHORITY" not in settings.sources


def test_a_set_and_its_secret_are_enough_for_the_daemon(places: Places) -> None:
    settings = places.load(Program.DAEMON, environment={**DAEMON_SET, "CLIENT_SECRET": f" {SECRET}\n"})
    assert settings.tenant is not None
    assert settings.tenant.application_scope == f"{API}/.default"
    assert (settings.tenant.client_id, settings.tenant.read_scope) == (DAEMON_APP, "")
    assert settings.client_secret == SECRET
    assert SECRET not in repr(settings)
    assert settings.notices == ()


def test_the_places_are_asked_in_order_and_give_the_set_as_a_whole(places: Places) -> None:
    def profile() -> tuple[str, str, str]:
        settings = places.load(command_line=command_line, environment=environment)
        return settings.title, settings.sources["CLIENT_ID"], settings.profile

    command_line: dict[str, str] = {}
    environment: dict[str, str] = {}
    file = places.profiles()
    assert profile() == ("fabrikam", f'profile "work" in {file}', "work")
    dotenv = places.dotenv({**WINDOW_SET, "TENANT_SUBDOMAIN": "from-dotenv"})
    assert profile()[:2] == ("from-dotenv", str(dotenv))
    environment.update({**WINDOW_SET, "TENANT_SUBDOMAIN": "from-environment"})
    assert profile()[:2] == ("from-environment", "the environment")
    command_line.update({**WINDOW_SET, "TENANT_SUBDOMAIN": "from-options"})
    title, source, key = profile()
    assert (title, source) == ("from-options", "the command line")
    assert key.startswith("tenant-")


def test_settings_outside_the_set_come_from_the_first_place_that_gives_them(places: Places) -> None:
    places.profiles(PROFILE + 'log_level = "Error"\nstrict_port = true\n')
    dotenv = places.dotenv("POST_LOGOUT_REDIRECT_URI=http://localhost:4000/bye\nLOG_LEVEL=Trace\n")
    settings = places.load(environment={"LOG_LEVEL": "warning"}, command_line={"LOG_LEVEL": "verbose"})
    assert settings.log_level == "DEBUG"
    assert settings.post_logout_redirect_uri == "http://localhost:4000/bye"
    assert settings.redirect_uri == "http://localhost/work"
    assert settings.strict_port is True
    assert settings.sources["LOG_LEVEL"] == "the command line"
    assert settings.sources["POST_LOGOUT_REDIRECT_URI"] == str(dotenv)


def test_the_domain_hint_is_free_text_beside_the_set(places: Places) -> None:
    assert places.load().domain_hint == ""
    path = places.profiles(PROFILE + 'domain_hint = "contoso.example"\n')
    settings = places.load()
    assert (settings.profile, settings.domain_hint) == ("work", "contoso.example")
    assert settings.sources["DOMAIN_HINT"] == f'profile "work" in {path}'
    settings = places.load(environment={"DOMAIN_HINT": "Enter_the_hint <x>"})
    assert (settings.profile, settings.domain_hint) == ("work", "Enter_the_hint <x>")
    assert places.load(Program.DAEMON, environment={"DOMAIN_HINT": "a\nb", "CLIENT_SECRET": SECRET}).domain_hint == ""
    with pytest.raises(SettingsError, match="DOMAIN_HINT from the environment must be one line"):
        places.load(environment={"DOMAIN_HINT": "a\nb"})


def test_a_profile_that_cannot_be_used_is_told_by_its_own_use_only(places: Places) -> None:
    places.profiles(PROFILE + "[profiles.odd]\nclient_id = 7\n")
    assert places.load().profile == "work"
    with pytest.raises(SettingsError, match=r'client_id of the profile "odd" in .* must be text'):
        places.load(profile_name="odd")
    places.profiles('default = "odd"\n[profiles.odd]\nclient_id = 7\n')
    with pytest.raises(SettingsError, match="must be text"):
        places.load()
    places.profiles("[profiles]\nodd = 7\n")
    with pytest.raises(SettingsError, match="must be a table"):
        places.load()


def test_a_profile_gives_nothing_to_a_set_from_elsewhere(places: Places) -> None:
    places.profiles()
    assert places.load(environment=WINDOW_SET).redirect_uri == "http://localhost:3000"


@pytest.mark.parametrize("name", ["CLIENT_ID", "API_ENDPOINT", "AUTHORITY", "TODOLIST_READ"])
def test_a_part_of_a_set_in_an_earlier_place_is_never_completed_from_a_later_one(places: Places, name: str) -> None:
    places.dotenv(WINDOW_SET)
    value = {**WINDOW_SET, "API_ENDPOINT": "https://todo.contoso.example", "AUTHORITY": CONTOSO}[name]
    with pytest.raises(SettingsError, match=rf"missing from the environment, which gives {name}\.") as caught:
        places.load(environment={name: value})
    assert caught.value.source == "the environment"


@pytest.mark.parametrize("missing", WINDOW_SET)
def test_a_set_with_a_gap_names_what_is_missing_and_where(places: Places, missing: str) -> None:
    places.dotenv({name: text for name, text in WINDOW_SET.items() if name != missing})
    with pytest.raises(SettingsError, match=rf"^{missing}( \(or AUTHORITY\))? is missing from .*\.env") as caught:
        places.load()
    assert caught.value.setting == missing


def test_the_window_explains_a_daemons_settings(places: Places) -> None:
    places.dotenv({**DAEMON_SET, "CLIENT_SECRET": SECRET})
    with pytest.raises(SettingsError, match="SCOPES is the daemon's setting; the window asks") as caught:
        places.load()
    assert "TODOLIST_READ, TODOLIST_READWRITE are missing" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_daemon_explains_a_windows_settings(places: Places) -> None:
    places.dotenv(WINDOW_SET)
    with pytest.raises(SettingsError, match=r"SCOPES is missing .* the daemon asks for SCOPES"):
        places.load(Program.DAEMON)


@pytest.mark.parametrize(("program", "name"), [(Program.WINDOW, "SCOPES"), (Program.DAEMON, "TODOLIST_READ")])
def test_a_setting_of_the_other_program_names_no_set(places: Places, program: Program, name: str) -> None:
    assert places.load(program, environment={name: "Enter_the_Web_Api_Application_Id_Here"}).profile == "sandbox"


def test_authority_wins_over_the_subdomain_beside_it_whatever_that_holds(places: Places) -> None:
    environment = {**WINDOW_SET, "AUTHORITY": CONTOSO, "TENANT_SUBDOMAIN": "Enter_the_Tenant_Subdomain_Here"}
    settings = places.load(environment=environment)
    assert settings.tenant is not None
    assert settings.tenant.authority == CONTOSO
    assert settings.sources["AUTHORITY"] == "the environment"
    assert "TENANT_SUBDOMAIN" not in settings.sources


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("TENANT_SUBDOMAIN", "Enter_the_Tenant_Subdomain_Here", "placeholder"),
        ("AUTHORITY", "http://contoso.ciamlogin.com", "must be https"),
        ("AUTHORITY", "https://contoso ciamlogin com", "well-formed"),
        ("CLIENT_ID", "Enter_the_Application_Id_Here", "placeholder"),
        ("CLIENT_ID", "contoso-app", "not a GUID"),
        ("TODOLIST_READ", "api://Enter_the_Web_Api_Application_Id_Here/ToDoList.Read", "placeholder"),
        ("TODOLIST_READWRITE", "api://other/ToDoList.ReadWrite", "another API than TODOLIST_READ"),
        ("API_ENDPOINT", "http://api.contoso.example/todolist", "https"),
        ("REDIRECT_URI", "https://localhost:3000", "http://localhost"),
        ("POST_LOGOUT_REDIRECT_URI", "http://contoso.example", "https"),
        ("CA_BUNDLE", "no-such-file.pem", "cannot be read"),
        ("LOG_LEVEL", "loud", "Error, Warning, Info, Verbose, Trace"),
        ("STRICT_PORT", "perhaps", "Yes"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_name_and_its_file(
    places: Places, name: str, text: str, words: str
) -> None:
    path = places.dotenv({**WINDOW_SET, name: text})
    with pytest.raises(SettingsError, match=words) as caught:
        places.load()
    assert str(caught.value).startswith(f"{name} from {path} ")
    assert (caught.value.setting, caught.value.source) == (name, str(path))


@pytest.mark.parametrize("name", ["REDIRECT_URI", "POST_LOGOUT_REDIRECT_URI", "STRICT_PORT", "DOMAIN_HINT"])
def test_the_daemon_does_not_read_what_only_the_window_uses(places: Places, name: str) -> None:
    settings = places.load(Program.DAEMON, environment={name: "nonsense"})
    assert name not in settings.sources


def test_the_window_never_takes_a_client_secret_and_says_why(places: Places) -> None:
    settings = places.load(environment={**WINDOW_SET, "CLIENT_SECRET": SECRET})
    assert settings.client_secret is None
    (notice,) = settings.notices
    assert "CLIENT_SECRET from the environment is never sent" in notice
    assert SECRET not in repr(settings)


def test_the_tutorials_placeholder_for_a_secret_is_worth_no_notice(places: Places) -> None:
    assert places.load(environment={**WINDOW_SET, "CLIENT_SECRET": "Enter_the_Client_Secret_Here"}).notices == ()


def test_a_lone_secret_leaves_the_daemon_in_the_sandbox_and_is_not_sent_there(places: Places) -> None:
    settings = places.load(Program.DAEMON, environment={"CLIENT_SECRET": SECRET})
    assert (settings.profile, settings.client_secret) == ("sandbox", None)
    assert "not used" in settings.notices[0]


def test_a_daemon_without_a_secret_is_told_where_to_put_it(places: Places) -> None:
    with pytest.raises(SettingsError, match="CLIENT_SECRET is missing") as caught:
        places.load(Program.DAEMON, environment=DAEMON_SET)
    assert caught.value.setting == "CLIENT_SECRET"


def test_a_secret_is_never_taken_from_the_command_line(places: Places) -> None:
    with pytest.raises(SettingsError, match="CLIENT_SECRET is missing"):
        places.load(Program.DAEMON, command_line={**DAEMON_SET, "CLIENT_SECRET": SECRET})


@pytest.mark.parametrize("text", ["Enter_the_Client_Secret_Here", APP])
def test_a_secret_that_is_a_placeholder_or_an_id_is_refused_unrepeated(places: Places, text: str) -> None:
    with pytest.raises(SettingsError, match="CLIENT_SECRET from the environment") as caught:
        places.load(Program.DAEMON, environment={**DAEMON_SET, "CLIENT_SECRET": text})
    assert text not in str(caught.value)


def test_a_secret_alone_in_the_environment_serves_a_set_from_elsewhere(places: Places) -> None:
    places.dotenv(DAEMON_SET)
    assert places.load(Program.DAEMON, environment={"CLIENT_SECRET": SECRET}).client_secret == SECRET


def test_a_secret_beside_another_set_is_never_sent_for_this_one(places: Places) -> None:
    places.dotenv({**DAEMON_SET, "CLIENT_SECRET": SECRET})
    with pytest.raises(SettingsError, match="belongs to the other settings there") as caught:
        places.load(Program.DAEMON, environment={**DAEMON_SET, "TENANT_SUBDOMAIN": "fabrikam"})
    assert SECRET not in str(caught.value)


def test_a_profile_keeps_the_two_client_ids_apart(places: Places) -> None:
    places.profiles()
    window = places.load().tenant
    daemon = places.load(Program.DAEMON, environment={"CLIENT_SECRET": SECRET}).tenant
    assert window is not None
    assert daemon is not None
    assert (window.client_id, daemon.client_id) == (APP, DAEMON_APP)


def test_a_profile_without_the_daemons_settings_does_not_lend_it_the_windows(places: Places) -> None:
    places.profiles(PROFILE.replace(f'daemon_client_id = "{DAEMON_APP}"\n', ""))
    with pytest.raises(SettingsError, match=r"^daemon_client_id is missing from profile \"work\" in "):
        places.load(Program.DAEMON, environment={"CLIENT_SECRET": SECRET})


def test_a_profile_asked_for_by_name_is_the_place_of_the_set(places: Places) -> None:
    places.profiles()
    assert places.load(environment=WINDOW_SET, profile_name="work").title == "fabrikam"
    assert places.load(environment=WINDOW_SET, profile_name="sandbox").tenant is None
    with pytest.raises(SettingsError, match="Give either a profile or TENANT_SUBDOMAIN"):
        places.load(command_line=WINDOW_SET, profile_name="work")
    with pytest.raises(SettingsError, match=r'no profile "wrok".*Did you mean work\?'):
        places.load(profile_name="wrok")


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        (PROFILE.replace('default = "work"\n', ""), "work"),
        (PROFILE.replace('default = "work"', 'default = "sandbox"'), "sandbox"),
        ("", "sandbox"),
    ],
)
def test_without_a_name_the_default_or_the_only_profile_is_used(places: Places, text: str, profile: str) -> None:
    places.profiles(text)
    assert places.load().profile == profile


def test_several_profiles_without_a_default_are_not_guessed_among(places: Places) -> None:
    places.profiles(PROFILE.replace('default = "work"\n', "") + "[profiles.home]\n")
    with pytest.raises(SettingsError, match="several profiles and no default"):
        places.load()


def test_a_broken_profile_file_does_not_matter_to_a_set_from_the_environment(places: Places) -> None:
    places.profiles("= nonsense")
    assert places.load(environment=WINDOW_SET).title == "contoso"


def test_the_key_of_a_set_is_stable_and_differs_by_tenant_and_app(places: Places) -> None:
    def key(**changes: str) -> str:
        return places.load(environment={**WINDOW_SET, **changes}).profile

    assert key() == key(TENANT_SUBDOMAIN="https://Contoso.ciamlogin.com/")
    assert len({key(), key(TENANT_SUBDOMAIN="fabrikam"), key(CLIENT_ID=DAEMON_APP)}) == 3


def test_another_provider_needs_neither_guids_nor_one_resource(places: Places) -> None:
    settings = places.load(
        environment={
            "AUTHORITY": "https://id.example/realms/todo/",
            "CLIENT_ID": "todo-app",
            "TODOLIST_READ": "todo.read",
            "TODOLIST_READWRITE": "todo/write",
        }
    )
    assert settings.tenant is not None
    assert settings.tenant.authority == "https://id.example/realms/todo"
    assert (settings.tenant.client_id, settings.tenant.readwrite_scope) == ("todo-app", "todo/write")
    assert settings.title == "id.example"


def test_a_redirect_that_entra_cannot_register_is_noticed(places: Places) -> None:
    settings = places.load(environment={**WINDOW_SET, "REDIRECT_URI": "http://[::1]:3000"})
    assert settings.redirect_uri == "http://[::1]:3000"
    assert "cannot be registered" in settings.notices[0]


def test_an_env_file_named_by_hand_replaces_the_one_beside_the_program(places: Places, tmp_path: Path) -> None:
    places.dotenv("nonsense")
    named = tmp_path / "other.env"
    named.write_bytes(
        b"\xef\xbb\xbf" + "".join(f'export {name}="{text}"\r\n' for name, text in WINDOW_SET.items()).encode()
    )
    settings = places.load(env_file=named)
    assert settings.title == "contoso"
    assert settings.sources["CLIENT_ID"] == str(named)


def test_nothing_in_an_env_file_is_interpolated(places: Places) -> None:
    places.dotenv({**WINDOW_SET, "TENANT_SUBDOMAIN": "${HOME}"})
    with pytest.raises(SettingsError, match=r"TENANT_SUBDOMAIN from .*\.env is not a complete"):
        places.load()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"# fine\n\nCLIENT_ID=x\n\n\nhush-hush: secret\nLOG_LEVEL=Info\n", "Line 6 of "),
        (b"CLIENT_ID\n", "Line 1 of "),
        (b"LOG_LEVEL=Info\r\nCLIENT_SECRET='hush-hush\r\n", "Line 2 of "),
        ("CLIENT_SECRET=hush-hush".encode("utf-16"), "not UTF-8"),
        (b"CLIENT_SECRET=hush-hush\xff\n", "not UTF-8"),
    ],
)
def test_an_env_file_that_cannot_be_understood_is_refused_by_file_and_line(
    places: Places, content: bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = places.dotenv("")
    path.write_bytes(content)
    with caplog.at_level(logging.DEBUG), pytest.raises(SettingsError, match=words) as caught:
        places.load()
    assert str(path) in str(caught.value)
    assert caught.value.source == str(path)
    assert "hush" not in str(caught.value) + caplog.text


def test_an_env_file_named_by_hand_must_be_there(places: Places, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.env cannot be read"):
        places.load(env_file=tmp_path / "missing.env")


def test_a_ca_bundle_is_found_from_where_it_is_named(places: Places) -> None:
    certificate = places.beside / "ca.pem"
    certificate.write_bytes(b"# a comment\n" + trustme.CA().cert_pem.bytes())
    places.dotenv("CA_BUNDLE='ca.pem'\n")
    assert places.load().ca_bundle == certificate
    assert places.load(environment={"CA_BUNDLE": str(certificate)}).ca_bundle == certificate


@pytest.mark.parametrize(
    "content",
    [b"", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", trustme.CA().private_key_pem.bytes()],
    ids=["empty", "no certificate between the marks", "a key"],
)
def test_a_ca_bundle_without_a_certificate_is_refused(places: Places, content: bytes) -> None:
    (places.beside / "ca.pem").write_bytes(content)
    places.dotenv("CA_BUNDLE=ca.pem\n")
    with pytest.raises(SettingsError, match=r"CA_BUNDLE from .*\.env names a file without a PEM certificate"):
        places.load()


def test_a_windows_path_spoilt_by_double_quotation_marks_is_explained(places: Places) -> None:
    places.dotenv('CA_BUNDLE="C:\\temp\\new.pem"\n')
    with pytest.raises(SettingsError, match="single quotation marks"):
        places.load()


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("Error", "ERROR"),
        ("WARNING", "WARNING"),
        ("info", "INFO"),
        ("Verbose", "DEBUG"),
        ("trace", "DEBUG"),
        ("debug", "DEBUG"),
        ("warn", "WARNING"),
        ("CRITICAL", "CRITICAL"),
    ],
)
def test_log_levels_are_the_tutorials_words_and_pythons(places: Places, word: str, level: str) -> None:
    settings = places.load(environment={"LOG_LEVEL": word})
    assert settings.log_level == level
    assert isinstance(logging.getLevelName(settings.log_level), int)


def test_every_setting_but_secrets_is_an_option(places: Places) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser)
    options = parser.parse_args(
        [
            "--tenant-subdomain",
            "contoso",
            "--client-id",
            APP,
            "--todolist-read",
            f"{API}/ToDoList.Read",
            "--todolist-readwrite",
            f"{API}/ToDoList.ReadWrite",
            "--env-file",
            "x",
            "--profile",
            "y",
        ]
    )
    assert (options.env_file, options.profile) == (Path("x"), "y")
    assert given_options(options) == WINDOW_SET
    assert places.load(command_line=given_options(options)).title == "contoso"
    shown = parser.format_help()
    assert all((spec.option in shown) is not spec.secret for spec in SETTINGS)


def test_every_setting_is_documented_and_its_example_is_accepted(places: Places) -> None:
    examples = {spec.name: spec.example for spec in SETTINGS if spec.name != "CA_BUNDLE"}
    assert all(spec.help.endswith(".") for spec in SETTINGS)
    assert places.load(environment=examples).title == "login.contoso.example"
    assert places.load(Program.DAEMON, environment={**examples, "CLIENT_SECRET": SECRET}).client_secret == SECRET


def test_the_form_is_checked_by_the_same_rules() -> None:
    assert tenant_from(Program.WINDOW, WINDOW_SET, source="the form").authority == CONTOSO
    with pytest.raises(SettingsError, match="CLIENT_ID from the form is not a GUID"):
        tenant_from(Program.WINDOW, {**WINDOW_SET, "CLIENT_ID": "x"}, source="the form")


def test_the_running_sandbox_fills_in_what_was_open(places: Places, tmp_path: Path) -> None:
    tenant = tenant_from(Program.DAEMON, DAEMON_SET, source="the sandbox")
    settings = places.load(Program.DAEMON).with_tenant(tenant, ca_bundle=tmp_path / "ca.pem", client_secret=SECRET)
    assert (settings.tenant, settings.ca_bundle, settings.client_secret) == (tenant, tmp_path / "ca.pem", SECRET)
    assert settings.profile == "sandbox"


def test_without_an_env_file_and_a_profile_file_their_parsers_are_not_loaded(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom ciam_desktop.core.config import Program, load\n"
        "here = Path(sys.argv[1])\n"
        "load(Program.WINDOW, command_line={}, environment={}, env_file=None, beside=here, profile_name=None,"
        " config_dir=here)\n"
        "heavy = {'tomllib', 'dotenv', 'argparse', 'platformdirs', 'urllib.parse', 'hashlib', 'idna', 'tempfile'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))\n"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", f"import sys, pathlib\nbefore = set(sys.modules)\n{code}", str(tmp_path)],
        cwd=root, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert result.stdout.strip() == "[]"
