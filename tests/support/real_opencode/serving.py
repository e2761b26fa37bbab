"""`opencode serve`, for what `opencode run` cannot do: a `!shell` line, a subtask, forks, aborts, compaction, revert."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.real_opencode.driver import PROVIDER_ID, SUBTASK_COMMAND, OpenCode, RunningTurn

START_TIMEOUT_S = 30.0
"""The time from the start to the line with the address, on a slow and busy machine."""


class Api:
    """The HTTP API of a server. Each call returns when OpenCode has done it. HTTPError if it refused.

    A session is named by its id.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def create(self) -> str:
        """Create a session."""
        return str(self._ask("POST", "/session", {})["id"])

    def say(self, session: str, prompt: str, model: str) -> None:
        """An ordinary turn."""
        body = {"model": _model(model), "parts": [{"type": "text", "text": prompt}]}
        self._ask("POST", f"/session/{session}/message", body)

    def shell(self, session: str, command: str, model: str) -> None:
        """Do what `!command` does in the terminal: it runs, no model is asked, an assistant message says so."""
        body = {"agent": "build", "model": _model(model), "command": command}
        self._ask("POST", f"/session/{session}/shell", body)

    def subtask(self, session: str, arguments: str, model: str) -> None:
        """The configured command: a sub-agent's turn in a child session, then the model's own answer to it."""
        command = {"command": SUBTASK_COMMAND, "arguments": arguments, "model": f"{PROVIDER_ID}/{model}"}
        self._ask("POST", f"/session/{session}/command", command)

    def fork(self, session: str) -> str:
        """Copy all messages of a session into a new one, and return that."""
        return str(self._ask("POST", f"/session/{session}/fork", {})["id"])

    def abort(self, session: str) -> None:
        """Break off the turn that is under way, as Escape does in the terminal."""
        self._ask("POST", f"/session/{session}/abort", {})

    def compact(self, session: str, model: str) -> None:
        """Have the model summarize the session."""
        self._ask("POST", f"/session/{session}/summarize", _model(model))

    def revert(self, session: str, message: str) -> None:
        """Take back a message and all after it. OpenCode removes them when the session goes on."""
        self._ask("POST", f"/session/{session}/revert", {"messageID": message})

    def delete(self, session: str) -> None:
        """Delete a session with its messages."""
        self._ask("DELETE", f"/session/{session}", None)

    def worktree(self) -> Path:
        """A git worktree that OpenCode makes in its data folder, under a random name, for sessions to work in."""
        folder = Path(str(self._ask("POST", "/experimental/worktree", {})["directory"]))
        assert (folder / ".git").is_file()
        return folder

    def sessions(self) -> Sequence[dict[str, Any]]:
        """Return the records of all sessions of the project."""
        return list(self._ask("GET", "/session", None))

    def messages(self, session: str) -> Sequence[dict[str, Any]]:
        """Return the records of a session's messages, without their parts."""
        return [entry["info"] for entry in self._ask("GET", f"/session/{session}/message", None)]

    def running_tools(self, session: str) -> Sequence[str]:
        """Return the names of the tools that OpenCode recorded as running."""
        parts = [part for entry in self._ask("GET", f"/session/{session}/message", None) for part in entry["parts"]]
        return [part["tool"] for part in parts if part["type"] == "tool" and part["state"]["status"] == "running"]

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")


class Server:
    """One server with one session and one model."""

    def __init__(self, api: Api, model: str) -> None:
        self._api = api
        self._model = model
        self.session = api.create()

    def say(self, prompt: str) -> None:
        """Do what `Api.say` does."""
        self._api.say(self.session, prompt, self._model)

    def shell(self, command: str) -> None:
        """Do what `Api.shell` does."""
        self._api.shell(self.session, command, self._model)

    def subtask(self, arguments: str) -> None:
        """Do what `Api.subtask` does."""
        self._api.subtask(self.session, arguments, self._model)

    def worktree(self) -> Path:
        """Do what `Api.worktree` does."""
        return self._api.worktree()


@contextmanager
def api(opencode: OpenCode) -> Iterator[Api]:
    """A server on the loopback interface, killed at the end."""
    process = opencode.popen("serve", "--hostname", "127.0.0.1", "--port", "0")
    with RunningTurn(process):
        yield Api(_url(process))


@contextmanager
def serving(opencode: OpenCode, model: str) -> Iterator[Server]:
    """A server with one session and one model, killed at the end."""
    with api(opencode) as server:
        yield Server(server, model)


def _model(name: str) -> Mapping[str, object]:
    return {"providerID": PROVIDER_ID, "modelID": name}


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
