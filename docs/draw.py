"""Draw the pictures in `docs/`: each view of a made-up history, as the program draws it. `make pictures` runs this."""

from __future__ import annotations

import io
import os
import random
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from rich.console import Console

from otel_agent.demo.receiver import Point, Span
from otel_agent.demo.screen import Frame, screen_of
from otel_agent.demo.store_writer import Written
from otel_agent.errors import LedgerError
from otel_agent.intake.catch_up import catch_up, read_calls
from otel_agent.ledger.migration_progress import OnMigration
from otel_agent.ledger.queries import open_to_read
from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.settings import Settings
from otel_agent.summary.answer import answer
from otel_agent.summary.formats.as_html import as_html
from otel_agent.summary.formats.as_picture import as_svg, with_own_cells
from otel_agent.summary.live.app import Live
from otel_agent.summary.question import Question, RangeName
from otel_agent.summary.ranges import named_range
from otel_agent.summary.session_detail import SessionDetail, no_session, session_detail
from otel_agent.summary.view import VIEW_NAMES, Process, View, ViewName
from tests.summary.live.driving import Screen, asking, drive, press, settled
from tests.support.made_stores import (
    GLOBAL,
    JsonTree,
    Message,
    Part,
    Project,
    Session,
    Tokens,
    message,
    prompt,
    session,
    tool,
)

FOLDER = Path(__file__).resolve().parent / "views"
NOW = datetime(2026, 11, 24, 16, 40, tzinfo=ZoneInfo("Europe/Berlin"))
RANGES: dict[ViewName, RangeName] = {"overview": "today", "timeline": "month"}
CONFIGURED = {"build": "anthropic/claude-sonnet-4-5", "explore": "zai-coding-plan/glm-4.7"}
MODELS = (("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5.2-codex"), ("zai-coding-plan", "glm-4.7"))
TOOLS = ("read", "read", "read", "bash", "bash", "grep", "edit", "write", "todowrite", "webfetch")
SCREENS: dict[str, tuple[tuple[int, int], str, ViewName, tuple[str, ...]]] = {
    "live": ((112, 36), "textual-dark", "overview", ()),
    "live-60x20": ((60, 20), "textual-dark", "overview", ()),
    "live-80x24": ((80, 24), "textual-dark", "overview", ()),
    "live-80x24-light": ((80, 24), "textual-light", "overview", ()),
    "live-120x40": ((120, 40), "textual-dark", "overview", ()),
    "live-120x40-light": ((120, 40), "textual-light", "overview", ()),
    "live-200x60": ((200, 60), "textual-dark", "overview", ()),
    "live-session": ((120, 40), "textual-dark", "sessions", ("enter", "k", "enter", "j")),
}
"""The pictures of the live screen: size, theme, view, and the keys that are pressed."""
TITLES = (
    "Rename the parser",
    "Why does the login test hang?",
    "設定ファイルの移行",
    "Add pagination to /orders",
    "Upgrade to Python 3.13",
    "Flaky CI on arm64",
    "Explain the retry logic",
    "Dark mode for the settings page",
)


def history(tree: JsonTree) -> None:
    """Write half a year of somebody's work: less on weekends, now and then with a sub-agent."""
    chance = random.Random(7)
    projects = [
        Project(id=f"{n:040x}", worktree=f"/home/dev/{name}") for n, name in enumerate(("shop", "parser", "site"))
    ]
    for number in range(420):
        day = NOW - timedelta(days=chance.randrange(180), hours=chance.randrange(7), minutes=10 + chance.randrange(45))
        if day.weekday() >= 5 and chance.random() < 0.85:  # the weekend
            continue
        outside = chance.random() < 0.1
        project = GLOBAL if outside else chance.choice(projects)
        folder = "/home/dev/scratch" if outside else project.worktree
        at = round(day.timestamp() * 1000)
        of = session(created=at, counter=number, project=project, directory=folder, title=chance.choice(TITLES))
        calls(tree, of, at, number, "build" if chance.random() < 0.7 else "plan", chance)
        if chance.random() < 0.3:
            below = session(
                created=at + 60_000,
                counter=number,
                project=project,
                directory=folder,
                parent=of.id,
                title="Look for callers (@explore subagent)",
            )
            calls(tree, below, at + 60_000, number, "explore", chance)


