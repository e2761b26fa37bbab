"""What stops this program, with the text that a person reads."""

from __future__ import annotations


class GetError(Exception):
    """A program cannot be had; the text says what to do next."""


class CommandFailed(GetError):
    """A command failed that may have needed the network."""
