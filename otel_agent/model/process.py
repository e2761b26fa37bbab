"""A running OpenCode."""

from enum import StrEnum

from msgspec import Struct


class ProcessMode(StrEnum):
    """The purpose of a running ``opencode``."""

    CLI = "cli"
    """A person at a terminal: the TUI, or one shot by ``opencode run``."""
    SERVER = "server"
    """``serve``, ``web``, ``acp``."""
    LSP = "lsp"
    """The binary as a JavaScript runtime for a language server."""


class ProcessSample(Struct, frozen=True, gc=False):
    """A running OpenCode at one moment. Its identity is (``pid``, ``created_s``): numbers are used again."""

    pid: int
    created_s: float
    """When it started, in seconds since the Unix epoch."""
    mode: ProcessMode
    executable: str
    """Base name of the executable."""
    directory: str
    """Its working directory; empty if that may not be read."""
    cpu_s: float
    """CPU time since it started, user and system, in seconds."""
    rss_bytes: int
    vms_bytes: int
    threads: int
    file_descriptors: int | None
    """``None`` if it may not be read, or the system has no such number."""
