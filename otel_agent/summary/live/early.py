"""The terminal before Textual has it: it shows the first picture, and is given back as it was whatever happens.

Textual takes 0.5 s to import and to start. What is typed meanwhile waits in the terminal until Textual reads it.
"""

import os
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any, Final, Self

from rich.console import COLOR_SYSTEMS, Console

from otel_agent.summary.live.picture import Line

try:
    import termios
except ImportError:  # Windows, on which the screen comes when Textual does
    _HAS_TERMIOS = False
else:
    _HAS_TERMIOS = True

ALTERNATE_SCREEN: Final = "\x1b[?1049h"
_TAKE: Final = f"{ALTERNATE_SCREEN}\x1b[?25l\x1b[?7l"
"""The other screen, no cursor, and no new line at the right edge."""
_GIVE_BACK: Final = "\x1b[0m\x1b[?7h\x1b[?1049l\x1b[?25h"
_NOTHING_SPECIAL: Final = "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[?2048l\x1b[?1004l\x1b[<u"
"""Ends what Textual asks a terminal for: the mouse, pasted texts, changes of its size and of its focus, and all keys."""
_ENDS: Final = ("SIGINT", "SIGTERM", "SIGHUP")
_LFLAG, _IFLAG, _CC = 3, 0, 6


class Early:
    """The terminal, which shows something as soon as ``show`` is called, until the end of the block or ``hand_over``."""

    def __init__(self) -> None:
        """Leave the terminal alone so far."""
        self._attributes: list[Any] | None = None
        self._handlers: dict[int, Any] = {}
        self._is_shown = self._is_handed_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._handlers:
            number, handler = self._handlers.popitem()
            signal.signal(number, handler)
        self._give_back()

    @property
    def is_shown(self) -> bool:
        """True if something is on the terminal, and nobody took over yet."""
        return self._is_shown and not self._is_handed_over

    def show(self, lines: Iterable[Line], console: Console) -> None:
        """Show lines on the terminal's other screen. Letters that are typed are not echoed but kept.

        Nothing is shown on a terminal that is gone, or that takes nothing now.
        """
        drawn = "".join(f"\x1b[{number};1H{_written(line, console)}" for number, line in enumerate(lines, 1))
        keyboard = sys.__stdin__
        if keyboard is None:
            return
        try:
            before = termios.tcgetattr(keyboard.fileno())
            quiet = _quiet(before, keyboard.fileno())
        except (termios.error, OSError, ValueError):
            return
        self._attributes = before
        # From here on a signal gives the terminal back. An exception could get lost while Python imports, and Textual,
        # in the middle of its start, would write about it.
        for name in _ENDS:
            number = getattr(signal, name)
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._end)
        self._is_shown = True
        try:
            termios.tcsetattr(keyboard.fileno(), termios.TCSANOW, quiet)
            _write(_TAKE + drawn)
        except (termios.error, OSError, ValueError):
            self._give_back()

    def hand_over(self) -> list[Any] | None:
        """Leave the terminal to Textual, and return the state in which that has to leave it."""
        self._is_handed_over = True
        return self._attributes

    def _give_back(self) -> None:
        if self.is_shown:
            with suppress(OSError, ValueError):  # what follows matters more
                _write(_GIVE_BACK)
        self._is_shown = False
        if self._attributes is not None and sys.__stdin__ is not None:
            with suppress(termios.error, OSError, ValueError):  # the terminal may be gone
                termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, self._attributes)

    def _end(self, number: int, _: FrameType | None) -> None:
        """End the program. It reads the ledger, or writes it in transactions, which this leaves whole."""
        with suppress(OSError, ValueError):
            if self._is_handed_over:
                _write(_NOTHING_SPECIAL + _GIVE_BACK)
            self._give_back()
        os._exit(128 + number)


def may_show(environ: Mapping[str, str]) -> bool:
    """True if Textual will draw on this terminal, and not in a browser, a test or a pipe."""
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    return _HAS_TERMIOS and "TEXTUAL_DRIVER" not in environ and all(each and each.isatty() for each in streams)


def _quiet(attributes: list[Any], keyboard: int) -> list[Any]:
    """Return the state in which the terminal keeps what is typed as Textual will read it. Ctrl-C is still a signal."""
    quiet = [*attributes[:_CC], list(attributes[_CC])]
    quiet[_LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    quiet[_IFLAG] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    quiet[_CC][termios.VMIN], quiet[_CC][termios.VTIME] = 1, 0
    # A stop, or a core dump, would leave the picture behind. Textual gets these keys instead.
    none = os.fpathconf(keyboard, "PC_VDISABLE").to_bytes(1, "little")
    quiet[_CC][termios.VSUSP] = quiet[_CC][termios.VQUIT] = none
    return quiet


def _written(line: Line, console: Console) -> str:
    """Return a line with the sequences that give it its colours, as far as the terminal has them."""
    system = COLOR_SYSTEMS.get(console.color_system or "")
    return "".join(style.render(text, color_system=system) if style else text for text, style, _ in line)


def _write(text: str) -> None:
    """Write to the terminal, to which Textual writes by this stream too."""
    if sys.__stderr__ is not None:
        left = text.encode()
        while left:  # without the stream's buffer, which a signal may have found in use
            left = left[os.write(sys.__stderr__.fileno(), left) :]