def calls(tree: JsonTree, of: Session, at: int, number: int, agent: str, chance: random.Random) -> None:
    """Write two or three turns of a session, with messages by a model chosen at random and their tool calls."""
    provider, model = chance.choice(MODELS)
    asked = prompt(of, at, counter=number * 9)
    for call in range(chance.randrange(1, 9)):
        began = at + call * 40_000
        if call % 3 == 0:
            asked = prompt(of, began - 2_000, counter=number * 9 + call)
            tree.put(asked)
        used = Tokens(
            chance.randrange(9_000), chance.randrange(900), chance.randrange(300), chance.randrange(60_000), 0
        )
        answered = message(
            of,
            used,
            total=sum(used),
            at=began,
            counter=number * 9 + call,
            completed=began + chance.randrange(12_000, 30_000),
            provider=provider,
            model=model,
            agent=agent,
            cost=sum(used) * 4e-7 if provider != "zai-coding-plan" else 0,
            parent=asked.id,
        )
        tree.put_turn(answered)
        for tool_call in range(chance.randrange(4)):
            tree.put(tool_of(answered, began + 3_000 + tool_call * 2_000, tool_call, chance))


def tool_of(of: Message, at: int, number: int, chance: random.Random) -> Part:
    """Return a call of a tool chosen at random, which now and then fails."""
    failed: dict[str, Any] = {"status": "error", "error": "no"} if chance.random() < 0.05 else {}
    took = chance.randrange(40, 1_900)
    return tool(of, chance.choice(TOOLS), 4 + number, at=at, took=took, **failed)


def running() -> list[Process]:
    """Return a process of each mode."""
    made_up = (
        (4711, ProcessMode.CLI, "/home/dev/shop", 0.31, 402),
        (4892, ProcessMode.SERVER, "/home/dev/site", 0.02, 365),
        (4730, ProcessMode.LSP, "/home/dev/shop", 0.0, 171),
    )
    return [
        Process(
            ProcessSample(
                pid=pid,
                created_s=NOW.timestamp() - 4_000,
                mode=mode,
                executable="opencode",
                directory=folder,
                cpu_s=1.0,
                rss_bytes=megabytes * 2**20,
                vms_bytes=2**30,
                threads=9,
                file_descriptors=30,
            ),
            cpu,
        )
        for pid, mode, folder, cpu, megabytes in made_up
    ]


class StillSource:
    """Answers questions about a ledger in which nothing happens any more."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    def view(self, name: ViewName, question: Question) -> View:
        """Answer a question; at most five sessions are active, so that the picture has room for the models."""
        with open_to_read(self._state_dir) as ledger:
            view = answer(
                name,
                question,
                ledger,
                now=NOW,
                processes=running(),
                configured=lambda agent: CONFIGURED.get(agent, ""),
            )
        if view.activity is None:
            return view
        return replace(view, activity=replace(view.activity, sessions=view.activity.sessions[:5]))

    def session(self, session_id: str) -> SessionDetail:
        """Return one session with its turns."""
        with open_to_read(self._state_dir) as ledger:
            return session_detail(session_id, ledger, NOW) if ledger else no_session(session_id)

    def processes(self) -> list[Process]:
        """Return the same processes each time."""
        return running()

    def mark(self) -> object:
        """Return always the same: nothing changes."""
        return None

    def changed(self) -> bool:
        """Return false: nothing changes."""
        return False

    def follow(
        self, until: threading.Event, on_error: Callable[[LedgerError], None], on_migration: OnMigration
    ) -> None:
        """Do nothing: the ledger is complete."""


def pictures() -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each picture."""
    before = os.environ.get("HOME"), os.environ.get("XDG_DATA_HOME")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"HOME": "/home/dev", "XDG_DATA_HOME": scratch}
        try:
            history(JsonTree(Path(scratch) / "opencode"))
            state_dir = Path(scratch) / "state"
            catch_up(Settings(state_dir=state_dir), then=read_calls)
            source = StillSource(state_dir)
            for name in VIEW_NAMES:
                yield f"{name}.svg", as_svg([source.view(name, question_of(name))], width=112)
            page = [source.view(name, question_of(name)) for name in ("overview", "timeline")]
            yield "report.html", as_html(page)
            for screen in SCREENS:
                yield f"{screen}.svg", live(source, screen)
            yield "demo.svg", demo()
        finally:
            for variable, value in zip(("HOME", "XDG_DATA_HOME"), before, strict=True):
                os.environ.pop(variable) if value is None else os.environ.update({variable: value})


