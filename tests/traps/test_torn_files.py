"""Files that are half written, mangled, huge, or no files at all are read again soon and are never fatal."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import T0, Database, JsonTree, Tokens, as_file, in_flight, message, prompt, session

USED = Tokens(1200, 80, 20, 400, 10)

WHOLE = message(session(), USED)
SOUND = message(session(), USED, T0 + 40_000)
NEW = as_file(WHOLE.document())
OLD = as_file(replace(in_flight(WHOLE), changes={"system": ["be brief"] * 60}).document())

TORN = {
    "empty": b"",
    "a-prefix": NEW[: len(NEW) // 2],
    "all-but-the-last-byte": NEW[:-1],
    "an-old-tail": NEW + OLD[len(NEW) :],
    "zeros": b"\0" * len(NEW),
    "a-prefix-then-zeros": NEW[:100] + b"\0" * 400,
}


@pytest.fixture
def torn(tree: JsonTree) -> Path:
    """The path of a message whose session is there and whose file the test tears."""
    tree.put_turn(WHOLE, SOUND)
    return tree.path(WHOLE)


@pytest.mark.parametrize("content", TORN.values(), ids=list(TORN))
def test_a_torn_file_counts_once_it_is_whole(agent: Agent, torn: Path, arrived: Arrived, content: bytes) -> None:
    torn.write_bytes(content)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1), "only the sound message beside it"
    torn.write_bytes(NEW)
    agent.once()
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2, spans=2)


def test_a_counted_file_torn_by_a_rewrite_stays_counted_once(agent: Agent, torn: Path, arrived: Arrived) -> None:
    for content in (NEW, *TORN.values(), NEW):
        torn.write_bytes(content)
        agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_a_torn_file_made_whole_within_the_same_mtime_counts(agent: Agent, torn: Path, arrived: Arrived) -> None:
    """A coarse clock, or a restored file: the size changes, the time does not."""
    torn.write_bytes(NEW[:300])
    os.utime(torn, (1_000_000_000, 1_000_000_000))
    agent.once()
    torn.write_bytes(NEW)
    os.utime(torn, (1_000_000_000, 1_000_000_000))
    agent.once()
    assert arrived.messages() == 2


def test_messages_wait_for_a_torn_session_file(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """Whole again soon, it says that these were a sub-agent's calls: they are not booked to a person before."""
    of = session(parent=SOUND.session.id)
    tree.put_turn(message(of, USED))
    tree.put_bytes(of, as_file(of.document())[:80])
    agent.once()
    tree.put(of)
    agent.once()
    assert arrived.messages_by("opencode.agent.kind") == {"subagent": 1}
    assert arrived.tokens_by("opencode.project.name") == {"persona": USED}


def test_messages_count_without_a_session_file_that_stays_torn(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(WHOLE)
    torn = tree.put_bytes(WHOLE.session, as_file(WHOLE.session.document())[:80])
    os.utime(torn, (1_000_000_000, 1_000_000_000))
    agent.once()
    assert arrived.tokens_by("opencode.project.name") == {"persona": USED}


def test_messages_with_lone_surrogates_count(
    agent: Agent, tree: JsonTree, database: Database, arrived: Arrived
) -> None:
    """Half a character pair, which JavaScript writes and no UTF-8 can hold."""
    tree.put_turn(replace(WHOLE, agent="bu\ud83dild"))
    database.put_turn(replace(SOUND, model="glm\udc00", total=1690))
    agent.once()
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2, spans=2)


