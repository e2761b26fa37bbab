"""What the files of one session's folder say, as messages."""

from pathlib import Path
from typing import Final

from otel_agent.model import Generation, Message, Problem, ProblemKind, Session
from otel_agent.opencode import decode, unknown_fields
from otel_agent.opencode.bounded_files import Entry, in_words, is_plain_name
from otel_agent.opencode.json_tree.sessions import Sessions
from otel_agent.opencode.json_values import text
from otel_agent.opencode.ordinary import Answer, OrdinaryMessages
from otel_agent.opencode.parts.reader import PartReader
from otel_agent.opencode.worktrees import at_repository

_FILE: Final = ".json"


class FolderContent:
    """Makes messages from the files of one folder, with the session that they belong to."""

    def __init__(self, path: Path, sessions: Sessions, parts: PartReader) -> None:
        # The name is asked for with each file, and a path looks it up each time.
        self._name, self._sessions, self._parts = path.name, sessions, parts
        self._ordinary: OrdinaryMessages | None = None
        self.session: list[Session] = []
        """The folder's session, once a message of it was read and if its file says so."""

    def ordinary(self, entry: Entry, answer: Answer, problems: list[Problem]) -> Message:
        """Return the message of an ordinary answer. Raises ``BeingWritten``."""
        if self._ordinary is None:
            session = self._session_of_folder()
            self._ordinary = OrdinaryMessages(Generation.TREE, text(self._name), session, self._sessions.worktree_of)
        message = self._ordinary.message(answer, answer.id or text(entry.name.removesuffix(_FILE)))
        self._check_ids(message, entry, problems)
        # Only these can ask their parts for more.
        if not message.turn_id or not message.tokens.input:
            message = self._parts.with_usage(message, self._session_of_folder(), problems)
        return message

    def unusual(self, entry: Entry, raw: bytes, problems: list[Problem]) -> Message | None:
        """Return the assistant message in a file, ``None`` for anything else. Raises ``BeingWritten``."""
        place = in_words(entry.path)
        try:
            wire = decode.parse(raw)
        except decode.Malformed as failure:
            problems.append(Problem(ProblemKind.MALFORMED, place, str(failure)))
            return None
        if wire.role != "assistant":
            problems += unknown_fields.unknown_role(wire, place, None)
            return None
        session = self._session_of_folder()
        decoded = decode.assistant(
            wire,
            place=place,
            generation=Generation.TREE,
            message_id=entry.name.removesuffix(_FILE),
            session_id=self._name,
            session=session,
        )
        problems += decoded.problems
        if decoded.message is None:
            return None
        self._check_ids(decoded.message, entry, problems)
        message = at_repository(decoded.message, session, self._sessions.worktree_of)
        message = self._parts.with_usage(message, session, problems)
        unknown = unknown_fields.unknown_tokens(wire, message, place, session)
        problems += unknown or unknown_fields.unknown_categories(wire, place, session, self._sessions.unknown)
        return message

    def _check_ids(self, message: Message, entry: Entry, problems: list[Problem]) -> None:
        """Add a problem for an id that is no name: nothing is looked for under it."""
        # Nearly every file has the name of its message, in the folder of its session.
        odd = entry.name != f"{message.id}{_FILE}" and not is_plain_name(message.id)
        if odd or (message.session_id != self._name and not is_plain_name(message.session_id)):
            problems.append(Problem(ProblemKind.BAD_ID, in_words(entry.path), "id" if odd else "sessionID"))

    def _session_of_folder(self) -> Session | None:
        """Raises ``BeingWritten``."""
        if not self.session:
            found = self._sessions.get(self._name)
            self.session = [] if found is None else [found]
        return self.session[0] if self.session else None
