"""Owns what a token's claims are called, what they mean and how they are printed: one table, one row per claim.

Sources: OpenID Connect Core 1.0 sections 2, 3.1.3.6, 3.3.2.11, 5.1 and 5.6; RFC 7519 section 4.1; RFC 7800; RFC 8693
section 4; RFC 9068 section 2.2; Microsoft's reference of ID-token, access-token and optional claims.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from ciam_desktop.i18n import N_, _, ngettext

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["text", "time", "duration", "list", "boolean", "identifier", "url", "json"]
"""How a value is printed. Arrays are printed item by item, one per line, and objects as JSON, whatever the kind.

`time` is a NumericDate (RFC 7519 section 2, seconds since 1970), `duration` a number of seconds, `list` an array or
words with spaces between them. `identifier` and `url` are compared to the letter, so anything beyond ASCII is shown
escaped: a look-alike letter must not pass for another. A value that does not fit its kind is printed as it is.
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known of one claim; `label` and `meaning` are still to be translated."""

    name: str
    label: str
    meaning: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One claim of one token, ready to be shown.

    `name` and `value` are safe to print (nothing in them controls the screen), `meaning` and `label` are translated,
    `raw` is the value as the token holds it. `label` is empty for a claim that the table does not know.
    """

    name: str
    value: str
    meaning: str
    raw: object
    label: str = ""


