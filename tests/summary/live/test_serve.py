"""The live screen in a real browser: an address with a token, nothing from elsewhere, and no process afterwards."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.browser import browser
from tests.support.made_stores import Tokens, message, session
from tests.support.made_stores.json_tree import JsonTree
from tests.support.noon import zone_at_noon
from tests.support.shell import Shell
from tests.support.waiting import eventually


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, zone_at_noon())


@pytest.fixture
def server(shell: Shell) -> Iterator[subprocess.Popen[str]]:
    now = round(time.time() * 1000)
    of = session(created=now - 60_000, counter=1, title="The served session")
    JsonTree(shell.data_dir).put_turn(message(of, Tokens(input=7), at=now - 40_000, counter=1, completed=now - 39_000))
    started = shell.start("summary", "--live", "--serve")
    yield started
    for child in children(started):
        child.kill()
    started.kill()
    started.communicate()


def address(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    said = re.search(r"http://127\.0\.0\.1:\d+/\S+/", server.stdout.readline())
    assert said is not None
    return said[0]


def children(server: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.browser
def test_a_browser_shows_the_screen_takes_keys_and_leaves_no_process(
    server: subprocess.Popen[str], tmp_path: Path
) -> None:
    url = address(server)

    async def look() -> list[str]:
        async with browser(tmp_path) as page:
            await page.open(url)
            # Another test may run an OpenCode process on this machine at the same time.
            await page.receives("No OpenCode process is running.", "Running OpenCode: ")
            await page.focus()
            await page.press("2")
            await page.receives("The served session")
            assert len(children(server)) == 1
            return page.asked

    asked = asyncio.run(look())
    # The browser asks for a picture of its own accord, at the same place.
    port = url.split("/")[2]
    assert all(each.split("/")[2] == port for each in asked), asked
    assert any(each.startswith("ws://") for each in asked)
    eventually(lambda: len(children(server)), 0)
    server.send_signal(signal.SIGINT)
    assert server.wait(30) == 0


def test_only_the_address_with_the_token_is_answered(server: subprocess.Popen[str]) -> None:
    url = address(server)
    root = url.rsplit("/", 2)[0]
    assert status(url) == 200
    for wrong in ("/", "/ws", "/static/js/textual.js", f"/{'x' * 32}/", f"{url[len(root) :][:-2]}/", "/%2e%2e/"):
        assert status(root + wrong) == 403, wrong
    listening = {each.laddr.ip for each in psutil.Process(server.pid).net_connections() if each.status == "LISTEN"}
    assert listening == {"127.0.0.1"}
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0


def test_without_the_package_it_says_which_one_is_missing(shell: Shell) -> None:
    (shell.home / "textual_serve").mkdir()
    (shell.home / "textual_serve" / "__init__.py").write_text("raise ImportError('No module named textual_serve')\n")
    path = os.pathsep.join((str(shell.home), shell.environment()["PYTHONPATH"]))
    run = shell.run("summary", "--live", "--serve", PYTHONPATH=path)
    assert run.returncode == 1
    assert "--serve needs the package textual-serve" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--serve"], "otel-agent summary --live --serve"),
        (["--live", "--port", "8080"], "otel-agent summary --live --serve --port 8080"),
    ],
)
def test_options_that_need_another_say_so(arguments: list[str], said: str, shell: Shell) -> None:
    run = shell.run("summary", *arguments)
    assert run.returncode == 2
    assert said in run.stderr
