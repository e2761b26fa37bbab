"""People who work in OpenCode, each with a store and an agent whose clock a test turns; and the truth of what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from otel_agent import service
from otel_agent.settings import Settings
from otel_agent.settings.values import OtlpSettings
from tests.made_stores import JsonTree, Project, Session, Tokens, message, session, tool


@dataclass(frozen=True)
class Used:
    """By one message, with one call of a tool."""

    team: str
    user: str
    host: str
    project: str
    model: str
    agent: str
    session: str
    tokens: int
    cost: float
    failed: bool


@dataclass
class Truth:
    """What was written down, counted as it is written."""

    written: list[Used] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        return sum(each.tokens for each in self.written)

    @property
    def cost(self) -> float:
        return sum(each.cost for each in self.written)

    @property
    def messages(self) -> int:
        return len(self.written)

    @property
    def errors(self) -> int:
        return sum(each.failed for each in self.written)

    @property
    def sessions(self) -> set[str]:
        return {each.session for each in self.written}

    def of(self, **chosen: str) -> Truth:
        """Only of those that are so: `team="pay"`."""
        return Truth([each for each in self.written if all(getattr(each, name) == chosen[name] for name in chosen)])

    def by(self, name: str) -> dict[str, Truth]:
        return {value: self.of(**{name: value}) for value in {getattr(each, name) for each in self.written}}


class Person:
    """Writes a store, and has an agent."""

    def __init__(self, folder: Path, name: str, team: str, truth: Truth, first_id: int) -> None:
        self.name, self.team, self.host, self.folder = name, team, f"{name}s-laptop", folder
        self.tree = JsonTree(folder / "opencode")
        self.tree.put(Project())
        self._truth, self._sessions, self._counter = truth, dict[str, Session](), first_id

    def works(
        self, at_s: float, project: str, model: str, tokens: Tokens, *, agent: str = "build", failed: bool = False
    ) -> None:
        at, self._counter = round(at_s * 1000) - 5_000, self._counter + 1
        worktree = Project(id=project.encode().hex().zfill(40), worktree=f"/home/dev/{project}")
        of = self._sessions.setdefault(
            project, session(at, self._counter, project=worktree, directory=worktree.worktree)
        )
        error = {"error": {"name": "APIError", "data": {"message": "no"}}} if failed else {}
        written = message(
            of,
            tokens,
            at,
            self._counter,
            completed=at + 4_000,
            cost=0.125,
            model=model,
            agent=agent,
            provider="anthropic",
            changes=error,
        )
        self.tree.put(of.project, of, written, tool(written, "bash"))
        self._truth.written.append(
            Used(self.team, self.name, self.host, project, model, agent, of.id, sum(tokens), 0.125, failed)
        )

    @contextmanager
    def agent(
        self, endpoint: str, now_ns: Callable[[], int], *, process_metrics: bool = False
    ) -> Iterator[service.Agent]:
        """As it is, but for its clock; and for who starts its cycles."""
        settings = Settings(
            state_dir=self.folder / "state",
            data_dirs=(self.folder / "opencode",),
            process_metrics=process_metrics,
            otlp=OtlpSettings(endpoint=endpoint, protocol="http/protobuf"),
        )
        who = f"team={self.team},user={self.name},host.name={self.host}"
        with ExitStack() as running:
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("OTEL_RESOURCE_ATTRIBUTES", who)
                agent = running.enter_context(service.assembled(settings, now_ns=now_ns))
            yield agent