# A table reads best with its rows kept together. Rows of the first part stand in the order in which they are shown.
# fmt: off
_IN_ORDER: Final = (
    # Who
    Claim("name", N_("Name"), N_("The name to show for this person. People change it and it is not unique: "
          "show it, decide nothing by it."), "text"),
    Claim("given_name", N_("First name"), N_("The person's first or given names, for display only."), "text"),
    Claim("family_name", N_("Last name"), N_("The person's last or family names, for display only."), "text"),
    Claim("middle_name", N_("Middle name"), N_("The person's middle names, for display only."), "text"),
    Claim("nickname", N_("Nickname"), N_("What the person likes to be called, for display only."), "text"),
    Claim("preferred_username", N_("User name"), N_("The name that the person signs in with, often an email "
          "address. It may change and pass to somebody else: show it, but never use it as a key or for "
          "authorization."), "text"),
    Claim("email", N_("Email"), N_("An email address of the person. It may change, may be unverified and may "
          "be shared: write to it, but never use it as a key or for authorization."), "text"),
    Claim("email_verified", N_("Email verified"), N_("Whether the provider has checked that the person "
          "controls the email address."), "boolean"),
    Claim("upn", N_("User principal name"), N_("The name of a work account in its directory. It may change: "
          "show it, but never use it as a key or for authorization."), "text"),
    Claim("unique_name", N_("Unique name"), N_("A readable name in version 1.0 tokens. Despite the word it "
          "is not unique and may change: for display only."), "text"),
    # Which
    Claim("oid", N_("Object ID"), N_("The person's or application's permanent id in this tenant, the same "
          "for every app. Store it together with tid as the key of what belongs to them."), "identifier"),
    Claim("sub", N_("Subject"), N_("The person's permanent id for this one app: another app sees another "
          "value. Store it together with iss as the key when apps need not recognise each other's users."),
          "identifier"),
    Claim("tid", N_("Tenant ID"), N_("The tenant that signed the person in. Check it when an app must serve "
          "certain tenants only."), "identifier"),
    Claim("home_oid", N_("Home object ID"), N_("The object id of a guest in the tenant they come from."),
          "identifier"),
    # For whom
    Claim("aud", N_("Audience"), N_("Whom the token is for: in an ID token this app's client id, in an "
          "access token the API. Whoever is not named here must refuse the token."), "identifier"),
    Claim("iss", N_("Issuer"), N_("Who issued and signed the token. It must equal the issuer that the "
          "provider's discovery document names, to the letter."), "url"),
    Claim("azp", N_("Authorized party"), N_("The client id of the app that the token was issued to, which "
          "may differ from its audience."), "identifier"),
    Claim("azpacr", N_("Client authentication"), N_("How the app proved itself: 0 as a public client, "
          "without proof; 1 with a client secret; 2 with a certificate."), "text"),
    Claim("appid", N_("Application ID"), N_("The client id of the calling app in version 1.0 tokens; version "
          "2.0 calls it azp."), "identifier"),
    Claim("appidacr", N_("Client authentication"), N_("How the app proved itself, in version 1.0 tokens: 0 "
          "public client, 1 client secret, 2 certificate."), "text"),
    Claim("client_id", N_("Client ID"), N_("The app that asked for the access token (RFC 9068)."),
          "identifier"),
    Claim("idp", N_("Identity provider"), N_("Who checked the person's sign-in, when that was not the issuer "
          "itself: a social or a federated provider."), "text"),
    # When
    Claim("iat", N_("Issued at"), N_("When the token was made. Its age says nothing about whether it is "
          "valid: exp does."), "time"),
    Claim("nbf", N_("Not before"), N_("Before this time the token must not be accepted."), "time"),
    Claim("exp", N_("Expires"), N_("From this time on the token must not be accepted. It does not end the "
          "session: a new token can usually be had silently."), "time"),
    Claim("auth_time", N_("Signed in at"), N_("When the person last proved who they are, which may be long "
          "before this token was made. Compare it before something that needs a fresh sign-in."), "time"),
    # Session
    Claim("sid", N_("Session ID"), N_("The browser session at the provider. It serves signing out in one "
          "place when it ends in another; it identifies nobody."), "identifier"),
    Claim("nonce", N_("Nonce"), N_("Ties the ID token to the sign-in request that this app began; a token "
          "with another value was meant for another request and must be refused."), "identifier"),
    Claim("login_hint", N_("Sign-in hint"), N_("An opaque hint that lets the provider recognise the account: "
          "send it as login_hint to sign in and as logout_hint to sign out. It is not a key."), "identifier"),
    # What may be done
    Claim("scp", N_("Delegated permissions"), N_("What the app may do at this API on behalf of the signed-in "
          "person. The API decides by it; an app should treat access tokens as opaque."), "list"),
    Claim("scope", N_("Scope"), N_("What the app may do on the person's behalf, under its standard name (RFC "
          "9068)."), "list"),
    Claim("roles", N_("App roles"), N_("Roles that the tenant has given to this person, or permissions given "
          "to the app itself. Made for authorization in the app or API named in aud."), "list"),
    Claim("groups", N_("Groups"), N_("The object ids of the person's groups. Sound for authorization, but "
          "left out when there are too many: then look them up at the directory."), "list"),
    Claim("wids", N_("Directory roles"), N_("The template ids of the administrator roles that the person "
          "holds in the tenant."), "list"),
)
_BY_NAME: Final = (
    Claim("_claim_names", N_("Claims kept elsewhere"), N_("Names claims that are too long for the token or "
          "belong to somebody else, and says which entry of _claim_sources has them."), "json"),
    Claim("_claim_sources", N_("Sources of claims"), N_("Where the claims named in _claim_names can be "
          "fetched. Follow an address in it only if you trust its host."), "json"),
    Claim("acct", N_("Account status"), N_("0 for a member of the tenant, 1 for a guest."), "text"),
    Claim("acr", N_("Authentication class"), N_("How strong the sign-in was, in the issuer's own terms. In "
          "version 1.0 tokens 0 means that it did not meet ISO/IEC 29115."), "text"),
    Claim("acrs", N_("Authentication contexts"), N_("The step-up conditions that this sign-in has met, such "
          "as c1. An API that needs one looks for it here and otherwise asks for it in a claims challenge."),
          "list"),
    Claim("act", N_("Actor"), N_("Who acts on behalf of the subject (RFC 8693)."), "json"),
    Claim("address", N_("Address"), N_("The person's postal address, for display or delivery, as they or the "
          "provider gave it."), "json"),
    Claim("aio", N_("Internal: aio"), N_("Entra's own bookkeeping between its tokens. Opaque: do not read or "
          "store it."), "identifier"),
    Claim("amr", N_("Authentication methods"), N_("How the person proved who they are, such as pwd for a "
          "password or mfa for more than one factor. Good for information; to require a method, use acrs."),
          "list"),
    Claim("at_hash", N_("Access token hash"), N_("Half of the hash of the access token that came with this "
          "ID token, so that neither can be exchanged unnoticed."), "identifier"),
    Claim("birthdate", N_("Birthday"), N_("The person's birthday as year-month-day; the year 0000 means that "
          "it is left out."), "text"),
    Claim("c_hash", N_("Code hash"), N_("Half of the hash of the authorization code that came with this ID "
          "token, so that neither can be exchanged unnoticed."), "identifier"),
    Claim("cloud_instance_host_name", N_("Cloud host"), N_("The host of the national cloud that the account "
          "belongs to."), "identifier"),
    Claim("cnf", N_("Confirmation key"), N_("The key that the sender must prove to hold for the token to be "
          "accepted (RFC 7800). Without it, whoever has the token can use it."), "json"),
    Claim("ctry", N_("Country"), N_("The person's country or region as the directory has it, a two-letter "
          "code."), "text"),
    Claim("deviceid", N_("Device ID"), N_("The registered device that the person signed in on."),
          "identifier"),
    Claim("entitlements", N_("Entitlements"), N_("Rights given to the subject, for the API to decide by (RFC "
          "9068)."), "list"),
    Claim("fwd", N_("Forwarded address"), N_("The network address that the person's own client reported. The "
          "client wrote it: do not rely on it."), "text"),
    Claim("gender", N_("Gender"), N_("The person's gender as they gave it, for display only."), "text"),
    Claim("hasgroups", N_("Has groups"), N_("The person is in groups that do not fit into the token: ask the "
          "directory for them. If it is missing, that proves nothing."), "boolean"),
    Claim("idtyp", N_("Identity type"), N_("app when the token stands for an application with no person. An "
          "API uses it to tell app-only calls from calls on a person's behalf."), "text"),
    Claim("in_corp", N_("Corporate network"), N_("Present when the sign-in came from the company's own "
          "network; otherwise left out."), "boolean"),
    Claim("ipaddr", N_("Network address"), N_("The address that the person signed in from, as Entra saw it. "
          "It may be that of a proxy and may have changed since."), "text"),
    Claim("jti", N_("Token ID"), N_("A unique name of this token, to notice one that is sent twice."),
          "identifier"),
    Claim("locale", N_("Language"), N_("The person's language and region, such as de-DE. Good for choosing "
          "what to show first."), "text"),
    Claim("may_act", N_("May act"), N_("Who is allowed to act on behalf of the subject (RFC 8693)."), "json"),
    Claim("onprem_sid", N_("Windows security ID"), N_("The person's security identifier in an on-premises "
          "directory. For applications that still authorize by it."), "identifier"),
    Claim("phone_number", N_("Phone"), N_("A phone number of the person. It may be unverified: call it, but "
          "do not use it as a key."), "text"),
    Claim("phone_number_verified", N_("Phone verified"), N_("Whether the provider has checked that the "
          "person controls the phone number."), "boolean"),
    Claim("picture", N_("Picture"), N_("The address of a picture of the person. Loading it tells its host "
          "who looks."), "url"),
    Claim("platf", N_("Platform"), N_("The operating system of a managed device, as a number. Information "
          "only."), "text"),
    Claim("profile", N_("Profile page"), N_("The address of a page about the person, as given: it may lead "
          "anywhere."), "url"),
    Claim("puid", N_("Passport ID"), N_("An id from Microsoft's older directories. Opaque: use oid instead."),
          "identifier"),
    Claim("pwd_exp", N_("Password expires in"), N_("How long after iat the person's password expires; only "
          "present when that is soon."), "duration"),
    Claim("pwd_url", N_("Password page"), N_("The address where the person can change their password."),
          "url"),
    Claim("rh", N_("Internal: rh"), N_("Entra's own bookkeeping, used to check tokens again. Opaque: do not "
          "read or store it."), "identifier"),
    Claim("s_hash", N_("State hash"), N_("Half of the hash of the state that this app sent, so that a "
          "response cannot be moved to another request."), "identifier"),
    Claim("tenant_ctry", N_("Tenant country"), N_("The country or region of the tenant itself, a two-letter "
          "code."), "text"),
    Claim("tenant_region_scope", N_("Tenant region"), N_("The region where the tenant's data is kept, such "
          "as EU or NA."), "text"),
    Claim("tenant_region_sub_scope", N_("Tenant sub-region"), N_("The national cloud within the tenant's "
          "region."), "text"),
    Claim("updated_at", N_("Profile changed"), N_("When the person's profile last changed at the provider. "
          "Good for knowing when a kept copy is stale."), "time"),
    Claim("uti", N_("Token ID (Entra)"), N_("Names this one token in Entra's sign-in logs: quote it to "
          "support. It identifies nobody."), "identifier"),
    Claim("ver", N_("Token version"), N_("The format of this token: 1.0 or 2.0. Check it before relying on "
          "claims that only one of them has."), "text"),
    Claim("verified_primary_email", N_("Verified email"), N_("Addresses taken from the person's main email "
          "field whose domain the tenant has proven to own."), "list"),
    Claim("verified_secondary_email", N_("Other verified email"), N_("Addresses taken from the person's "
          "further email field whose domain the tenant has proven to own."), "list"),
    Claim("vnet", N_("Virtual network"), N_("The virtual network that the token was asked for from."),
          "text"),
    Claim("website", N_("Website"), N_("The person's own page or blog, as given: it may lead anywhere."),
          "url"),
    Claim("xms_act_fct", N_("Internal: actor facets"), N_("Entra's notes on the calling app. Opaque: decide "
          "nothing by it."), "text"),
    Claim("xms_az_rid", N_("Azure resource"), N_("The Azure resource that the calling managed identity "
          "belongs to."), "text"),
    Claim("xms_cc", N_("Client capabilities"), N_("What the calling app can handle: cp1 means that it "
          "understands claims challenges, so an API may send one."), "list"),
    Claim("xms_edov", N_("Email domain verified"), N_("Whether the owner of the email address's domain has "
          "been verified. Without it, an email address proves nothing."), "boolean"),
    Claim("xms_ftd", N_("Internal: ftd"), N_("Entra's own bookkeeping. Opaque: do not read or store it."),
          "text"),
    Claim("xms_idrel", N_("Relation to the tenant"), N_("How the person or app relates to the tenant, such "
          "as member or guest, in numbers that only Entra explains."), "text"),
    Claim("xms_mirid", N_("Managed identity"), N_("The Azure resource id of the managed identity that is "
          "calling."), "text"),
    Claim("xms_pdl", N_("Preferred data location"), N_("The geographic area where the person's data is to be "
          "kept, a three-letter code."), "text"),
    Claim("xms_pl", N_("Preferred language"), N_("The language that the person has chosen in their account."),
          "text"),
    Claim("xms_st", N_("Subject in the other token"), N_("In an access token, the sub that the ID token of "
          "the calling app has for the same person."), "json"),
    Claim("xms_sub_fct", N_("Internal: subject facets"), N_("Entra's notes on the subject. Opaque: decide "
          "nothing by it."), "text"),
    Claim("xms_tcdt", N_("Tenant created"), N_("When the tenant was created."), "time"),
    Claim("xms_tpl", N_("Tenant language"), N_("The language chosen for the tenant."), "text"),
    Claim("zoneinfo", N_("Time zone"), N_("The person's time zone, such as Europe/Paris. Good for showing "
          "times."), "text"),
    Claim("ztdid", N_("Autopilot device"), N_("The id of the device that Windows Autopilot is setting up."),
          "identifier"),
)
# fmt: on

