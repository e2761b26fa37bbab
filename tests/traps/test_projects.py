"""A project is its worktree; outside any, the session's own directory."""

from __future__ import annotations

from dataclasses import replace

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import GLOBAL, T0, Database, DatabaseV2, JsonTree, Project, Tokens, message, session

USED = Tokens(1200, 80, 20, 400, 10)
SCRATCH = "/home/dev/scratch"


def test_the_project_of_a_global_session_is_its_directory(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(message(session(project=GLOBAL, directory=SCRATCH), USED))
    agent.once()
    assert arrived.tokens_by("opencode.project.name") == {"scratch": USED}


def test_the_project_of_a_global_session_in_a_database_is_its_directory(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    database.put_turn(message(session(project=GLOBAL, directory=SCRATCH), USED))
    agent.once()
    assert arrived.tokens_by("opencode.project.name") == {"scratch": USED}


def test_a_global_directory_that_becomes_a_repository_stays_one_project(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    """`git init` gives the directory a hash for an id, and OpenCode moves the session there."""
    before = message(session(project=GLOBAL, directory=SCRATCH), USED)
    tree.put_turn(before)
    agent.once()
    tree.remove(before.session)
    moved = replace(before.session, project=Project(id="3a400431f72d", worktree=SCRATCH))
    tree.put_turn(message(moved, USED, T0 + 40_000))
    agent.once()
    assert arrived.tokens_by("opencode.project.name") == {"scratch": USED.plus(USED)}
    assert arrived.messages() == 2


def test_two_clones_of_one_repository_are_two_projects(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """They share the root commit and so the project's id; its file names the clone opened last."""
    first = Project(worktree="/home/dev/projects/persona")
    second = Project(worktree="/home/dev/projects/persona-hotfix")
    for step, clone in enumerate((first, second)):
        of = session(T0 + step * 9_000, project=clone, directory=clone.worktree)
        tree.put_turn(message(of, USED, T0 + step * 9_000 + 500))
    agent.once()
    assert arrived.tokens_by("opencode.project.name") == {"persona": USED, "persona-hotfix": USED}


def test_a_session_that_goes_on_in_another_place_belongs_to_each_place_for_its_part(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """The record of a message says where it was written. All of these are read in one batch."""
    of = session()
    places = ["/home/dev/one", "/home/dev/two", "/home/dev/two", "/home/dev/one"]
    database.put_turn(
        *(
            message(of, USED, T0 + 60_000 * number, counter=number, changes={"path": {"root": place, "cwd": place}})
            for number, place in enumerate(places)
        )
    )
    agent.once()
    assert arrived.tokens_by("opencode.project.name") == {"one": USED.plus(USED), "two": USED.plus(USED)}


def test_a_session_started_below_the_root_belongs_to_the_project(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    database.put_turn(message(session(directory="/home/dev/projects/persona/src"), USED))
    agent.once()
    assert arrived.tokens_by("opencode.project.name") == {"persona": USED}


def test_messages_of_2_x_get_the_project_of_their_session(agent: Agent, arrived: Arrived) -> None:
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    new.put_turn(message(session(directory="/home/dev/projects/persona/src"), USED))
    new.put_turn(message(session(T0 + 9_000, project=GLOBAL, directory=SCRATCH), USED, T0 + 9_500))
    agent.once()
    assert arrived.tokens_by("opencode.project.name") == {"persona": USED, "scratch": USED}


def test_a_directory_in_the_home_folder_is_exported_without_it(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    worktree = str(agent.home / "projects" / "persona")
    tree.put_turn(message(session(project=Project(worktree=worktree), directory=worktree), USED))
    agent.once()
    assert arrived.chat().attributes["opencode.project.directory"] == "~/projects/persona"
    assert all(str(agent.home) not in str(span.attributes) for span in arrived.receiver.chats())
