"""Owns the catalogue's making: `python -m tests.words` extracts every word, updates the translations, compiles them.

It does what Babel's own commands do, without what changes from day to day (dates, line numbers, the last translator):
`python -m babel.messages.frontend extract -F resources/locale/babel.cfg -k N_ -c Translators: --no-location -o FILE .`
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from ciam_desktop.i18n import DOMAIN

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "resources" / "locale"
TEMPLATE = LOCALE / f"{DOMAIN}.pot"
_KEPT_HEADERS = ("Language", "MIME-Version", "Content-Type", "Plural-Forms")
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)  # Babel writes the current one otherwise


def extracted() -> Catalog:
    """Every message of the program, the sandbox and its templates, as the sources have them now."""
    with (LOCALE / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call] # Babel leaves it untyped
    catalogue = Catalog(charset="utf-8")
    found = extract_from_dir(
        ROOT, methods, options, keywords={**DEFAULT_KEYWORDS, "N_": None}, comment_tags=("Translators:",)
    )
    for _path, _line, message, comments, context in found:
        catalogue.add(message, None, auto_comments=comments, context=context)
    return catalogue


def read(path: Path) -> Catalog:
    """The catalogue in the file at `path`; its language is its folder's."""
    language = path.parts[-3] if path.suffix == ".po" else None
    with path.open("rb") as file:
        return read_po(file, locale=language)


def translations() -> list[Path]:
    """The .po files, one for each language."""
    return sorted(LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))


def po_text(catalogue: Catalog) -> bytes:
    """`catalogue` as a .po file without what changes from day to day."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=110, no_location=True, omit_header=True)
    headers = dict(catalogue.mime_headers)
    lines = [f'"{name}: {headers[name]}\\n"' for name in _KEPT_HEADERS if name in headers]
    return (
        "\n".join(["# The words of CIAM Desktop.", 'msgid ""', 'msgstr ""', *lines, "", ""]).encode()
        + buffer.getvalue()
    )


def mo_bytes(catalogue: Catalog) -> bytes:
    """`catalogue` compiled; what is not translated, or uncertain, stays out. The same in, the same out."""
    kept = Catalog(locale=catalogue.locale, charset="utf-8", creation_date=_ANY_DAY, revision_date=_ANY_DAY)
    for message in catalogue:
        if message.id and not message.fuzzy:
            kept.add(message.id, message.string, context=message.context)
    buffer = io.BytesIO()
    write_mo(buffer, kept)
    return buffer.getvalue()


def missing(catalogue: Catalog) -> list[str]:
    """The messages of `catalogue` that have no sure translation."""
    return [str(each.id) for each in catalogue if each.id and (each.fuzzy or not _whole(each.string))]


def _whole(string: object) -> bool:
    return all(string) if isinstance(string, (tuple, list)) else bool(string)


def main() -> int:
    """Write the template, the .po and the .mo files; returns 1 when something is left to be translated."""
    template = extracted()
    TEMPLATE.write_bytes(po_text(template))
    left = 0
    for path in translations():
        catalogue = read(path)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        path.write_bytes(po_text(catalogue))
        path.with_suffix(".mo").write_bytes(mo_bytes(catalogue))
        for message in missing(catalogue):
            left += 1
            sys.stdout.write(f"{path.parts[-3]}: not translated: {message}\n")
    sys.stdout.write(f"{len(template)} messages, {left} not translated\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
