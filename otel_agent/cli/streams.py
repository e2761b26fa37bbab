"""Standard input, output and error, when one of them is closed or full."""

import os
import sys
from errno import EACCES, EDQUOT, ENOENT, ENOSPC, EPERM, EROFS
from typing import Final, TextIO

_ADVICE: Final = {
    ENOSPC: "Free some space, or send the output elsewhere.",
    EDQUOT: "Free some space, or send the output elsewhere.",
    EACCES: "Make it readable and writable for you, or run otel-agent as its owner.",
    EPERM: "Make it readable and writable for you, or run otel-agent as its owner.",
    EROFS: "Choose a folder on a disk that can be written.",
    ENOENT: "Check the path. If it is the folder in which you are, change to another one.",
}


def open_closed_streams(arguments: list[str]) -> None:
    """Give each stream that the caller closed to the null device. Else the next file would get its number.

    If that is standard output, standard error says that nothing can be read. Only ``run`` has nothing to print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Numbers are given out from the lowest one, and lower streams are open by now.
            descriptor = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", errors="replace"))
            if name == "stdout" and arguments[:1] != ["run"] and sys.stderr is not None:
                said = "otel-agent: standard output is closed, so nothing is printed. To read it, leave out >&-."
                print(said, file=sys.stderr)


def drop_output() -> None:
    """Let what is not written yet go nowhere: at exit, Python would fail at it again and complain in its own words."""
    _drop(sys.stdout)


def drop_unread_errors() -> None:
    """Do the same for standard error, if nobody reads it any more: what was done decides the exit code, and not that."""
    if sys.stderr.closed:
        return
    try:
        sys.stderr.flush()
    except OSError:
        _drop(sys.stderr)


def _drop(stream: TextIO) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def failure_in_words(error: OSError) -> str:
    """Return a sentence about an error of the system that no command expected, and what to do."""
    what = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "standard output or a file"
    todo = _ADVICE.get(error.errno or 0, "`otel-agent doctor` looks at every folder and file that is used.")
    return f"cannot use {what}: {error.strerror or error}. {todo}"
