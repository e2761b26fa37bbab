"""What a person can do with one release: turns by `opencode run`, then turns, forks, aborts and more by `opencode serve`."""

from __future__ import annotations

import threading
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.matrix.recorded import Recorded
from tests.support.real_opencode.driver import OpenCode
from tests.support.real_opencode.provider import Bill, Provider, Refusal, Reply, ToolCall, Usage
from tests.support.real_opencode.serving import Api
from tests.support.waiting import eventually

INK, QUILL, REED, SLATE = MODELS = ("ink-1", "quill-2", "reed-3", "slate-4")
"""Whoever works at the same time as another has a model of their own: a provider's script belongs to a model."""
SCOUT, DIGGER = "scout", "digger"
"""Two sub-agents, with the models REED and SLATE."""
TOOL_CALLS = {"bash ok": 8, "bash aborted": 1, "task ok": 3, "read error": 1}
"""The scenario's tool calls by name and outcome, `!shell` and the subtask's wrapper included, and copies left out."""
_INTERRUPT_S = 60.0
"""How long OpenCode may take to end after Ctrl-C. It takes 1 s; the machine may be busy."""
_TOOL_S = 30
"""How long a tool call takes that is broken off; it is over soon if nobody ends it."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Held:
    """An answer that stops after its first words, until its gate opens."""

    provider: Provider
    bill: Bill
    gate: threading.Event

    def arrived(self) -> None:
        """Return when it has begun. Raise AssertionError if it does not."""
        eventually(lambda: self.bill in self.provider.broken_off(), True)


@dataclass
class Scenario:
    """One release on its way through the scenario.

    `in_ledger` says whether the agent has counted a bill. It is waited for before OpenCode removes the message.
    """

    opencode: OpenCode
    provider: Provider
    say: Say
    in_ledger: Callable[[Bill], bool]
    recorded: Recorded = field(init=False)
    broken_off: list[Bill] = field(default_factory=list)
    """What was billed for a call whose turn was broken off while a tool worked. OpenCode may not record it."""
    _number: int = 0

    def __post_init__(self) -> None:
        self.recorded = Recorded(self.opencode.version)
        for name, model in ((SCOUT, REED), (DIGGER, SLATE)):
            file = self.opencode.home / ".config" / "opencode" / "agent" / f"{name}.md"
            file.parent.mkdir(parents=True, exist_ok=True)
            head = f"description: It looks around.\nmode: subagent\nmodel: made/{model}"
            file.write_text(f"---\n{head}\n---\n\nLook around.\n")

    def usage(self) -> Usage:
        """Return a usage that no other call has."""
        self._number += 1
        n = self._number
        return Usage(prompt=2_000 + 101 * n, cached=(n % 3) * 600, completion=60 + n, reasoning=(n % 4) * 7)

    def script(self, model: str, *tools: tuple[ToolCall, ...], gate: threading.Event | None = None) -> Bill:
        """Let a model answer once for each element of `tools`, and once more without a call. Return the last one's bill."""
        for calls in tools:
            self.provider.script(model, Reply(self.usage(), tools=calls))
        last = Reply(self.usage(), gate=gate)
        self.provider.script(model, last)
        return Bill(model, last.usage)

    def by_run(self) -> None:
        """Do all that `opencode run` can do."""
        self._turns()
        self._broken_runs()
        self._two_at_once()
        self._sub_agents()

    def by_api(self, api: Api) -> None:
        """Do all that needs a server. What OpenCode recorded is read before it may go away."""
        first, second = self._two_clients(api)
        self._forks(api, first)
        self._errors(api)
        self._aborts(api)
        self._without_a_model(api)
        self._compaction(api, first)
        self.recorded.read(api)
        self._revert(api, second)
        self._delete(api)
        self.recorded.read(api)

    def _turns(self) -> None:
        self.say("turns, agents, tool rounds")
        self._run(INK, "Good morning.")
        self._run(QUILL, "Make a plan.", agent="plan")
        self._run(INK, "Say it three times.", *((bash(f"echo {n}"),) for n in range(3)))
        self._run(QUILL, "And again.", continue_=True)

    def _broken_runs(self) -> None:
        self.say("Ctrl-C and kill")
        interrupted = self._held(INK)
        with self.opencode.start("This is interrupted.", model=INK) as turn:
            interrupted.arrived()
            turn.interrupt()
            turn.wait(_INTERRUPT_S)
        killed = self._held(INK, (bash("echo before"),))
        with self.opencode.start("This is killed.", model=INK) as turn:
            killed.arrived()
            turn.kill()
        self._run(INK, "Go on after that.", continue_=True)

    def _two_at_once(self) -> None:
        self.say("two at once")
        one, other = self._held(INK), self._held(QUILL)
        starting = self.opencode.start
        with starting("One.", model=INK) as first, starting("Other.", model=QUILL) as second:
            let_on(one, other)
            first.wait()
            second.wait()

    def _sub_agents(self) -> None:
        self.say("two sub-agents at once")
        self.script(REED)
        self.script(SLATE, (bash("echo deep"),))
        self._run(INK, "Have it looked at.", (task(SCOUT), task(DIGGER)))

    def _errors(self, api: Api) -> None:
        self.say("errors: of the provider, a retry, a tool")
        session = api.create()
        self.provider.script(INK, Refusal(400, "not like this"))
        with suppress(urllib.error.HTTPError):
            api.say(session, "This is refused.", INK)
        self.provider.script(QUILL, Refusal(503, "too busy"))
        self._say(api, session, QUILL, "This is tried again.")
        missing = ToolCall("read", {"filePath": str(self.opencode.directory / "missing.txt")})
        self._say(api, session, INK, "Read what is not there.", (missing,))

    def _two_clients(self, api: Api) -> tuple[str, str]:
        self.say("a server with two clients at once")
        first, second = api.create(), api.create()
        one, other = self._held(INK), self._held(QUILL, (bash("echo two"),))
        with (
            self._meanwhile(lambda: api.say(first, "One.", INK)),
            self._meanwhile(lambda: api.say(second, "Other.", QUILL)),
        ):
            let_on(one, other)
        self._say(api, first, INK, "More.")
        return first, second

    def _forks(self, api: Api, original: str) -> None:
        self.say("a fork, a fork of the fork")
        fork = api.fork(original)
        self._say(api, fork, QUILL, "What if?", (bash("echo if"),))
        deeper = api.fork(fork)
        self._say(api, deeper, INK, "And what then?")
        self._say(api, original, INK, "The first one goes on.")

    def _aborts(self, api: Api) -> None:
        self.say("aborts: while the model answers, while a tool works")
        session = api.create()
        held = self._held(INK)
        with self._meanwhile(lambda: api.say(session, "This is aborted.", INK)):
            held.arrived()
            api.abort(session)
        self._say(api, session, INK, "Go on.")
        reply = Reply(self.usage(), tools=(bash(f"sleep {_TOOL_S}"),))
        self.provider.script(QUILL, reply)
        self.broken_off.append(Bill(QUILL, reply.usage))
        with self._meanwhile(lambda: api.say(session, "This is aborted, too.", QUILL)):
            # On a busy machine a tool works before OpenCode recorded it. An abort then leaves no trace of the call.
            eventually(lambda: list(api.running_tools(session)), ["bash"])
            api.abort(session)
        self._say(api, session, QUILL, "Go on again.")

    def _without_a_model(self, api: Api) -> None:
        self.say("!shell, a command as a subtask")
        session = api.create()
        api.shell(session, "echo hi", INK)
        self.script(INK)
        self._say(api, session, INK, "the door", turn=api.subtask)

    def _compaction(self, api: Api, session: str) -> None:
        self.say("compaction")
        self.script(INK)
        api.compact(session, INK)
        self._say(api, session, INK, "Go on, shorter.")

    def _revert(self, api: Api, session: str) -> None:
        self.say("revert")
        bill = self._say(api, session, QUILL, "This is taken back.")
        self._seen_by_all(api, bill)
        asked = [message["id"] for message in api.messages(session) if message["role"] == "user"]
        api.revert(session, asked[-1])
        self._say(api, session, QUILL, "This instead.")

    def _delete(self, api: Api) -> None:
        self.say("delete")
        session = api.create()
        bill = self._say(api, session, INK, "This is deleted.")
        self._seen_by_all(api, bill)
        api.delete(session)

    def _seen_by_all(self, api: Api, bill: Bill) -> None:
        self.recorded.read(api)
        eventually(lambda: self.in_ledger(bill), True)

    def _run(
        self, model: str, prompt: str, *tools: tuple[ToolCall, ...], agent: str | None = None, continue_: bool = False
    ) -> None:
        self.script(model, *tools)
        done = self.opencode.run(prompt, model=model, agent=agent, continue_=continue_)
        assert done.returncode == 0, f"{prompt!r} ended with exit code {done.returncode}:\n{done.stderr[-2000:]}"

    def _say(
        self,
        api: Api,
        session: str,
        model: str,
        prompt: str,
        *tools: tuple[ToolCall, ...],
        turn: Callable[[str, str, str], None] | None = None,
    ) -> Bill:
        bill = self.script(model, *tools)
        (turn or api.say)(session, prompt, model)
        return bill

    def _held(self, model: str, *tools: tuple[ToolCall, ...]) -> Held:
        """Script an answer that stops after its first words."""
        gate = threading.Event()
        return Held(self.provider, self.script(model, *tools, gate=gate), gate)

    @contextmanager
    def _meanwhile(self, call: Callable[[], None]) -> Iterator[None]:
        """Make a call of the API in a thread. An error of OpenCode's is an answer like any other."""

        def answered() -> None:
            try:
                call()
            except urllib.error.HTTPError:
                return

        thread = threading.Thread(target=answered, daemon=True)
        thread.start()
        yield
        thread.join(60)
        assert not thread.is_alive(), "OpenCode did not end the turn within 60 s"


def let_on(*answers: Held) -> None:
    """Let answers end, once all of them are under way."""
    for answer in answers:
        answer.arrived()
    for answer in answers:
        answer.gate.set()


def bash(command: str) -> ToolCall:
    """A shell command of the model."""
    return ToolCall("bash", {"command": command, "description": "Runs a command"})


def task(agent: str) -> ToolCall:
    """A call that begins a sub-agent's turn."""
    return ToolCall("task", {"description": "Look around", "prompt": "Look around.", "subagent_type": agent})
