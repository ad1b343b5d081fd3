"""Owns opening the person's own browser; `BROWSER` is honoured."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable


def open_in_browser(uri: str, on_result: Callable[[bool], None]) -> None:
    """Open `uri` and call `on_result` with whether a browser took it, on a thread of its own.

    A text browser, or a `BROWSER` that does not return at once, holds that thread until it ends; nothing waits for it.
    """

    def run() -> None:
        opened = False
        try:
            opened = webbrowser.open(uri)
        except (webbrowser.Error, OSError):
            pass
        finally:  # also after an error that nobody foresaw: somebody waits for the result
            on_result(opened)

    threading.Thread(target=run, name="browser", daemon=True).start()
