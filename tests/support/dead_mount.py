"""Things that hang in the kernel: a mount whose server is gone, and a file whose opening waits for another program."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_DETACH = 2


@contextmanager
def dead_mount(folder: Path) -> Iterator[Callable[[], None]]:
    """Mount a file system over a folder that nobody serves: whoever looks into it hangs. Yield what takes it away.

    Raises OSError if this user may not mount.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={os.geteuid()},group_id={os.getegid()}"
    if libc.mount(b"dead", os.fsencode(folder), b"fuse.dead", 0, options.encode()):
        os.close(device)
        raise OSError(ctypes.get_errno(), "this user may not mount")
    left: list[int] = [device]

    def take_away() -> None:
        while left:
            os.close(left.pop())  # whoever hangs gets an error
            libc.umount2(os.fsencode(folder), _DETACH)

    try:
        yield take_away
    finally:
        take_away()


@contextmanager
def noticing_openings(path: Path) -> Iterator[Callable[[], bool]]:
    """Yield what says whether somebody opened the file. Without blocking they get an error, as if they may not read it.

    Raises OSError if the file system knows no leases.
    """
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield lambda: fcntl.fcntl(file, fcntl.F_GETLEASE) != fcntl.F_WRLCK
    finally:
        os.close(file)
        signal.signal(signal.SIGIO, before)


@contextmanager
def opening_hangs(path: Path) -> Iterator[Callable[[], None]]:
    """Let each opening of a file hang, for as long as the kernel allows (45 s). Yield what ends that.

    A lease does it, for any user. One that is opened without blocking gets an error instead.
    """
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # the kernel asks for the lease by this signal
    file = os.open(path, os.O_RDONLY)
    left = [file]

    def release() -> None:
        while left:
            with suppress(OSError):
                fcntl.fcntl(left[0], fcntl.F_SETLEASE, fcntl.F_UNLCK)
            os.close(left.pop())

    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield release
    finally:
        release()
        signal.signal(signal.SIGIO, before)
