"""Owns what a setup check tells: findings, how each ended, and one sentence on all of them; loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ciam_desktop.i18n import N_, _, ngettext

if TYPE_CHECKING:
    from collections.abc import Iterable


class Outcome(Enum):
    """How one check ended."""

    FINE = "fine"
    WORTH_KNOWING = "worth knowing"
    WRONG = "wrong"
    SKIPPED = "skipped"


OUTCOME_WORDS = {
    Outcome.FINE: N_("fine"),
    Outcome.WORTH_KNOWING: N_("worth knowing"),
    Outcome.WRONG: N_("not right"),
    Outcome.SKIPPED: N_("not checked"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: its title, what is (`text`, one sentence) and what to do (`advice`, or nothing).

    All three are translated and hold no secrets.
    """

    check: str
    outcome: Outcome
    text: str
    advice: str = ""


def all_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong and nothing was left unchecked."""
    return all(finding.outcome in (Outcome.FINE, Outcome.WORTH_KNOWING) for finding in findings)


def summary(findings: Iterable[Finding]) -> str:
    """One sentence on all findings together."""
    outcomes = [finding.outcome for finding in findings]
    wrong, skipped = outcomes.count(Outcome.WRONG), outcomes.count(Outcome.SKIPPED)
    if wrong:
        return ngettext("%(n)d thing is not right.", "%(n)d things are not right.", wrong) % {"n": wrong}
    if skipped or not outcomes:
        return _("Not everything could be checked.")
    return _("This setup is fine.")
