"""Owns the next steps: what the button of a message can do to mend what the message says."""

from __future__ import annotations

from enum import Enum


class NextStep(Enum):
    """What the banner's button does.

    SIGN_IN starts a sign-in; RETRY_SIGN_IN starts the one that failed once more, as it was asked for. TRY_AGAIN starts
    the program's work over: the connection when there is none yet, else the list. USE_ANOTHER_ACCOUNT signs in with
    the choice of account left to the provider's page, SIGN_IN_ELSEWHERE by a code on another device. CHECK_SETUP runs
    the setup check where its findings are shown.
    """

    NONE = "none"
    SIGN_IN = "sign_in"
    SIGN_IN_READ_ONLY = "sign_in_read_only"
    RETRY_SIGN_IN = "retry_sign_in"
    USE_ANOTHER_ACCOUNT = "use_another_account"
    SIGN_IN_ELSEWHERE = "sign_in_elsewhere"
    TRY_AGAIN = "try_again"
    OPEN_SETTINGS = "open_settings"
    CHECK_SETUP = "check_setup"
    CLOSE_ANYWAY = "close_anyway"
    SIGN_OUT_ANYWAY = "sign_out_anyway"
