"""Ends the program with its terminal, also if SIGHUP is ignored, as below ``nohup``.

Textual would ask a terminal that is gone for keys again and again, which takes a third of a core for ever.
"""

import os
import select
import threading
from typing import Final, TextIO

_EXIT_CODE: Final = 128 + 1
"""The exit code of a program that SIGHUP ends."""


def end_with(keyboard: TextIO | None) -> None:
    """Watch a terminal in a thread, which waits without asking again."""
    if keyboard is not None and hasattr(select, "poll"):  # not on Windows
        threading.Thread(target=_wait, args=(keyboard.fileno(),), name="terminal", daemon=True).start()


def _wait(keyboard: int) -> None:
    waiting = select.poll()
    waiting.register(keyboard, 0)  # the end is reported without being asked for; keys are Textual's
    if any(event & select.POLLHUP for _, event in waiting.poll()):
        # The ledger is read, or written in transactions, which this leaves whole. Nobody can see anything else.
        os._exit(_EXIT_CODE)
