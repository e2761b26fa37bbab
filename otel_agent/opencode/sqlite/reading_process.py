"""A process that reads a table in a long first look, and ends when it is read or nobody asks any more.

It reads by the same code as the process that counts, and knows no ledger.
"""

import os
from contextlib import closing
from pathlib import Path
from typing import IO

import msgspec

from otel_agent.model import CallsWanted
from otel_agent.opencode.process_beside import serve
from otel_agent.opencode.sqlite.connection import connect
from otel_agent.opencode.sqlite.cursor import Ask, DatabaseFile
from otel_agent.opencode.sqlite.exchange import Task, chunk_frame
from otel_agent.opencode.sqlite.known_tables import probe
from otel_agent.opencode.sqlite.table_reader import TableReader


def main() -> None:
    """Read a task from standard input until its end, and write what was found to standard output."""
    serve(lambda task, answers: read(msgspec.msgpack.decode(task, type=Task), answers))


def read(task: Task, answers: IO[bytes]) -> None:
    """Write a frame for each chunk of rows. Raises ``BrokenPipeError`` once nobody reads them."""
    path = Path(os.fsdecode(task.path))
    if path.stat().st_ino != task.inode:
        return  # another file than the one that was asked for
    nothing = Ask(lambda _: None, lambda _: CallsWanted())
    with closing(connect(path, immutable=task.immutable)) as database:
        for tables in probe(database, task.name)[0]:
            if tables.generation is task.generation:
                file = DatabaseFile(task.name, task.inode)
                reader = TableReader(database, tables, file, nothing, task.migrated_ms)
                for batch in reader.read(now_ms=task.now_ms, sweep=True):
                    answers.write(chunk_frame(batch, reader.unsettled))
                    answers.flush()


if __name__ == "__main__":
    main()
