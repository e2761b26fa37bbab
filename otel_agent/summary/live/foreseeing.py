"""The live screen with answers to tabs that nobody opened yet."""

from typing import Any, Final

from textual import work

from otel_agent.summary.live.ahead import Ahead, Written, answers_ahead
from otel_agent.summary.live.answering import Answering
from otel_agent.summary.live.listing import Listing
from otel_agent.summary.view import ViewName

_AHEAD_SECONDS: Final = 1.0
"""Time from the beginning until the slow tabs are asked ahead, and from one try to the next."""
_TRIES: Final = 10
"""While OpenCode writes all the time, no answer stays true."""


class Foreseeing(Answering):
    """The screen that asks for the slow tabs once it is at rest."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what ``Answering`` takes."""
        super().__init__(*arguments, **options)
        self._ahead: dict[ViewName, Ahead] = {}

    def on_mount(self) -> None:
        """Look ahead in a moment."""
        self.look_ahead()

    @work(thread=True, group="look ahead")
    def look_ahead(self) -> None:
        """Ask for the tabs that take longest before they are opened, once."""
        for _ in range(_TRIES):
            if self._leaving.wait(_AHEAD_SECONDS):
                return
            if self._asked != self._answered:
                continue
            try:
                for found in answers_ahead(self._source, self._ask, self._trail, self.size.width):
                    self._pass_on(self._keep_ahead, found)
            except Written:
                self._pass_on(self._load)
            else:
                return

    def _keep_ahead(self, found: Ahead) -> None:
        self._ahead[found.listing.view.name] = found

    def known(self, view: ViewName) -> Listing | None:
        """Return the last answer to what is wished now, or one that was asked ahead and is still true."""
        wish, listing = self._last.get(view, (None, None))
        if listing is None and (ahead := self._ahead.pop(view, None)) and ahead.mark == self._source.mark():
            wish, listing = ahead.wish, ahead.listing
        return listing if wish == self._trail.wish else None