def test_a_lone_surrogate_in_a_title_or_a_directory_stops_nothing(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    tree.put_turn(message(session(title="half \ud83d", directory="/home/dev/\udc00"), USED))
    agent.once()
    assert arrived.holds(tokens=USED, spans=1)


def test_a_message_with_invalid_utf_8_counts_at_once_and_once(agent: Agent, torn: Path, arrived: Arrived) -> None:
    """The bytes that are no text are in the name of its agent only."""
    torn.write_bytes(NEW.replace(b'"agent": "build"', b'"agent": "b\xff\xc3ld"'))
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)
    torn.write_bytes(NEW)
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_a_message_of_20_mib_is_left_out_and_named(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """Nothing real comes near; it is not read, and that is said, not hidden."""
    tree.put_turn(replace(WHOLE, changes={"system": ["x" * (20 * 2**20)]}), SOUND)
    os.utime(tree.path(WHOLE), (1_000_000_000, 1_000_000_000))
    run = agent.once()
    assert arrived.holds(tokens=USED, messages=1)
    assert tree.path(WHOLE).name in run.stderr


def test_a_message_of_0_x_with_a_prompt_of_megabytes_counts(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(replace(WHOLE, changes={"system": ["x" * (4 * 2**20)]}))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_user_messages_of_megabytes_stop_nothing(
    agent: Agent, tree: JsonTree, database: Database, arrived: Arrived
) -> None:
    diffs = {"diffs": [{"file": "a.lock", "before": "x" * (4 * 2**20), "after": "y" * (4 * 2**20)}]}
    for store in (tree, database):
        store.put_turn(WHOLE)
        store.put(*(prompt(session(), T0 - 100 - n, summary=diffs) for n in range(3)))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_a_directory_named_like_a_message_stops_nothing(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(SOUND)
    tree.path(WHOLE).mkdir()
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_files_where_folders_belong_stop_nothing(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(SOUND)
    for stray in ("storage/message/ses_stray", "storage/session/stray", "storage/message/.DS_Store", "project"):
        (agent.data_dir / stray).write_text("not a folder")
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_a_pipe_named_like_a_message_is_not_opened(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """Opening it would wait for a writer that never comes."""
    tree.put_turn(SOUND)
    os.mkfifo(tree.path(WHOLE))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_links_are_not_counted_twice_nor_followed_for_ever(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """The links lead to a message, to its folder, to nothing, to themselves, and to an endless file."""
    tree.put_turn(SOUND)
    folder = tree.path(SOUND).parent
    (folder / "msg_link.json").symlink_to(tree.path(SOUND))
    (folder / "msg_nowhere.json").symlink_to(folder / "gone.json")
    (folder / "msg_endless.json").symlink_to("/dev/zero")
    (folder / "msg_itself.json").symlink_to(folder / "msg_itself.json")
    (folder / "msg_up.json").symlink_to(folder.parent)
    folder.with_name("ses_link").symlink_to(folder, target_is_directory=True)
    folder.with_name("ses_loop").symlink_to(folder.parent, target_is_directory=True)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1, spans=1)


def test_storage_moved_to_another_disk_is_read_through_its_link(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(SOUND)
    (agent.data_dir / "storage").rename(agent.home / "elsewhere")
    (agent.data_dir / "storage").symlink_to(agent.home / "elsewhere", target_is_directory=True)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_files_that_are_no_messages_are_left_alone(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """Editors, synchronisers and OpenCode itself leave such files beside messages."""
    tree.put_turn(SOUND)
    for name in ("msg_x.json.tmp", "msg_x.json~", ".msg_x.json.swp", "msg_x.txt", "README"):
        (tree.path(SOUND).parent / name).write_bytes(NEW)
    diff = agent.data_dir / "storage" / "session_diff" / f"{SOUND.session.id}.json"
    diff.parent.mkdir()
    diff.write_text("[]")
    (agent.data_dir / "storage" / "migration").write_text("2")
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.parametrize("place", ["file", "folder", "database"])
def test_a_place_without_permission_counts_once_it_may_be_read(public: Agent, arrived: Arrived, place: str) -> None:
    tree = JsonTree(public.data_dir)
    tree.put_turn(SOUND)
    hidden = replace(WHOLE, session=session(counter=2))
    if place == "database":
        Database(public.data_dir / "opencode.db").create().put_turn(hidden)
        public.data_dir.chmod(0o777)
        barred = public.data_dir / "opencode.db"
    else:
        tree.put_turn(hidden)
        barred = tree.path(hidden) if place == "file" else tree.path(hidden).parent
    mode = barred.stat().st_mode
    barred.chmod(0)
    public.once()
    assert arrived.holds(tokens=USED, messages=1)
    barred.chmod(mode)
    public.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_a_database_in_a_read_only_folder_is_read(public: Agent, arrived: Arrived) -> None:
    """A read-only mount: SQLite cannot lay its `-shm` beside a WAL database there."""
    Database(public.data_dir / "opencode.db").create().put_turn(SOUND)
    public.data_dir.chmod(0o555)
    public.once()
    public.data_dir.chmod(0o755)
    assert arrived.holds(tokens=USED, messages=1)
