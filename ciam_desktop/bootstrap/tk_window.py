"""Owns the small window of the set-up, a process of its own: `tk_window.py progress|message TITLE TEXT`.

"progress" follows its standard input until that ends: a number is the percentage, what comes after "# " the text.
"message" shows the text until it is dismissed.
"""

from __future__ import annotations

import queue
import sys
import threading
import tkinter
from tkinter import ttk

_POLL_MS = 50
_WIDTH = 440  # pixels


def main(mode: str, title: str, text: str) -> int:
    """Show the window; returns the exit code."""
    window = tkinter.Tk(className="ciam-desktop")
    window.title(title)
    window.resizable(width=False, height=False)
    frame = ttk.Frame(window, padding=20)
    frame.grid()
    label = ttk.Label(frame, text=text, wraplength=_WIDTH)
    label.grid(sticky="w")
    if mode == "message":
        button = ttk.Button(frame, text="OK", command=window.destroy)
        button.grid(sticky="e", pady=(16, 0))
        button.focus_set()
        window.bind("<Return>", lambda _event: window.destroy())
        window.bind("<Escape>", lambda _event: window.destroy())
    else:
        bar = ttk.Progressbar(frame, length=_WIDTH, maximum=100)
        bar.grid(pady=(12, 0))
        _follow(window, label, bar)
    window.eval("tk::PlaceWindow . center")
    window.mainloop()
    return 0


def _follow(window: tkinter.Tk, label: ttk.Label, bar: ttk.Progressbar) -> None:
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()

    def show() -> None:
        while not lines.empty():
            line = lines.get()
            if line is None:
                window.destroy()
                return
            if line.startswith("# "):
                label.configure(text=line[2:])
            elif line.isdigit():
                bar.configure(value=int(line))
        window.after(_POLL_MS, show)

    show()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
