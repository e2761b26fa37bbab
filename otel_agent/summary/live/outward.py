"""What leaves the live screen: copies of a row, files with what is shown, and a session that OpenCode opens."""

from pathlib import Path

from textual.app import SuspendNotSupported
from textual.widgets import Input

from otel_agent.errors import OtelAgentError
from otel_agent.summary.live.files import name_for_session, offered_name, write_new, write_shown
from otel_agent.summary.live.foreseeing import Foreseeing
from otel_agent.summary.live.opencode import command, open_session
from otel_agent.summary.live.row_list import RowList
from otel_agent.summary.text.words import plain
from otel_agent.summary.view import SessionRow


class Outward(Foreseeing):
    """The screen with the keys that take something along."""

    def action_copy(self) -> None:
        """Copy the id or the name of the row, by the terminal's own clipboard (OSC 52)."""
        self._copy(self.query_one(RowList).key)

    def action_copy_row(self) -> None:
        """Copy all cells of the row, with tabs between them."""
        self._copy("\t".join(cell.strip() for cell in self.query_one(RowList).cells))

    def _copy(self, text: str) -> None:
        if text:
            self.copy_to_clipboard(text)
            self.say(f"Copied {plain(text.replace(chr(9), ' '))}")

    def action_export(self) -> None:
        """Open the line in which a person names the file."""
        if self._shown is not None:
            line = self.query_one("#file", Input)
            line.value = offered_name(self._shown)
            line.display = True
            line.focus()

    def write_file(self, name: str) -> None:
        """Write what is shown. The line stays open if that fails, so that another name can be tried."""
        listing = self.query_one(RowList).listing
        if listing is None or not name.strip():
            return
        try:
            self.say(f"Wrote {write_shown(listing, name.strip(), Path.cwd())}")
        except (OtelAgentError, OSError) as error:
            self.say(f"Not written: {error}", is_trouble=True)
        else:
            self.close_file()

    def close_file(self) -> None:
        """Close the line in which a file is named."""
        self.query_one("#file", Input).display = False
        self.query_one(RowList).focus()

    def write_session(self, session_id: str, content: str) -> None:
        """Write one session, as JSON, under a name of its own."""
        file = Path.cwd() / name_for_session(session_id)
        try:
            write_new(file, content)
        except OtelAgentError as error:
            self.say(f"Not written: {error}", is_trouble=True)
        else:
            self.say(f"Wrote {file}")

    def action_open_session(self) -> None:
        """Give the terminal to OpenCode with the session of the row, and take it back when that ends."""
        row = self.query_one(RowList).row
        if self._inside is not None:
            session_id, folder = self._inside.session_id, self._inside.folder
        elif isinstance(row, SessionRow):
            session_id, folder = row.key, row.folder
        else:
            self.say("Only a session can be opened in OpenCode. Press 2 to list them.", is_trouble=True)
            return
        try:
            command(session_id)
            with self.suspend():
                open_session(session_id, folder)
        except SuspendNotSupported:
            self.say("OpenCode needs a terminal, and this screen has none to give it.", is_trouble=True)
        except OtelAgentError as error:
            self.say(str(error), is_trouble=True)
        self._load()

    def say(self, sentence: str, *, is_trouble: bool = False) -> None:
        """Show a sentence for some seconds."""
        self.notify(
            sentence, markup=False, timeout=10 if is_trouble else 5, severity="warning" if is_trouble else "information"
        )
