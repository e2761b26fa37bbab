"""`opencode serve`, for the turns that `opencode run` cannot make: a `!shell` line and a command run as a subtask."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.real_opencode.driver import PROVIDER_ID, SUBTASK_COMMAND, OpenCode, RunningTurn

START_TIMEOUT_S = 30.0
"""The time from the start to the line with the address, on a slow and busy machine."""


class Server:
    """One server with one session; each call returns when OpenCode has ended the turn. HTTPError if it refused."""

    def __init__(self, url: str, model: str) -> None:
        self._url = url
        self._model = model
        self.session = str(self._post("/session", {})["id"])

    def say(self, prompt: str) -> None:
        """An ordinary turn."""
        model = {"providerID": PROVIDER_ID, "modelID": self._model}
        self._post(f"/session/{self.session}/message", {"model": model, "parts": [{"type": "text", "text": prompt}]})

    def shell(self, command: str) -> None:
        """Do what `!command` does in the terminal: it runs, no model is asked, an assistant message says so."""
        model = {"providerID": PROVIDER_ID, "modelID": self._model}
        self._post(f"/session/{self.session}/shell", {"agent": "build", "model": model, "command": command})

    def subtask(self, arguments: str) -> None:
        """The configured command: a sub-agent's turn in a child session, then the model's own answer to it."""
        command = {"command": SUBTASK_COMMAND, "arguments": arguments, "model": f"{PROVIDER_ID}/{self._model}"}
        self._post(f"/session/{self.session}/command", command)

    def worktree(self) -> Path:
        """A git worktree that OpenCode makes in its data folder, under a random name, for sessions to work in."""
        folder = Path(str(self._post("/experimental/worktree", {})["directory"]))
        assert (folder / ".git").is_file()
        return folder

    def _post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        request = urllib.request.Request(
            self._url + path, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: dict[str, Any] = json.loads(response.read())
        return answer


@contextmanager
def serving(opencode: OpenCode, model: str) -> Iterator[Server]:
    """A server on the loopback interface, killed at the end."""
    process = opencode.popen("serve", "--hostname", "127.0.0.1", "--port", "0")
    with RunningTurn(process):
        yield Server(_url(process), model)


def _url(process: subprocess.Popen[str]) -> str:
    """The address the server says it listens on. AssertionError when it ends or stays silent instead."""
    assert process.stdout is not None
    deadline = threading.Timer(START_TIMEOUT_S, process.kill)
    deadline.start()
    try:
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                return found.group()
    finally:
        deadline.cancel()
    raise AssertionError("opencode serve named no address")
