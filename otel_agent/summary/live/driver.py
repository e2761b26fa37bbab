"""Textual's driver for a terminal that shows the first picture already."""

import re
from typing import Final

from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

from otel_agent.summary.live.early import ALTERNATE_SCREEN, Early

_PLACE: Final = re.compile(r"\x1b\[\d+;\d+H")
"""Moves the cursor, as all does that is drawn."""


class GoingOn:
    """Lets Textual go on with the screen on which the first picture is, and hold back what it draws until all is there."""

    def __init__(self, early: Early) -> None:
        self._early = early
        self._held: list[str] | None = None
        """What Textual wrote meanwhile; ``None`` if it writes to the terminal."""
        self._driver: LinuxDriver | None = None

    @property
    def driver(self) -> type[Driver]:
        """The driver to run an app with."""
        going_on = self

        class Continued(LinuxDriver):
            """Writes through ``GoingOn``."""

            def start_application_mode(self) -> None:
                super().start_application_mode()  # type: ignore[no-untyped-call]
                going_on.begin(self)

            def write(self, data: str) -> None:
                if going_on.takes(data):
                    super().write(data)

            def stop_application_mode(self) -> None:
                going_on.release()
                super().stop_application_mode()

        return Continued

    def begin(self, driver: LinuxDriver) -> None:
        """Take the terminal over, and hold back what is drawn. The app gives it back as it was before the picture."""
        if self._early.is_shown:
            driver.attrs_before = self._early.hand_over()
            self._driver, self._held = driver, []

    def takes(self, data: str) -> bool:
        """True if this is to be written now. Some terminals would clear the screen if it was asked for again."""
        if self._held is not None:
            self._held.append(data)
            return False
        return data != ALTERNATE_SCREEN or not self._early.is_shown

    def release(self) -> None:
        """Let Textual draw on the terminal. What was held back is dropped, but not what asks the terminal for something."""
        held, self._held = self._held, None
        if held and self._driver is not None:
            for data in held:
                if not _PLACE.search(data):
                    self._driver.write(data)
