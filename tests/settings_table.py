"""Owns the README's table of settings: made from the one place where settings are documented.

`python -m tests.settings_table` writes it into the README.
"""

from __future__ import annotations

from pathlib import Path

from ciam_desktop.core.setting_specs import SETTINGS, Program, SettingSpec

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->"
_FOR: dict[tuple[Program, ...], str] = {(Program.WINDOW,): "window", (Program.DAEMON,): "daemon"}


def table() -> str:
    """The table in Markdown, one row per setting."""
    rows = ["| setting | for | set | meaning | default |", "|---|---|---|---|---|"]
    rows += [_row(spec) for spec in SETTINGS]
    return "\n".join(rows) + "\n"


def in_readme() -> str:
    """The table as it stands in the README."""
    return README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


def _row(spec: SettingSpec) -> str:
    default = f"`{spec.default}`" if spec.default else ""
    members = "yes" if spec.in_set else ""
    return f"| `{spec.name}` | {_FOR.get(spec.programs, 'both')} | {members} | {spec.help} | {default} |"


if __name__ == "__main__":
    before, _begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    README.write_text(before + BEGIN + table() + END + rest.partition(END)[2], encoding="utf-8")
