"""Every way in which a sign-in, a renewal or a start can end: its own sentence, the step that mends it, the details."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ciam_desktop.core import errors, trouble
from ciam_desktop.core.identity.kept import SetAside, Unreadable
from ciam_desktop.core.trouble import NextStep, Trouble
from tests.core.bench import ACCOUNT, Bench
from tests.core.staging import PAGE, Stage, caught, moved
from tests.doubles.https_server import Reply

NOT_SIGNED_IN, UNVERIFIED, UNSAVED = "Not signed in", "The sign-in could not be verified", "Not saved yet"
UNFETCHED, AGAIN, NOT_READY = "The list could not be fetched", "Please sign in again", "Not ready"
CLOSED_VAULT, SET_ASIDE, SETTING = (
    "The saved sign-in cannot be opened",
    "The saved sign-in was set aside",
    "A setting needs attention",
)
RENEWAL_UNVERIFIED = "The renewed sign-in could not be verified"
DAY = timedelta(days=1)
NONE, SIGN_IN, RETRY, TRY_AGAIN = NextStep.NONE, NextStep.SIGN_IN, NextStep.RETRY_SIGN_IN, NextStep.TRY_AGAIN
OTHER, ELSEWHERE = NextStep.USE_ANOTHER_ACCOUNT, NextStep.SIGN_IN_ELSEWHERE
SETTINGS, CHECK, READ_ONLY = NextStep.OPEN_SETTINGS, NextStep.CHECK_SETUP, NextStep.SIGN_IN_READ_ONLY

Say = Callable[[Exception], Trouble]


def reading_offered(error: Exception) -> Trouble:
    return trouble.of_sign_in(error, can_read_only=True)


def fetching(error: Exception) -> Trouble:
    return trouble.of_todos(error, adding=False)


def adding(error: Exception) -> Trouble:
    return trouble.of_todos(error, adding=True)


@dataclass(frozen=True, slots=True)
class Ending:
    """How it is brought about, and what is then said: the title, words of the text, the step, lines of the details."""

    cause: Callable[[Stage], Exception]
    title: str
    words: str
    step: NextStep
    details: str = ""
    say: Say = trouble.of_sign_in


def network(cause: Callable[[Stage], Exception], words: str, reason: str, step: NextStep = RETRY) -> Ending:
    return Ending(cause, NOT_SIGNED_IN, words, step, f"Cause: {reason}")


def refused(code: int, words: str, step: NextStep) -> Ending:
    details = f"Error: invalid_grant\nCode: AADSTS{code}\nCorrelation id: 11111111-2222-4333-8444-555555555555"
    return Ending(lambda stage: stage.refused_with(code), NOT_SIGNED_IN, words, step, details)


def listed(cause: Callable[[Stage], Exception], title: str, words: str, step: NextStep, details: str = "") -> Ending:
    return Ending(cause, title, words, step, details, fetching)


def started(cause: Callable[[Stage], Exception], title: str, words: str, step: NextStep, details: str = "") -> Ending:
    return Ending(cause, title, words, step, details, trouble.of_start)


SAID = "One sentence."
ENDINGS = {
    # Nobody answers.
    "DNS": network(lambda on: on.asked("https://no-such-host.invalid/"), "The name no-such-host.invalid", "dns"),
    "refused": network(lambda on: on.asked(f"https://localhost:{on.closed_port()}/"), "Nothing answers", "refused"),
    "offline": network(lambda on: on.asked("https://255.255.255.255/"), "seems to be offline", "offline"),
    "no connection": network(lambda on: on.full_queue(), "cannot be reached in time", "no connection in time"),
    "no answer": network(
        lambda on: on.served(Reply(drip=30.0), read_seconds=0.2), "did not answer in time", "timeout"
    ),
    "broken off": network(lambda on: on.served(Reply(raw=b"")), "broke the connection off", "broken off"),
    "not HTTP": network(lambda on: on.served(Reply(raw=b"SSH-2.0-x\r\n\r\n")), "is not HTTP", "protocol"),
    "too large": network(lambda on: on.served(Reply(body=b"x" * 2000)), "too large", "too large"),
    "no address": network(lambda on: on.asked("https://.example/"), "no address", "address", SETTINGS),
    "provider down": network(lambda on: on.discovered(Reply(500)), "out of order at the moment (500)", "500"),
    "provider busy": network(
        lambda on: on.discovered(Reply(503, (("Retry-After", "600"),))), "is busy; try again in 10 minutes", "busy"
    ),
    "asked too often": network(lambda on: on.discovered(Reply(429)), "asked too often", "busy"),
    # TLS is refused.
    "another's CA": network(
        lambda on: on.looked_into(),
        "The certificate of login.contoso.example was issued by Contoso Proxy CA, which this computer does not trust",
        "certificate",
        SETTINGS,
    ),
    "signed by itself": network(lambda on: on.self_signed(), "signed by itself", "certificate", SETTINGS),
    "another's certificate": network(
        lambda on: on.served(host="portal.hotel.example"), "is that of portal.hotel.example", "certificate of another"
    ),
    "expired certificate": network(
        lambda on: on.served(not_before=datetime.now(UTC) - 9 * DAY, not_after=datetime.now(UTC) - 2 * DAY),
        f"today is {datetime.now().astimezone():%Y-%m-%d}; if that is wrong, set its clock",
        "certificate expired",
    ),
    "certificate of tomorrow": network(
        lambda on: on.served(not_before=datetime.now(UTC) + 2 * DAY, not_after=datetime.now(UTC) + 9 * DAY),
        "its clock is probably slow",
        "certificate not yet valid",
    ),
    "no TLS": network(lambda on: on.served(tls=False), "does not speak https", "tls"),
    "TLS hung up": network(lambda on: on.hung_up(), "hung up while", "tls"),
    # A proxy is in the way.
    "no proxy": network(
        lambda on: on.by_proxy(f"http://user1:planted@127.0.0.1:{on.closed_port()}"), "answers at the proxy", "proxy"
    ),
    "proxy unknown": network(
        lambda on: on.by_proxy("http://user1:planted@no-proxy.invalid:3128"), "name of the proxy no-proxy.inv", "proxy"
    ),
    "SOCKS proxy": network(lambda on: on.by_proxy("socks5://user1:planted@127.0.0.1:1080"), "a SOCKS proxy", "proxy"),
    "proxy nowhere": network(lambda on: on.by_proxy("http://:3128"), "has no usable address", "proxy"),
    "proxy wants a name": network(lambda on: on.refusing_proxy(407), "user name and password", "proxy sign-in"),
    "proxy forbids": network(lambda on: on.refusing_proxy(403), "does not allow connections to", "proxy refuses"),
    "proxy at its end": network(lambda on: on.refusing_proxy(502), "could not connect to login.", "proxy answers"),
    # A network's sign-in page.
    "portal's page": network(lambda on: on.discovered(PAGE), "A web page came", "captive portal"),
    "portal's status": network(lambda on: on.discovered(Reply(511)), "A web page came", "captive portal"),
    "portal's redirect": network(
        lambda on: on.discovered(moved("https://portal.hotel.example/?next=planted")),
        "leads to portal.hotel.example: the network",
        "captive portal",
    ),
    "portal for the code": network(lambda on: on.refused(PAGE), "A web page came", "captive portal"),
    "portal moves the code": network(
        lambda on: on.refused(moved("https://portal.hotel.example/")), "leads to portal.", "captive portal"
    ),
    # Not the provider that was meant.
    "no such tenant": Ending(
        lambda on: on.discovered(Reply(404)), NOT_SIGNED_IN, "knows no such tenant (404)", SETTINGS
    ),
    "no provider": Ending(
        lambda on: on.discovered(Reply(body=b'["planted"]')), NOT_SIGNED_IN, "is no provider's settings", SETTINGS
    ),
    "moved": Ending(lambda on: on.discovered(moved("/planted")), NOT_SIGNED_IN, "points elsewhere", SETTINGS),
    "another issuer": Ending(
        lambda on: on.discovered(Reply(body=b'{"issuer": "https://x"}')), NOT_SIGNED_IN, "another issuer", SETTINGS
    ),
    "bad endpoint": Ending(
        lambda on: on.published(token_endpoint="http://elsewhere.example"), NOT_SIGNED_IN, "token_endpoint", SETTINGS
    ),
    # The wait for the browser.
    "cancelled here": Ending(lambda on: on.waited(cancelled=True), "Sign-in cancelled", "Nothing was changed", NONE),
    "closed tab": Ending(lambda on: on.waited(cancelled=False), "Sign-in took too long", "did not come back", RETRY),
    "no browser": Ending(lambda _on: errors.BrowserError("No browser opened."), NOT_SIGNED_IN, "No browser", ELSEWHERE),
    "port taken": Ending(lambda on: on.port_taken(), NOT_SIGNED_IN, "is used by", RETRY),
    "declined there": Ending(
        lambda on: on.came_back(error="access_denied", error_description="AADSTS65004: planted"),
        NOT_SIGNED_IN,
        "You declined the request. Sign in again",
        SIGN_IN,
        "Error: access_denied\nCode: AADSTS65004",
    ),
    "declined, without a code": Ending(
        lambda on: on.came_back(error="access_denied"), NOT_SIGNED_IN, "or the provider did", SIGN_IN
    ),
    "provider's error": Ending(
        lambda on: on.came_back(error="server_error"), NOT_SIGNED_IN, "an error of its own", RETRY, "server_error"
    ),
    "unknown error": Ending(lambda on: on.came_back(error="made_up"), NOT_SIGNED_IN, "(made_up)", RETRY, "made_up"),
    "code expired there": Ending(
        lambda on: on.on_another_device("expired_token"), "Sign-in took too long", "code", RETRY
    ),
    "declined elsewhere": Ending(
        lambda on: on.on_another_device("access_denied"), NOT_SIGNED_IN, "or the provider did", SIGN_IN
    ),
    "reading offered": Ending(
        lambda on: on.refused_with(65001), NOT_SIGNED_IN, "not been granted", READ_ONLY, "AADSTS65001", reading_offered
    ),
    "answer unreadable": Ending(lambda on: on.refused([7], 200), NOT_SIGNED_IN, "is no sign-in answer", RETRY),
    "code sent elsewhere": Ending(lambda on: on.refused(moved("/planted")), NOT_SIGNED_IN, "sent elsewhere", RETRY),
    # The token.
    "clock slow, and by how much": Ending(
        lambda on: on.unproven(ahead=7300, nbf=int(time.time()) + 7300),
        UNVERIFIED,
        "is not valid yet. This computer's clock is 2 hours slow.",
        CHECK,
        "Failed check: nbf",
    ),
    "clock fast, and by how much": Ending(
        lambda on: on.unproven(ahead=-84 * 3600, iat=1000, nbf=1000, exp=2000),
        UNVERIFIED,
        "has expired. This computer's clock is 3 days fast.",
        CHECK,
        "Failed check: exp",
    ),
    "clock slow": Ending(
        lambda on: on.unproven(nbf=int(time.time()) + 7300), UNVERIFIED, "clock", CHECK, "Failed check: nbf"
    ),
    "clock fast": Ending(lambda on: on.unproven(exp=1000), UNVERIFIED, "clock", CHECK, "Failed check: exp"),
    "another app's token": Ending(
        lambda on: on.unproven(aud="another"), UNVERIFIED, "made for another app", CHECK, "Failed check: aud"
    ),
    "another sign-in's token": Ending(
        lambda on: on.unproven(nonce="another"), UNVERIFIED, "not belong to this sign-in", RETRY, "Failed check: nonce"
    ),
    # What is kept.
    "keyring locked": Ending(
        lambda _on: errors.VaultLocked("The keyring is locked."), "The sign-in could not be saved", "locked", RETRY
    ),
    "kept by a newer one": Ending(
        lambda _on: errors.StoredFormatError("Newer."), "The sign-in could not be saved", "Newer", RETRY
    ),
    "setting": Ending(
        lambda _on: errors.SettingsError("No GUID.", setting="CLIENT_ID", source=".env"), SETTING, "GUID", SETTINGS,
        "Setting: CLIENT_ID, from .env",
    ),
    # Signed in already.
    "MFA needed": listed(
        lambda on: on.renewed_with(50076, "interaction_required"), AGAIN, "more proof", SIGN_IN,
        "Error: interaction_required\nCode: AADSTS50076\nCorrelation id: the-id",
    ),
    "consent withdrawn": listed(lambda on: on.renewed_with(65001), AGAIN, "not been granted", SIGN_IN),
    "password expired": listed(lambda on: on.renewed_with(50055), AGAIN, "Your password has expired", SIGN_IN, "50055"),
    "password expired there": listed(
        lambda on: on.renewed_with(50144), AGAIN, "at your organisation has expired", SIGN_IN, "AADSTS50144"
    ),
    "account of another tenant": listed(lambda on: on.renewed_with(50020), AGAIN, "another tenant", OTHER, "50020"),
    "disabled meanwhile": listed(lambda on: on.renewed_with(50057), AGAIN, "disabled", OTHER),
    "suberror alone": listed(
        lambda on: on.renewed({"error": "invalid_grant", "suberror": "protection_policy_required"}),
        AGAIN, "protected in a way", SIGN_IN, "Closer: protection_policy_required",
    ),
    "expired, no code": listed(
        lambda on: on.renewed({"error": "invalid_grant"}), AGAIN, "expired or was revoked", SIGN_IN, "invalid_grant"
    ),
    "app unknown meanwhile": listed(
        lambda on: on.renewed_with(700016, "unauthorized_client"), UNFETCHED, "not know this app", SETTINGS
    ),
    "provider's passing problem": listed(
        lambda on: on.renewed_with(90033, "temporarily_unavailable"), UNFETCHED, "out of order at the m", TRY_AGAIN
    ),
    "loop": listed(lambda on: on.renewed_with(50196, "invalid_request"), UNFETCHED, "Too many requests", NONE),
    "portal while signed in": listed(
        lambda on: on.renewed(PAGE), UNFETCHED, "A web page came", TRY_AGAIN, "Host: localhost\nCause: captive portal"
    ),
    "busy while signed in": listed(
        lambda on: on.renewed(Reply(429, (("Retry-After", "90"),))), UNFETCHED, "in 90 seconds", TRY_AGAIN
    ),
    "renewed for another": listed(
        lambda on: on.renewed_unproven(sub="another"), RENEWAL_UNVERIFIED, "about somebody else", CHECK, "check: sub"
    ),
    "gone elsewhere": listed(
        lambda on: caught(lambda: on.bench.people.access_token(ACCOUNT)), "Signed out", "another window", SIGN_IN
    ),
    "API: 401": listed(lambda on: on.api(Reply(401)), UNFETCHED, "(401)", SIGN_IN, "HTTP status: 401"),
    "API: 403": listed(lambda on: on.api(Reply(403)), UNFETCHED, "(403)", NONE, "HTTP status: 403"),
    "API: 403 for a new one": Ending(
        lambda on: on.api(Reply(403)), UNSAVED, "may read the list but not change it", NONE, "403", adding
    ),
    "API: nothing there": listed(lambda on: on.api(Reply(404)), UNFETCHED, "API_ENDPOINT", SETTINGS, "404"),
    "API: down": listed(lambda on: on.api(Reply(503)), UNFETCHED, "out of order at the mom", TRY_AGAIN, "Cause: 503"),
    "API: portal": listed(lambda on: on.api(PAGE), UNFETCHED, "A web page came", TRY_AGAIN, "captive portal"),
    "API: refuses": listed(lambda on: on.api(Reply(418)), UNFETCHED, "refused (418)", TRY_AGAIN, "418"),
    "API: no list": listed(lambda on: on.api(Reply(body=b'"planted"')), UNFETCHED, "is no to-do list", TRY_AGAIN),
    # The start.
    "start: keyring locked": started(
        lambda _on: errors.VaultLocked("The keyring is locked."), CLOSED_VAULT, "locked", TRY_AGAIN
    ),
    "start: left as it is": started(lambda _on: Unreadable(), CLOSED_VAULT, "left as it is", TRY_AGAIN),
    "start: set aside": started(lambda _on: SetAside("Damaged.", "It is in x."), SET_ASIDE, "It is in x.", SIGN_IN),
    "start: no sandbox": started(lambda _on: errors.SandboxError("No sandbox."), NOT_READY, "No sandbox", TRY_AGAIN),
    "start: setting": started(
        lambda _on: errors.SettingsError("No URL.", setting="AUTHORITY", source="x"), SETTING, "No URL", SETTINGS
    ),
    "start: bug": started(lambda _on: KeyError("planted"), NOT_READY, "unexpected happened", TRY_AGAIN, "KeyError"),
    # Each documented number.
    **{
        f"AADSTS{code}": refused(code, words, step)
        for step, codes in {
            SETTINGS: {
                50011: "return address", 700016: "not know this app", 90002: "not know this tenant", 50049: "the host",
                700025: "must not send", 7000215: "secret is wrong", 7000222: "secret has expired", 700022: "Two APIs",
                500011: "this API", 70011: "this permission", 28002: "cannot read", 500208: "ciamlogin", 90023: "hint",
            },
            SIGN_IN: {
                65001: "not been granted", 650057: "does not ask", 90094: "Only an admin", 65004: "You declined",
                50076: "more proof", 50079: "set up", 50074: "second proof", 50078: "wants it again",
                50126: "password is wrong", 50055: "Your password has expired", 50144: "at your organisation",
                50058: "Nobody is signed in", 70008: "so long", 700082: "too long", 50173: "revoked",
            },
            RETRY: {
                7000218: "public client", 9002326: "another platform", 700027: "client certificate", 53003: "A policy",
                50053: "locked", 50089: "time for this", 54005: "used twice", 501481: "another attempt",
                90006: "passing problem.", 90033: "out of order", 50087: "could not finish", 1100001: "sign-up failed",
            },
            OTHER: {50020: "another tenant", 90072: "no guest", 50034: "no account", 16000: "used h", 50057: "disab"},
            ELSEWHERE: {70016: "not confirmed", 70019: "other device has expired", 70018: "other device is wrong"},
            NONE: {50196: "Too many"},
        }.items()
        for code, words in codes.items()
    },
}  # fmt: skip
assert len(ENDINGS) >= 45

# Who may say the same, since it is the same to a person: what lies between makes no difference to what helps.
SAME = [
    {"portal's page", "portal's status", "portal for the code", "portal while signed in", "API: portal"},
    {"portal's redirect", "portal moves the code"},
    {"declined there", "AADSTS65004"},
    {"declined, without a code", "declined elsewhere"},
    {"reading offered", "consent withdrawn", "AADSTS65001"},
    {"MFA needed", "AADSTS50076"},
    {"password expired", "AADSTS50055"},
    {"password expired there", "AADSTS50144"},
    {"account of another tenant", "AADSTS50020"},
    {"disabled meanwhile", "AADSTS50057"},
    {"app unknown meanwhile", "AADSTS700016"},
    {"provider's passing problem", "AADSTS90033"},
    {"loop", "AADSTS50196"},
    {"keyring locked", "start: keyring locked"},
]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench: Bench) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(tmp_path, monkeypatch, bench, stack)


@pytest.fixture(scope="module")
def sentences() -> dict[str, str]:
    """What was said of each way to end, without the numbers of ports."""
    return {}


@pytest.mark.parametrize("name", ENDINGS)
def test_each_way_to_end_has_a_sentence_a_step_and_details(stage: Stage, sentences: dict[str, str], name: str) -> None:
    ending = ENDINGS[name]
    error = ending.cause(stage)
    told = ending.say(error)
    assert (told.title, told.step) == (ending.title, ending.step)
    assert ending.words in told.text
    for line in ending.details.splitlines():
        assert line in told.details
    if isinstance(error, errors.NetworkError):
        assert f"Host: {error.host}" in told.details
    assert told.text.endswith(".")
    assert len(told.text) < 260
    for said in (told.text, told.details, repr(error)):
        assert "planted" not in said.replace("KeyError('planted')", "")
        assert "%" not in said
    sentences[name] = re.sub(r"\b[0-9]{4,5}\b", "", told.text)


def test_no_two_ways_share_a_sentence_but_where_that_is_meant(sentences: dict[str, str]) -> None:
    if sentences.keys() != ENDINGS.keys():
        pytest.skip("not every way was tried")
    sharing = defaultdict(set)
    for name, sentence in sentences.items():
        sharing[sentence].add(name)
    assert [names for names in sharing.values() if len(names) > 1 and names not in SAME] == []
    assert [names for names in SAME if names not in sharing.values()] == [], "meant, and not so"
