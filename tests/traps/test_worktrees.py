"""A worktree that OpenCode made for a session belongs to the project of its repository.

It lies in OpenCode's data folder, below the project's id, and has a random name.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import (
    GLOBAL,
    T0,
    Database,
    DatabaseV2,
    JsonTree,
    Message,
    Project,
    Tokens,
    message,
    session,
)
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.shell import Shell

USED = Tokens(1200, 80, 20, 400, 10)
PROJECT = "opencode.project.name"
SHOP = Project(id="9d4275a8a2f4a5eb6701f428dcfcd5bce876ea65", worktree="/home/ada/src/shop")
USUAL = "/home/ada/.local/share/opencode/worktree"
ELSEWHERE = "/srv/data/opencode/worktree"
"""The same with `XDG_DATA_HOME=/srv/data`."""
STORES = ("json", "1.2.6", "1.18.33", "2.x")


def worked_in(directory: str, number: int = 1, project: Project = SHOP, root: str | None = None) -> Message:
    """A message of a session in a folder, which 1.x records as the root too."""
    of = session(T0 + number * 9_000, project=project, directory=directory)
    path = {"cwd": directory, "root": root or directory}
    return message(of, USED, T0 + number * 9_000 + 500, changes={"path": path})


@pytest.mark.parametrize("data", [USUAL, ELSEWHERE, r"C:\Users\ada\.local\share\opencode\worktree"])
def test_all_worktrees_of_opencode_are_one_project_with_their_repository(
    agent: Agent, store: Store, arrived: Arrived, data: str
) -> None:
    separator = "\\" if "\\" in data else "/"
    folders = [separator.join([data, SHOP.id, name]) for name in ("brave-otter", "calm-heron")]
    store.put_turn(worked_in(SHOP.worktree))
    store.put_turn(*(worked_in(folder, number) for number, folder in enumerate(folders, 2)))
    agent.once()
    assert arrived.messages_by(PROJECT) == {"shop": 3}
    assert {span.attributes["opencode.project.directory"] for span in arrived.chats()} == {SHOP.worktree}


def test_a_project_whose_id_is_no_hash_is_found_by_it(agent: Agent, store: Store, arrived: Arrived) -> None:
    project = replace(SHOP, id="p1")
    store.put_turn(worked_in(f"{ELSEWHERE}/p1/brave-otter", project=project))
    agent.once()
    assert arrived.messages_by(PROJECT) == {"shop": 1}


def test_2_x_names_the_folder_by_the_beginning_of_the_projects_id(agent: Agent, store: Store, arrived: Arrived) -> None:
    """1.x can be used in it too, and records it as the root."""
    store.put_turn(worked_in(f"{ELSEWHERE}/{SHOP.id[:6]}/brave-otter"), worked_in(f"{USUAL}/9d4275/calm-heron", 2))
    agent.once()
    assert arrived.messages_by(PROJECT) == {"shop": 2}


def test_the_beginning_of_two_ids_names_neither_of_them(agent: Agent, database: Database, arrived: Arrived) -> None:
    for each in ("shop-a", "shop-b"):
        database.put(replace(SHOP, id=f"projec-{each}", worktree=f"/home/ada/src/{each}"))
    of = worked_in(f"{ELSEWHERE}/projec/brave-otter", project=GLOBAL)
    database.put_turn(of)
    agent.once()
    assert arrived.messages_by(PROJECT) == {"brave-otter": 1}


def test_a_projects_file_that_is_being_written_is_waited_for(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    of = worked_in(f"{USUAL}/{SHOP.id}/brave-otter")
    tree.put(of.session, of)
    torn = tree.put_bytes(SHOP, b'{"id": "9d42')
    soon = time.time() + 60
    os.utime(torn, (soon, soon))  # young, however long this takes
    agent.once()
    assert arrived.messages() == 0
    tree.put(SHOP)
    agent.once()
    assert arrived.messages_by(PROJECT) == {"shop": 1}


def test_a_session_below_the_root_of_such_a_worktree_belongs_there_too(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    root = f"{USUAL}/{SHOP.id}/brave-otter"
    store.put_turn(worked_in(f"{root}/packages/api", root=root))
    agent.once()
    assert arrived.messages_by(PROJECT) == {"shop": 1}


def test_a_repository_that_nobody_names_any_more_leaves_the_folder(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    of = worked_in(f"{USUAL}/{SHOP.id}/brave-otter")
    store.put(of.session, of)  # and no project
    agent.once()
    assert arrived.messages_by(PROJECT) == {"brave-otter": 1}


def test_the_project_is_found_without_the_session(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """Its file is gone, and the messages are still there."""
    of = worked_in(f"{USUAL}/{SHOP.id}/brave-otter")
    tree.put(SHOP, of)
    agent.once()
    assert arrived.messages_by(PROJECT) == {"shop": 1}


def test_a_project_that_got_another_id_is_found_by_the_session(agent: Agent, store: Store, arrived: Arrived) -> None:
    """OpenCode renames the folder, and the messages keep the path with the old id."""
    store.put_turn(worked_in(f"{ELSEWHERE}/0a1b2c3d4e5f60718293a4b5c6d7e8f901234567/brave-otter"))
    agent.once()
    assert arrived.messages_by(PROJECT) == {"shop": 1}


def test_a_session_outside_any_project_is_found_by_the_id_in_its_folder(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    store.put(SHOP)
    store.put_turn(worked_in(f"{USUAL}/{SHOP.id}/brave-otter", project=GLOBAL, root="/"))
    agent.once()
    assert arrived.messages_by(PROJECT) == {"shop": 1}


def test_a_project_that_is_such_a_worktree_itself_keeps_its_folder(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    """The folder that was opened last can be recorded as the project's own."""
    folder = f"{USUAL}/{SHOP.id}/brave-otter"
    store.put_turn(worked_in(folder, project=replace(SHOP, worktree=folder)))
    agent.once()
    assert arrived.messages_by(PROJECT) == {"brave-otter": 1}


