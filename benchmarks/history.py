"""A made-up history of any length: sessions with their turns and calls. It is the same each time.

A session has about 25 calls in turns of four to six, mostly of one model and one OpenCode agent. Now and then a sub-agent
works in a session of its own. The history ends at a fixed time, so a longer one begins earlier.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.support.made_stores import Message, Project, Session, Tokens, UserMessage, message, prompt, session

END_MS: Final = 1_793_000_000_000
"""The end of the history: October 2026, in Unix milliseconds."""
MEAN_MS: Final = 30_000
"""The mean time from one call of a machine to the next one: 100,000 calls are five weeks of work."""
COUNTERS: Final = 4096
"""The number of ids that one millisecond can have."""
PROJECTS: Final = 40
CALLS_OF_A_SESSION: Final = 25
CALLS_OF_A_TURN: Final = (4, 5, 6)
MODELS: Final = (
    ("anthropic", "claude-sonnet-4-5"),
    ("openai", "gpt-5.2-codex"),
    ("zai-coding-plan", "glm-4.7"),
    ("google", "gemini-3"),
)
AGENTS: Final = ("build", "plan")
SUB_AGENTS: Final = ("general", "explore")
OTHER_MODEL: Final = 0.05
"""The share of turns for which a person chooses another model than that of the session."""
SUB_AGENT: Final = 0.1
"""The share of turns in which a sub-agent is called."""


@dataclass(frozen=True)
class Conversation:
    """A session with everything that was said in it, in order."""

    session: Session
    said: list[UserMessage | Message]

    @property
    def answers(self) -> list[Message]:
        """The messages that count."""
        return [each for each in self.said if isinstance(each, Message)]


def history(messages: int, *, version: str) -> Iterator[Conversation]:
    """Yield sessions with so many completed assistant messages in all, as this version of OpenCode writes them."""
    chance, left, number = random.Random(1), messages, 0
    at_ms = END_MS - messages * MEAN_MS
    while left:
        calls = min(left, chance.randrange(CALLS_OF_A_SESSION - 10, CALLS_OF_A_SESSION + 11))
        for each in _Made(number, at_ms, version, chance).conversations(calls):
            left -= len(each.answers)
            yield each
        at_ms += calls * MEAN_MS
        number += 1


def project(number: int) -> Project:
    """Return one of the machine's projects."""
    return Project(id=f"{number:040x}", worktree=f"/home/dev/projects/project-{number}")


class _Made:
    """One session that a person began, with those of its sub-agents."""

    def __init__(self, number: int, at_ms: int, version: str, chance: random.Random) -> None:
        self._number, self._at_ms, self._version, self._chance = number, at_ms, version, chance
        self._counter = number % COUNTERS
        """Distinguishes the ids of sessions that were written to in the same millisecond."""
        self._model, self._agent = chance.choice(MODELS), chance.choice(AGENTS)

    def conversations(self, calls: int) -> list[Conversation]:
        """Return the session and those of its sub-agents, which have so many calls together."""
        top = Conversation(self._session(), [])
        found = [top]
        while calls:
            turn = min(calls, self._chance.choice(CALLS_OF_A_TURN))
            calls -= turn
            model = self._chance.choice(MODELS) if self._chance.random() < OTHER_MODEL else self._model
            if turn > 1 and self._chance.random() < SUB_AGENT:
                below = Conversation(self._session(top.session.id), [])
                self._say(below, turn - 1, model, self._chance.choice(SUB_AGENTS))
                found.append(below)
                turn = 1
            self._say(top, turn, model, self._agent)
        return found

    def _session(self, parent: str | None = None) -> Session:
        of = project(self._number % PROJECTS)
        return session(
            self._next_ms(),
            self._counter,
            project=of,
            directory=of.worktree,
            title=f"made-up session {self._number}",
            version=self._version,
            parent=parent,
        )

    def _say(self, into: Conversation, calls: int, model: tuple[str, str], agent: str) -> None:
        """Add a prompt and the calls that answer it."""
        asked = prompt(into.session, self._next_ms(), self._counter)
        into.said.append(asked)
        for call in range(calls):
            at_ms = self._next_ms()
            into.said.append(
                message(
                    into.session,
                    self._tokens(),
                    at_ms,
                    self._counter,
                    completed=at_ms + self._below(MEAN_MS) + 1,
                    # 512ths have nine decimals and are exact as a float, so nobody's sum is rounded.
                    cost=(self._below(63) + 1) / 512,
                    finish="stop" if call == calls - 1 else "tool-calls",
                    provider=model[0],
                    model=model[1],
                    agent=agent,
                    parent=asked.id,
                )
            )

    def _tokens(self) -> Tokens:
        below = self._below
        return Tokens(below(20_000) + 1, below(900) + 1, below(100), below(90_000), below(2_000))

    def _next_ms(self) -> int:
        self._at_ms += self._below(MEAN_MS) + 1
        return self._at_ms

    def _below(self, end: int) -> int:
        # A fifth of the time of ``randrange``, which is a quarter of what a million rows take.
        return int(self._chance.random() * end)
