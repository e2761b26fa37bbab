"""People who work in OpenCode, each with a store and an agent, and the truth of what they used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from otel_agent.agent import assemble
from otel_agent.settings import Settings
from otel_agent.settings.values import OtlpSettings
from tests.support.made_stores import JsonTree, Project, Session, Tokens, message, message_id, session, tool
from tests.support.made_stores.json_tree import as_file

COST = 0.125
"""The cost of each message. US dollars."""
ADDED, REMOVED = 7, 2
"""The lines of each message."""
BEFORE_MS = 1_000
"""The time between a question and its only message. The turn ends with that. Milliseconds."""


@dataclass(frozen=True)
class Used:
    """The usage of one message. Each message also has one tool call."""

    team: str
    user: str
    host: str
    project: str
    model: str
    agent: str
    session: str
    tokens: int
    prompt: int
    """The tokens of the prompt, and …"""
    cached: int
    """… those of them that came from a cache."""
    cost: float
    failed: bool


@dataclass
class Truth:
    """Everything that was written into the stores. It is added up while it is written, and not from what is read."""

    written: list[Used] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """The tokens of all messages."""
        return sum(used.tokens for used in self.written)

    @property
    def cost(self) -> float:
        """The cost of all messages. US dollars."""
        return sum(used.cost for used in self.written)

    @property
    def messages(self) -> int:
        """The number of messages, and of tool calls."""
        return len(self.written)

    @property
    def errors(self) -> int:
        """The number of messages that failed."""
        return sum(used.failed for used in self.written)

    @property
    def cache_hits(self) -> float:
        """The share of the prompts' tokens that came from a cache."""
        return sum(used.cached for used in self.written) / sum(used.prompt for used in self.written)

    @property
    def sessions(self) -> set[str]:
        """The ids of all sessions."""
        return {used.session for used in self.written}

    def of(self, **chosen: str) -> Truth:
        """Return only the part with these values: `of(team="pay")`."""
        return Truth(
            [used for used in self.written if all(getattr(used, name) == chosen[name] for name in chosen)],
        )

    def by(self, name: str) -> dict[str, Truth]:
        """Return the part of each value of a field: `by("team")`."""
        return {value: self.of(**{name: value}) for value in {getattr(used, name) for used in self.written}}


class Person:
    """Somebody with a store in `folder`. Every message is written into it and into `truth`.

    `first_id` has to differ between people by more than the number of messages: ids are counted up from it.
    """

    def __init__(self, folder: Path, name: str, team: str, truth: Truth, first_id: int) -> None:
        self.name, self.team, self.host, self.folder = name, team, f"{name}s-laptop", folder
        self.tree = JsonTree(folder / "opencode")
        self.tree.put(Project())
        self._truth, self._sessions, self._counter = truth, dict[str, Session](), first_id

    def works(
        self, at_s: float, project: str, model: str, tokens: Tokens, *, agent: str = "build", failed: bool = False
    ) -> None:
        """Write a message that is completed one second before `at_s` (Unix seconds), in this person's session of a project."""
        created_ms = round(at_s * 1000) - 5_000
        self._counter += 1
        of = self._session(project, created_ms)
        error = {"error": {"name": "APIError", "data": {"message": "no"}}} if failed else {}
        written = message(
            of,
            tokens,
            created_ms,
            self._counter,
            completed=created_ms + 4_000,
            cost=COST,
            model=model,
            agent=agent,
            provider="anthropic",
            changes=error,
            parent=message_id(created_ms - BEFORE_MS, self._counter),
        )
        self.tree.put(of.project, written, tool(written, "bash"))
        number = sum(used.session == of.id for used in self._truth.written) + 1
        lines = {"summary": {"additions": ADDED * number, "deletions": REMOVED * number, "files": 1}}
        self.tree.put_bytes(of, as_file(of.document() | lines))
        self._truth.written.append(
            Used(
                self.team,
                self.name,
                self.host,
                project,
                model,
                agent,
                of.id,
                tokens=sum(tokens),
                prompt=tokens.input + tokens.cache_read + tokens.cache_write,
                cached=tokens.cache_read,
                cost=COST,
                failed=failed,
            )
        )

    def _session(self, project: str, created_ms: int) -> Session:
        if project not in self._sessions:
            worktree = Project(id=project.encode().hex().zfill(40), worktree=f"/home/dev/{project}")
            self._sessions[project] = session(created_ms, self._counter, project=worktree, directory=worktree.worktree)
        return self._sessions[project]

    @contextmanager
    def agent(
        self,
        endpoint: str,
        now_ns: Callable[[], int],
        *,
        process_metrics: bool = False,
        profile: Literal["opencode", "claude_code"] = "opencode",
        more: str = "",
    ) -> Iterator[assemble.Agent]:
        """Yield this person's agent. Only its clock is ours, and its cycles start when the test starts them.

        `more` are further attributes of the resource.
        """
        settings = Settings(
            state_dir=self.folder / "state",
            data_dirs=(self.folder / "opencode",),
            process_metrics=process_metrics,
            metrics_profile=profile,
            otlp=OtlpSettings(endpoint=endpoint, protocol="http/protobuf"),
        )
        who = f"team={self.team},user={self.name},host.name={self.host}{more}"
        with ExitStack() as running:
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("OTEL_RESOURCE_ATTRIBUTES", who)
                agent = running.enter_context(assemble.assembled(settings, now_ns=now_ns))
            yield agent