def question_of(name: ViewName) -> Question:
    """Return the question that a printed view answers."""
    limit = None if name == "timeline" else 12
    return Question(range=named_range(RANGES.get(name, "all"), NOW), limit=limit, with_rhythm=True)


def live(source: StillSource, name: str) -> str:
    """Return the live screen as it looks when it opens, or after some keys."""
    size, theme, view, keys = SCREENS[name]
    shots: list[str] = []

    async def steps(pilot: Screen, app: Live) -> None:
        app.theme = theme
        await press(pilot, app, *keys)
        await settled(pilot, app)
        shots.append(app.export_screenshot(title="otel-agent summary --live"))

    drive(source, asking(lambda: NOW), steps, view, size)
    # Textual numbers the pictures of a process, so that several can be on one page.
    return re.sub(r"terminal-\d+-", f"{name}-", with_own_cells(shots[0]))


def demo() -> str:
    """Return a moment of the live demo, with the numbers that are written below."""
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(screen_of(moment(), height=30))
    svg = console.export_svg(title="otel-agent demo", unique_id="demo")
    return with_own_cells(svg)


def moment() -> Frame:
    """Return what the demo shows after 24 of its 60 seconds."""
    return Frame(
        elapsed_s=24,
        seconds=60,
        written=Written(messages=34, tokens=483_517, tool_calls=22, turns=12),
        points=made_points(),
        spans=made_spans(NOW.timestamp()),
        span_count=68,
        requests=41,
        now_s=NOW.timestamp(),
        zone=NOW.tzinfo or UTC,
    )


def made_points() -> list[Point]:
    """Return the metrics that have arrived: tokens by type, messages, tool calls and cost."""
    numbers = {"input": 61_204, "output": 14_880, "reasoning": 5_102, "cache_read": 402_331, "cache_write": 0}
    return [
        *(Point("opencode.token.usage", "{token}", {"gen_ai.token.type": type_}, n) for type_, n in numbers.items()),
        Point("opencode.message.count", "{message}", {}, 34),
        Point("opencode.tool.call.count", "{call}", {}, 22),
        Point("opencode.cost.usage", "USD", {}, 1.450551),
    ]


def made_spans(now_s: float) -> list[Span]:
    """Return the spans that arrived last, the latest at the end."""
    return [
        made_span("invoke_agent explore", "compiler", 4.1, now_s - 9),
        made_span("execute_tool task", "compiler", 4.3, now_s - 8),
        made_span("chat claude-sonnet-4-5", "compiler", 6.0, now_s - 7),
        made_span("invoke_agent build", "compiler", 12.4, now_s - 7),
        made_span("execute_tool bash", "website", 0.4, now_s - 5),
        made_span("chat glm-4.7", "website", 1.9, now_s - 4),
        made_span("chat gpt-5.2-codex", "shop", 0.6, now_s - 3, error="APIError"),
        made_span("execute_tool edit", "shop", 0.2, now_s - 1),
        made_span("chat gpt-5.2-codex", "shop", 2.2, now_s - 0.5),
        made_span("invoke_agent build", "shop", 5.8, now_s - 0.5),
    ]


def made_span(name: str, project: str, took_s: float, ended_s: float, *, error: str = "") -> Span:
    """Return a span of a project; ``error`` is the type of the error it failed with."""
    attributes: dict[str, object] = {"opencode.project.name": project, "session.id": f"ses_made-up-{project:->8}"}
    if error:
        attributes["error.type"] = error
    return Span(name, round((ended_s - took_s) * 1e9), round(ended_s * 1e9), attributes, ended_s)


def main() -> None:
    """Write all pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures():
        (FOLDER / name).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
