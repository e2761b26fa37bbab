"""A program that looks at the running processes sees none of them."""

from __future__ import annotations

from typing import Final

NO_PROCESS: Final = """
import os
listed = os.listdir
os.listdir = lambda path=".": [] if path == "/proc" else listed(path)
"""
"""What such a program executes first. Another test, or another person, may run OpenCode on this machine."""