CLAIMS: Final[tuple[Claim, ...]] = _IN_ORDER + _BY_NAME
"""Every claim that is known, first those that are shown in this order."""

_KNOWN: Final[Mapping[str, Claim]] = {claim.name: claim for claim in CLAIMS}
_PLACE: Final[Mapping[str, int]] = {claim.name: place for place, claim in enumerate(_IN_ORDER)}

_DIRECTORY_EXTENSION = re.compile(r"(?:extension_(?:(?P<app>[0-9A-Fa-f]{32})_)?|extn\.)(?P<attribute>.+)", re.DOTALL)
_NAMESPACED = re.compile(r"(?:https?://|urn:)", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 31_556_952  # the mean length of a Gregorian year


def explain(claims: Mapping[str, object], *, now: datetime | None = None) -> list[ClaimRow]:
    """One row for each claim: who, which, for whom, when, session and permissions first, the rest by name.

    `now` is the moment that times are told from (by default the present one). No value of any type raises; one that
    does not fit its claim is printed as it is.
    """
    moment = (now or datetime.now(UTC)).timestamp()
    names = sorted(claims, key=lambda name: (_PLACE.get(name, len(_PLACE)), name))
    return [_row(name, claims[name], moment) for name in names]


def how_long(seconds: float) -> str:
    """How far off something `seconds` ahead (below zero: ago) is: "in 58 minutes", "3 days ago", "just now"."""
    if seconds >= 0:
        return _ahead(int(seconds))
    return _ago(int(-seconds))


def _ahead(n: int) -> str:
    if n < 5:
        return _("just now")
    if n < 2 * _MINUTE:
        return ngettext("in %(n)d second", "in %(n)d seconds", n) % {"n": n}
    if n < 2 * _HOUR:
        return ngettext("in %(n)d minute", "in %(n)d minutes", n // _MINUTE) % {"n": n // _MINUTE}
    if n < 2 * _DAY:
        return ngettext("in %(n)d hour", "in %(n)d hours", n // _HOUR) % {"n": n // _HOUR}
    if n < 2 * _YEAR:
        return ngettext("in %(n)d day", "in %(n)d days", n // _DAY) % {"n": n // _DAY}
    return ngettext("in %(n)d year", "in %(n)d years", n // _YEAR) % {"n": n // _YEAR}


def _ago(n: int) -> str:
    if n < 5:
        return _("just now")
    if n < 2 * _MINUTE:
        return ngettext("%(n)d second ago", "%(n)d seconds ago", n) % {"n": n}
    if n < 2 * _HOUR:
        return ngettext("%(n)d minute ago", "%(n)d minutes ago", n // _MINUTE) % {"n": n // _MINUTE}
    if n < 2 * _DAY:
        return ngettext("%(n)d hour ago", "%(n)d hours ago", n // _HOUR) % {"n": n // _HOUR}
    if n < 2 * _YEAR:
        return ngettext("%(n)d day ago", "%(n)d days ago", n // _DAY) % {"n": n // _DAY}
    return ngettext("%(n)d year ago", "%(n)d years ago", n // _YEAR) % {"n": n // _YEAR}


def _row(name: str, value: object, moment: float) -> ClaimRow:
    claim = _KNOWN.get(name)
    if claim is None:
        return ClaimRow(_visible(name), _printed(value, "text", moment), _meaning_of_unknown(name), value)
    return ClaimRow(name, _printed(value, claim.kind, moment), _(claim.meaning), value, _(claim.label))


def _meaning_of_unknown(name: str) -> str:
    if extension := _DIRECTORY_EXTENSION.fullmatch(name):
        words = {"attribute": _visible(extension["attribute"]), "app": extension["app"]}
        if extension["app"]:
            return _("The custom attribute %(attribute)s, kept in the tenant's directory for the app %(app)s.") % words
        return _("The custom attribute %(attribute)s, kept in the tenant's directory.") % words
    if _NAMESPACED.match(name):
        return _(
            "Named by an address, so that no other claim has its name; the owner of the address says what it means."
        )
    if name.startswith("xms_"):
        return _("Added by Microsoft Entra and not explained in its reference; decide nothing by it.")
    return _("Not one of the standard claims; this tenant or this app's registration adds it and says what it means.")


def _printed(value: object, kind: Kind, moment: float) -> str:
    if kind == "list" and isinstance(value, str):
        value = [word for word in value.split(" ") if word] or value
    if isinstance(value, list) and value:
        return "\n".join(_printed_item(item, kind, moment) for item in value)
    return _printed_item(value, kind, moment)


def _printed_item(value: object, kind: Kind, moment: float) -> str:
    if kind == "boolean" and not isinstance(value, bool) and value in (0, 1, "0", "1"):
        return f"{value} (true)" if value in (1, "1") else f"{value} (false)"
    if isinstance(value, str) and value:
        return _visible(value, ascii_only=kind in ("identifier", "url"))
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            if kind == "time" and value > 0:
                return told_time(value, moment)
            if kind == "duration" and value >= 0:
                return _duration(value)
        except (OverflowError, ValueError, OSError):
            pass  # beyond what a calendar or this system's clock can tell: the number itself is the truth
    return _as_json(value)


def told_time(seconds: float, moment: float) -> str:
    """Local time and how far off it is; raises OverflowError, ValueError or OSError for a time out of reach."""
    local = (_EPOCH + timedelta(seconds=seconds)).astimezone()
    return _("%(time)s (%(how_long)s)") % {
        "time": local.replace(tzinfo=None).isoformat(" ", "seconds"),
        "how_long": how_long(seconds - moment),
    }


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return _("%(days)d d %(hours)d h %(minutes)d min %(seconds)d s") % {
        "days": days,
        "hours": hours,
        "minutes": minutes,
        "seconds": rest,
    }


def _as_json(value: object) -> str:
    try:
        return _visible(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    except (TypeError, ValueError, RecursionError):
        return _("(cannot be shown)")  # not JSON, nested too deep, or a number with thousands of digits


def _visible(text: str, *, ascii_only: bool = False) -> str:
    """`text` with what cannot be seen, reorders the line or (`ascii_only`) is not ASCII written as JSON escapes."""
    return "".join(
        letter if letter.isprintable() and (letter.isascii() or not ascii_only) else _escaped(letter) for letter in text
    )


def _escaped(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