def test_a_worktree_that_a_user_made_stays_a_project_of_its_own(agent: Agent, store: Store, arrived: Arrived) -> None:
    """2.x never says more than the project: there it has always been its repository's."""
    folders = [
        "/home/ada/src/shop-1",
        "/home/ada/worktrees/shop/shop-2",
        f"/home/ada/worktree/{SHOP.id}/shop-3",
        "/home/ada/src/opencode/worktree/feature/shop-4",
        f"{USUAL}/shop-5",
    ]
    store.put_turn(*(worked_in(each, number) for number, each in enumerate(folders)))
    agent.once()
    own = {f"shop-{number}": 1 for number in range(1, 6)}
    assert arrived.messages_by(PROJECT) == ({"shop": 5} if isinstance(store, DatabaseV2) else own)


def test_both_generations_of_an_upgraded_store_are_one_project(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    folder = f"{ELSEWHERE}/{SHOP.id}/brave-otter"
    database.put_turn(worked_in(folder))
    DatabaseV2(database.path).create().put_turn(worked_in(folder, 2))
    agent.once()
    assert arrived.messages_by(PROJECT) == {"shop": 2}


@pytest.mark.parametrize("glob", ["shop", "/home/ada/src/shop"])
def test_the_summary_has_one_project_that_is_found_by_its_name(tmp_path: Path, glob: str) -> None:
    shell = Shell(tmp_path)
    folders = [f"{USUAL}/{SHOP.id}/{name}" for name in ("brave-otter", "calm-heron")]
    JsonTree(shell.data_dir).put_turn(
        *(worked_in(each, number) for number, each in enumerate([SHOP.worktree, *folders]))
    )
    found = json.loads(shell.output("summary", "projects", "--project", glob, "--json"))
    assert [(row["key"], row["messages"], row["sessions"]) for row in found["rows"]] == [(SHOP.worktree, 3, 3)]


class TestProcesses:
    """An `opencode` that runs in such a worktree is reported with the repository's project."""

    @staticmethod
    @contextmanager
    def running_in(folder: Path) -> Iterator[int]:
        """Run a program that is called opencode, and sleeps; yield its pid."""
        program = folder.parent / "opencode"
        shutil.copy(shutil.which("sleep") or "", program)
        process = subprocess.Popen([program, "1000"], cwd=folder)
        try:
            yield process.pid
        finally:
            process.kill()
            process.wait()

    @staticmethod
    def project_of(pid: int, receiver: OtlpReceiver) -> object:
        names = {
            each.attributes.get(PROJECT) for each in receiver.observed() if each.attributes.get("process.pid") == pid
        }
        assert len(names) == 1
        return names.pop()

    @staticmethod
    def made(agent: Agent, git: str | None) -> Path:
        """A worktree as OpenCode makes it, with git's file in it."""
        folder = agent.data_dir / "worktree" / SHOP.id / "brave-otter"
        (folder / "src").mkdir(parents=True)
        if git is not None:
            (folder / ".git").write_text(git)
        return folder

    @pytest.mark.parametrize("line", ["gitdir: {}\n", "gitdir: {}"])
    @pytest.mark.parametrize("inner", ["", "src"])
    def test_git_says_which_repository_it_is(self, agent: Agent, receiver: OtlpReceiver, line: str, inner: str) -> None:
        folder = self.made(agent, line.format("/home/ada/src/shop/.git/worktrees/brave-otter"))
        with self.running_in(folder / inner) as pid:
            agent.once()
        assert self.project_of(pid, receiver) == "shop"

    def test_git_may_say_it_relative_to_the_worktree(self, agent: Agent, receiver: OtlpReceiver) -> None:
        folder = self.made(agent, "gitdir: ../../../../../shop/.git/worktrees/brave-otter\n")
        with self.running_in(folder) as pid:
            agent.once()
        assert self.project_of(pid, receiver) == "shop"

    def test_a_message_from_there_says_it_too(self, agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
        """Git keeps no link, or another one."""
        folder = self.made(agent, None)
        tree.put_turn(worked_in(str(folder)))
        with self.running_in(folder) as pid:
            agent.once()
        assert self.project_of(pid, receiver) == "shop"

    @pytest.mark.parametrize("git", [None, "", "gitdir: ", "gitdir: /x", "\0\xff", "gitdir: /srv/bare.git/worktrees/x"])
    def test_without_either_it_keeps_the_folder(self, agent: Agent, receiver: OtlpReceiver, git: str | None) -> None:
        folder = self.made(agent, git)
        with self.running_in(folder) as pid:
            agent.once()
        assert self.project_of(pid, receiver) == "brave-otter"

    def test_a_worktree_that_a_user_made_is_its_own_project(self, agent: Agent, receiver: OtlpReceiver) -> None:
        folder = agent.home / "opencode" / "worktree" / "feature" / "hotfix"
        folder.mkdir(parents=True)
        (folder / ".git").write_text("gitdir: /home/ada/src/shop/.git/worktrees/hotfix\n")
        with self.running_in(folder) as pid:
            agent.once()
        assert self.project_of(pid, receiver) == "hotfix"
