"""The processes that may be OpenCode, by the kernel's names for them: much cheaper to list than with psutil."""

import os
import sys
from typing import Final

_NAME: Final = b"opencode"
_LONGEST: Final = 64
"""The kernel cuts a name after 15 bytes, and some kernels later."""


def candidate_pids() -> list[int] | None:
    """Return the pids of the processes whose name contains OpenCode's, in order; ``None`` if the system has no ``/proc``.

    OpenCode's name is in it in every known form. Most of the time there is none. Then nobody needs psutil, whose import
    takes 0.02 s and whose list takes ten times as long as this one.
    """
    if sys.platform != "linux":
        return None
    return sorted(int(name) for name in os.listdir("/proc") if name.isdecimal() and _is_named_opencode(name))  # noqa: PTH208


def _is_named_opencode(pid: str) -> bool:
    try:
        file = os.open(f"/proc/{pid}/comm", os.O_RDONLY)
        try:
            return _NAME in os.read(file, _LONGEST).lower()
        finally:
            os.close(file)
    except OSError:  # it has ended meanwhile
        return False
