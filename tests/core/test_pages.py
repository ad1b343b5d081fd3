"""The pages that the browser shows when it comes back."""

from __future__ import annotations

import base64
import gettext
import hashlib
import re
from html.parser import HTMLParser

import pytest

from ciam_desktop import i18n
from ciam_desktop.core.identity import pages
from ciam_desktop.core.identity.pages import Outcome

EVERY_PAGE = [
    pages.signed_in("user1@contoso.example"),
    pages.signed_in(None),
    pages.signed_out("user1@contoso.example"),
    pages.signed_out(None),
    pages.failed("Title", "Text"),
    pages.not_ours(),
    pages.already_answered(),
    pages.no_answer(),
]


class Outline(HTMLParser):
    """Collects the tags with their attributes, the words and the style of a page, and checks that tags match."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.style = ""
        self._open: list[str] = []
        self.feed(page.decode("utf-8"))
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.style += data
        elif data.strip():
            self.words.append(data.strip())


class MarkingTranslations(gettext.NullTranslations):
    """Marks every sentence that went through gettext."""

    def gettext(self, message: str) -> str:
        return f"[{message}]"


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_a_page_loads_runs_and_links_nothing(page: bytes) -> None:
    outline = Outline(page)
    tags = [tag for tag, _ in outline.tags]
    assert not {"script", "link", "img", "iframe", "form", "a", "object", "embed", "base"} & set(tags)
    assert tags.count("style") == 1
    assert tags.count("svg") == 1
    assert tags.count("h1") == 1
    for _tag, attributes in outline.tags:
        assert not {"src", "href", "style"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in outline.style
    assert "@import" not in outline.style


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_the_policy_allows_exactly_the_style_of_the_page(page: bytes) -> None:
    digest = base64.b64encode(hashlib.sha256(Outline(page).style.encode()).digest()).decode()
    assert pages.security_policy() == (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_a_page_says_that_the_tab_can_be_closed_and_names_its_language(page: bytes) -> None:
    outline = Outline(page)
    assert outline.words[-1] == "You can close this tab."
    assert dict(outline.tags)["html"] == {"lang": "en"}
    assert {"charset": "utf-8"} in [attributes for tag, attributes in outline.tags if tag == "meta"]


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_has_its_own_colour_and_an_icon_that_is_not_read_aloud(outcome: Outcome) -> None:
    outline = Outline(pages.result_page(outcome, "Title", "Text"))
    assert ("body", {"class": outcome.value}) in outline.tags
    assert f".{outcome.value} svg" in outline.style
    assert f"--{outcome.value}:" in outline.style
    assert dict(outline.tags)["svg"]["aria-hidden"] == "true"


def test_the_icons_differ() -> None:
    icons = {re.search(rb"<svg.*?</svg>", pages.result_page(outcome, "", ""), re.DOTALL) for outcome in Outcome}
    assert len({icon[0] for icon in icons if icon}) == len(Outcome)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "\"'><img src=x onerror=1>", "&lt;b&gt;", "$style ${title} $$", "</style>"]
)
def test_words_are_shown_as_they_are_and_never_become_markup(text: str) -> None:
    plain = Outline(pages.failed("Title", "Text"))
    outline = Outline(pages.failed(text, text))
    assert outline.tags == plain.tags
    assert outline.words == [f"{text} · CIAM Desktop", text, text, "You can close this tab."]


def test_a_name_cannot_turn_the_sentence_around_or_break_its_line() -> None:
    page = pages.signed_in("user1\u202e\u2066\r\n\t@contoso.example").decode()
    assert "CIAM Desktop is signed in as \u2068user1 @contoso.example\u2069." in page
    assert pages.signed_in("\u202e \n") == pages.signed_in(None)


def test_half_a_surrogate_pair_in_a_name_does_not_stop_the_page() -> None:
    assert b"user?1" in pages.signed_in("user\ud8001")


def test_every_word_of_a_page_went_through_gettext() -> None:
    i18n.use(MarkingTranslations())
    try:
        made = [
            pages.signed_in("user1"), pages.signed_in(None), pages.signed_out("user1"), pages.signed_out(None),
            pages.not_ours(), pages.already_answered(), pages.no_answer(),
        ]  # fmt: skip
    finally:
        i18n.use(gettext.NullTranslations())
    for page in made:
        title, *words = Outline(page).words
        assert title.endswith("] · CIAM Desktop")
        for word in [title, *words]:
            assert word.startswith("[")
        assert all(word.endswith("]") for word in words)
