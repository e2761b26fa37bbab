"""The records that OpenCode writes, as values: projects, sessions, messages and parts, free of any store's layout.

Times are milliseconds since the epoch. `Tokens` are the five recorded numbers; wherever a test needs something
no real release writes, `Message.tokens` and `Message.changes` take raw JSON values instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tests.support.made_stores.ids import message_id, part_id, session_id

T0 = 1_769_174_692_533
"""When the first message of a made store is created, in ms: January 2026, as in the documented example."""

PERSONA = "/home/dev/projects/persona"


class Tokens(NamedTuple):
    """Tokens by category, as recorded."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def plus(self, *others: Tokens) -> Tokens:
        return Tokens(*(sum(column) for column in zip(self, *others, strict=True)))

    def document(self, total: int | None = None) -> dict[str, Any]:
        """The `tokens` object of a message; `total` (1.2 and later) only when given."""
        written: dict[str, Any] = {} if total is None else {"total": total}
        cache = {"read": self.cache_read, "write": self.cache_write}
        return written | {"input": self.input, "output": self.output, "reasoning": self.reasoning, "cache": cache}


@dataclass(frozen=True, slots=True)
class Project:
    id: str = "9d4275a8a2f4a5eb6701f428dcfcd5bce876ea65"
    worktree: str = PERSONA
    created: int = T0 - 60_000

    def document(self) -> dict[str, Any]:
        vcs = {} if self.worktree == "/" else {"vcs": "git"}
        times = {"created": self.created, "updated": self.created}
        return {"id": self.id, "worktree": self.worktree, **vcs, "sandboxes": [], "time": times}


GLOBAL = Project(id="global", worktree="/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A conversation. `root` is the worktree its messages name, `directory` where it was started."""

    id: str
    project: Project = field(default_factory=Project)
    directory: str = PERSONA
    version: str = "1.1.27"
    parent: str | None = None
    fork_of: str | None = None
    title: str = "Rename the parser"
    created: int = T0 - 500
    totals: Tokens = Tokens()
    """What 2.x says that the session used, its titles included …"""
    cost: float = 0
    """… and what that cost."""

    @property
    def root(self) -> str:
        return self.project.worktree

    def document(self) -> dict[str, Any]:
        parent = {} if self.parent is None else {"parentID": self.parent}
        return {
            "id": self.id,
            "slug": "swift-forest",
            "version": self.version,
            "projectID": self.project.id,
            "directory": self.directory,
            **parent,
            "title": self.title,
            "time": {"created": self.created, "updated": self.created},
            "summary": {"additions": 0, "deletions": 0, "files": 0},
        }


def session(created: int = T0 - 500, counter: int = 1, **fields: Any) -> Session:
    return Session(id=session_id(created, counter), created=created, **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An assistant message.

    `completed=None` leaves the time out; `changes` replaces top-level keys, `...` for a value drops the key.
    """

    id: str
    session: Session
    tokens: Tokens | Any = Tokens()
    total: int | None = None
    created: int = T0
    completed: Any = T0 + 37_616
    finish: str | None = "stop"
    cost: Any = 0
    model: str = "glm-4.7"
    provider: str = "zai-coding-plan"
    agent: str = "build"
    parent: str = message_id(T0 - 100)
    changes: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        completed = {} if self.completed is None else {"completed": self.completed}
        whole = {
            "id": self.id,
            "sessionID": self.session.id,
            "role": "assistant",
            "time": {"created": self.created, **completed},
            "parentID": self.parent,
            "modelID": self.model,
            "providerID": self.provider,
            "mode": self.agent,
            "agent": self.agent,
            "path": {"cwd": self.session.directory, "root": self.session.root},
            "cost": self.cost,
            "tokens": self.tokens.document(self.total) if isinstance(self.tokens, Tokens) else self.tokens,
            **({} if self.finish is None else {"finish": self.finish}),
        }
        return {key: value for key, value in (whole | dict(self.changes)).items() if value is not ...}

    def document_v2(self) -> dict[str, Any]:
        """`session_message.data` of 2.x: the model as an object, no role, no path, no ids."""
        old = self.document()
        names = ("agent", "cost", "tokens", "time", "finish", "error", "retry")
        variant = {"variant": old["variant"]} if "variant" in old else {}
        model = {"id": self.model, "providerID": self.provider, **variant}
        return {key: old[key] for key in names if key in old} | {"model": model, "content": old.get("content", [])}


def message(of: Session, tokens: Tokens | Any = Tokens(), at: int = T0, counter: int = 1, **fields: Any) -> Message:
    """A completed assistant message created at `at`, its id minted in the same millisecond."""
    fields = {"completed": at + 37_616} | fields
    return Message(id=message_id(at, counter), session=of, tokens=tokens, created=at, **fields)


def in_flight(whole: Message) -> Message:
    """The same message as OpenCode writes it at first: zero tokens, no finish, not completed."""
    return replace(whole, tokens=Tokens(), total=None, cost=0, completed=None, finish=None)


def fork_copy(original: Message, into: Session, minted: int, counter: int = 1) -> Message:
    """Return the copy that `--fork` writes at `minted`: a new id and session, everything else as it was."""
    return replace(original, id=message_id(minted, counter), session=into)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMessage:
    id: str
    session: Session
    created: int = T0 - 100
    summary: Mapping[str, Any] = field(default_factory=lambda: {"diffs": []})

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "sessionID": self.session.id,
            "role": "user",
            "time": {"created": self.created},
            "summary": self.summary,
            "agent": "build",
            "model": {"providerID": "zai-coding-plan", "modelID": "glm-4.7"},
        }


def prompt(of: Session, at: int = T0 - 100, counter: int = 1, **fields: Any) -> UserMessage:
    return UserMessage(id=message_id(at, counter), session=of, created=at, **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a message; `body` is everything but the three ids."""

    id: str
    message: Message
    body: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        owners = {"id": self.id, "sessionID": self.message.session.id, "messageID": self.message.id}
        return owners | dict(self.body)


def step_start(of: Message, counter: int = 1) -> Part:
    return Part(id=part_id(of.created, counter), message=of, body={"type": "step-start", "snapshot": "c9258400"})


def step_finish(of: Message, tokens: Tokens, counter: int = 2, cost: float = 0, reason: str = "stop") -> Part:
    body = {"type": "step-finish", "reason": reason, "cost": cost, "tokens": tokens.document()}
    return Part(id=part_id(of.created, counter), message=of, body=body)


def text(of: Message, counter: int = 3) -> Part:
    return Part(id=part_id(of.created, counter), message=of, body={"type": "text", "text": "Hello."})


Record = Project | Session | Message | UserMessage | Part


def tool(
    of: Message,
    name: str = "bash",
    counter: int = 4,
    *,
    status: str = "completed",
    at: int | None = None,
    took: int | None = 400,
    error: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Part:
    """A tool call, with the arguments and the output that OpenCode keeps beside what we read; `took` is in ms."""
    start = of.created + 500 if at is None else at
    time = {"start": start} | ({} if took is None else {"end": start + took})
    state: dict[str, Any] = {"status": status, "input": {"command": "echo secret-in"}, "time": time}
    state |= {"error": error} if error is not None else {"output": "secret-out", "title": "secret-title"}
    body = {"type": "tool", "callID": f"call_{counter}", "tool": name, "state": state | {"metadata": metadata or {}}}
    return Part(id=part_id(of.created, counter), message=of, body=body)
