"""The real program with one check of ID tokens left out, for a battery to notice.

Run as `careless_program.py BUG arguments…`; BUG is a name below.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from ciam_desktop.core.identity import idtoken


def any_audience() -> None:
    """A token that was made for another app is taken."""
    careful = idtoken._check_parties

    def careless(claims: Mapping[str, Any], issuer: str, tenant_id: str, client_id: str) -> None:
        careful({**claims, "aud": client_id}, issuer, tenant_id, client_id)

    idtoken._check_parties = careless


def any_person() -> None:
    """A renewed token may be about somebody else."""
    idtoken._check_same = lambda *_: None


BUGS: dict[str, Callable[[], None]] = {"any-audience": any_audience, "any-person": any_person}

if __name__ == "__main__":
    BUGS[sys.argv.pop(1)]()
    from ciam_desktop.__main__ import main

    sys.exit(main())
