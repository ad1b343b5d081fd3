#!/usr/bin/env python3
"""Owns the start by double click: makes sure that the packages are there, then hands over to the program."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 -- every Python since 2.7 can read this file, to be told this sentence
    sentence = "CIAM Desktop needs Python 3.11 or newer, and this is Python {}.{}: ".format(*sys.version_info)
    sentence += "install a newer one from python.org or your system's packages, then run: python3 main.py"
    try:
        from ciam_desktop.bootstrap.notice import tell

        tell(sentence)
    except (ImportError, SyntaxError):  # too old for that module as well
        sys.stderr.write(sentence + "\n")
    sys.exit(1)

if __name__ == "__main__":
    import os

    from ciam_desktop import bootstrap

    bootstrap.enter(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120 -- pathlib costs a start 5 ms

    from ciam_desktop.__main__ import main

    sys.exit(main())
