"""A SQLite store as OpenCode 1.18 writes it, one connection that stays open."""

import json
import sqlite3
import time
from pathlib import Path
from typing import Final

from otel_agent.demo.store_writer import SCHEMA

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Store:
    def __init__(self, data: Path, name: str = "opencode.db") -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.path, self._number = data / name, 0
        self._database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.executescript(SCHEMA)
        self._session = self._id("ses")
        now = _ms()
        self._database.execute("INSERT INTO project VALUES ('p', '/made-up', ?, ?)", (now, now))
        self._database.execute(
            "INSERT INTO session VALUES (?, 'p', NULL, '/made-up', 'made up', '1.18.33', ?, ?)",
            (self._session, now, now),
        )

    def add_messages(self, number: int) -> None:
        """Completed ones, each with a tool call, in one transaction."""
        self._database.execute("BEGIN")
        for _ in range(number):
            key, now = self._id("msg"), _ms()
            told = {
                "role": "assistant",
                "parentID": self._id("msg"),
                "modelID": "claude-sonnet-4-5",
                "providerID": "anthropic",
                "agent": "build",
                "path": {"cwd": "/made-up", "root": "/made-up"},
                "time": {"created": now - 900, "completed": now},
                "cost": 0.001,
                "finish": "stop",
                "tokens": {"total": 130, "input": 100, "output": 20, "reasoning": 10, "cache": {"read": 0, "write": 0}},
            }
            call = {
                "type": "tool",
                "tool": "bash",
                "callID": "call_1",
                "state": {"status": "completed", "time": {"start": now - 500, "end": now - 100}, "metadata": {}},
            }
            self._database.execute(
                "INSERT INTO message VALUES (?, ?, ?, ?, ?)", (key, self._session, now, now, json.dumps(told))
            )
            part = self._id("prt")
            self._database.execute(
                "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", (part, key, self._session, now, now, json.dumps(call))
            )
        self._database.execute("COMMIT")

    def close(self) -> None:
        self._database.close()

    def _id(self, kind: str) -> str:
        self._number += 1
        tail = "".join(_BASE62[(hash(self.path.name) + self._number // 62**place) % 62] for place in range(14))
        return f"{kind}_{(_ms() * 4096 + self._number % 4096) % 2**48:012x}{tail}"


def _ms() -> int:
    return time.time_ns() // 1_000_000
