"""The simulated OpenCodes: a JSON tree, a database of 1.x and one of 2.x, in one data folder. Each keeps the books."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from tests.simulator.books import Answer, Books
from tests.simulator.clock import Clock
from tests.support.made_stores import (
    Database,
    DatabaseV2,
    JsonTree,
    Message,
    Project,
    Session,
    Tokens,
    UserMessage,
    fork_copy,
    in_flight,
    message,
    prompt,
    session,
    tool,
)
from tests.support.made_stores.database import compact, upsert
from tests.support.made_stores.rows_of_2_x import call

GENERATIONS = ("tree", "v1", "v2")
MODELS = (("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5"))
PROJECTS = ("shop", "parser")
TOOLS = ("read", "grep")
Open = tuple[Message, Answer]


class Files(Protocol):
    """The files of one store."""

    def write(self, *records: Any) -> None:
        """Write records as this generation does, with the time of the simulated clock."""


class Tree:
    """Files of 1.1, one for each record."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._tree, self._clock = JsonTree(folder), clock

    def write(self, *records: Any) -> None:
        """Write each record into its file."""
        for record in records:
            self._tree.put(record)
            os.utime(self._tree.path(record), ns=(self._clock(), self._clock()))


class Rows:
    """A database of 1.x or 2.x. Each call of ``write`` is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database.create(), clock

    def write(self, *records: Any) -> None:
        """Insert the records, or update them in their rows."""
        database, now = self._database, self._clock.now_ms
        with database.connection() as connection:
            for record in records:
                if isinstance(database, DatabaseV2) and isinstance(record, UserMessage):
                    upsert(connection, "session_message", _row_of(record, "user", {"text": "fix it"}, now))
                else:
                    database.put_through(connection, record, updated=now)
        for path in database.path.parent.glob(f"{database.path.name}*"):
            os.utime(path, ns=(self._clock(), self._clock()))

    def idle(self, of: Session) -> None:
        """End a turn, as 2.x does."""
        end = UserMessage(id=prompt(of, self._clock.now_ms).id, session=of, created=self._clock.now_ms)
        with self._database.connection() as connection:
            row = _row_of(end, "idle", {"outcome": "succeeded"}, self._clock.now_ms)
            upsert(connection, "session_message", row)


class OpenCode:
    """One simulated OpenCode of one generation. Every event moves the clock on by some seconds."""

    def __init__(self, generation: str, folder: Path, clock: Clock, books: Books) -> None:
        self.generation, self._clock, self._books = generation, clock, books
        self._made = self._begun = 0
        self._open: list[Open] = []
        self._last: Open | None = None
        self._sessions: list[Session] = []
        match generation:
            case "tree":
                self._files: Files = Tree(folder, clock)
            case "v1":
                self._files = Rows(Database(folder / "opencode.db"), clock)
            case _:
                self._files = Rows(DatabaseV2(folder / "opencode-two.db"), clock)

    def ask(self, rounds: int = 1, tools: int = 0) -> None:
        """Write a whole turn: a prompt and ``rounds`` answers, the first of them with tool calls."""
        if len(self._sessions) < 2 or self._made % 4 == 0:
            self._sessions.append(self._session())
        of = self._sessions[-1 - self._made % min(len(self._sessions), 2)]
        question = self._prompt(of)
        for number in range(rounds):
            calls = tools if number == 0 else 0
            answer = self._answer(of, question, calls, finish="stop" if number == rounds - 1 else "tool-calls")
            self._complete(*answer)
        self._idle(of)

    def begin(self) -> None:
        """Write an answer that is in flight, in a session of its own: OpenCode answers one prompt after the other."""
        of = self._session()
        question = self._prompt(of)
        whole, books = self._answer(of, question, 0, finish="stop")
        self._files.write(in_flight(whole))
        self._open.append((whole, books))

    def finish(self) -> None:
        """Complete the oldest answer that is in flight, if there is one."""
        if self._open:
            whole, answer = self._open.pop(0)
            self._complete(whole, answer)
            self._idle(whole.session)

    def kill(self) -> None:
        """Die between the end of an answer and its completion: it has its tokens, and it counts.

        2.x writes both at once, so a kill of it leaves an answer without tokens, which never counts.
        """
        of = self._session()
        question = self._prompt(of)
        whole, books = self._answer(of, question, 0, finish="stop")
        books.counts = self.generation != "v2"
        self._files.write(replace(whole, completed=None) if books.counts else in_flight(whole))

    def fork(self) -> None:
        """Copy the last complete answer into a new session. A copy counts for nothing. Only 1.x forks like this."""
        if self._last is None or self.generation == "v2":
            return
        self._clock.tick(60_000)
        into = self._session(self._last[0].session.project)
        self._clock.tick(1_000)
        self._files.write(fork_copy(self._last[0], into, self._clock.now_ms))

    def _prompt(self, of: Session) -> UserMessage:
        self._clock.tick(1_000)
        question = prompt(of, self._clock.now_ms)
        self._files.write(question)
        return question

    def _session(self, project: Project | None = None) -> Session:
        """Begin a session, in the next project if none is given."""
        self._clock.tick(1_000)
        self._begun += 1
        number = self._begun % len(PROJECTS)
        project = project or Project(id=f"{number}" * 40, worktree=f"/home/dev/{PROJECTS[number]}")
        version = {"tree": "1.1.27", "v1": "1.18.33", "v2": "2.0.26"}[self.generation]
        new = session(self._clock.now_ms, project=project, directory=project.worktree, version=version)
        self._files.write(project, new)
        return new

    def _idle(self, of: Session) -> None:
        if isinstance(self._files, Rows) and self.generation == "v2":
            self._clock.tick(5)
            self._files.idle(of)

    def _answer(self, of: Session, question: UserMessage, calls: int, *, finish: str) -> Open:
        """Return an answer as it will be once it is complete, and note it in the books. It used what no other one did."""
        self._made += 1
        n, at = self._made + 1_000 * GENERATIONS.index(self.generation), self._clock.tick(1_000)
        tokens = Tokens(1_000 + 37 * n, 80 + n, 7 * (n % 3), 400 * (n % 2) + n, n % 5)
        provider, model = MODELS[n % len(MODELS)]
        names = tuple(TOOLS[(n + each) % len(TOOLS)] for each in range(calls))
        fields: dict[str, Any] = {"completed": at + 4_000, "finish": finish, "cost": (1_000 + n) / 1e6}
        whole = message(of, tokens, at, provider=provider, model=model, parent=question.id, **fields)
        if self.generation == "v2":
            content = [call(name, at + 500, id_=f"call_{number + 4}") for number, name in enumerate(names)]
            whole = replace(whole, changes={"content": content})
        answer = Answer(
            id=whole.id,
            generation=self.generation,
            session=of.id,
            turn=question.id,
            provider=provider,
            model=model,
            project=of.project.worktree.rpartition("/")[2],
            tokens=tokens,
            cost_nusd=(1_000 + n) * 1_000,
            tools=names,
            calls=tuple(f"call_{number + 4}" for number in range(calls)),
        )
        self._books.answers.append(answer)
        return whole, answer

    def _complete(self, whole: Message, answer: Answer) -> None:
        self._clock.tick(5_000)
        if self.generation != "v2":
            parts = [tool(whole, name, number + 4) for number, name in enumerate(answer.tools)]
            self._files.write(*parts)
        self._files.write(whole)
        answer.counts = True
        self._last = whole, answer


def _row_of(record: UserMessage, kind: str, data: dict[str, Any], updated: int) -> dict[str, Any]:
    return {
        "id": record.id,
        "session_id": record.session.id,
        "type": kind,
        "seq": record.created % 2**31,
        "time_created": record.created,
        "time_updated": updated,
        "data": compact({**data, "time": {"created": record.created}}),
    }
