"""A process that reads half of the folders of a long first look, and ends when they are read or nobody asks any more.

It reads by the same code as the process that counts, knows no ledger, and holds nothing open but OpenCode's files.
"""

import os
from pathlib import Path
from typing import IO

import msgspec

from otel_agent.model import Batch, CallsWanted
from otel_agent.opencode.json_tree.exchange import MOST_MESSAGES, AtRest, FrameWriter, Task
from otel_agent.opencode.json_tree.folder import Folder
from otel_agent.opencode.json_tree.layout import FlatLayout, ProjectLayout
from otel_agent.opencode.json_tree.sessions import Sessions
from otel_agent.opencode.process_beside import serve


def main() -> None:
    """Read a task from standard input until its end, and write what was found to standard output."""
    serve(lambda task, answers: help_with(msgspec.msgpack.decode(task, type=Task), answers))


def help_with(task: Task, answers: IO[bytes]) -> None:
    """Write a frame whenever one is full. Raises ``BrokenPipeError`` once nobody reads them."""
    storage = Path(os.fsdecode(task.storage))
    layout = ProjectLayout(storage) if task.by_project else FlatLayout(storage)
    sessions, frames = Sessions(layout, task.now_ns), FrameWriter()
    for name in task.folders:
        folder = Folder(layout, sessions, layout.messages / os.fsdecode(name), lambda _: None, task.now_ns)
        if frame := frames.add(_at_rest(folder)):
            answers.write(frame)
            answers.flush()
    answers.write(frames.frame())
    answers.flush()


def _at_rest(folder: Folder) -> AtRest | None:
    """Return the content of a folder; ``None`` if something in it is to be decided by the asking process."""
    content = Batch()
    for read in folder.read(lambda _: CallsWanted()):
        content.add(read)
        if not folder.at_rest or content.problems or len(content.messages) > MOST_MESSAGES:
            return None
    folder.finish(content)
    state = content.checkpoints[0].state if content.checkpoints else b""
    return AtRest(content.messages, content.sessions, state, content.looked_at, content.lines)


if __name__ == "__main__":
    main()
