"""Imports msgspec without the large module that it only asks for what newer Pythons have themselves."""

import signal
import sys
from typing import Any


def import_msgspec() -> None:
    """Import msgspec before anybody else does so, without ``typing_extensions``, which takes 0.01 s.

    msgspec then uses ``typing``. Whoever imports ``typing_extensions`` later gets it, as pydantic does. A Ctrl-C waits
    for the end: it can crash the interpreter while msgspec's C code imports other modules.
    """
    modules: dict[str, Any] = sys.modules
    if "msgspec" in modules or "typing_extensions" in modules:
        return
    modules["typing_extensions"] = None  # Python's own way to say that there is none
    can_wait = hasattr(signal, "pthread_sigmask")  # Windows has no such call
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if can_wait else set()
    try:
        import msgspec  # noqa: F401
    finally:
        del modules["typing_extensions"]
        if can_wait:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
