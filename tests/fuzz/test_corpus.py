"""Every record of the corpus is decoded as it should be, and a record that is not would be found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.changes import _ODD, CORPUS, byte_like, json_like
from tests.fuzz.run import fuzz
from tests.fuzz.targets import TARGETS, Target, without_own_variables

RECORDS = [(target, path) for target in TARGETS for path in sorted((CORPUS / target.name).iterdir())]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave no setting of this shell to the targets, and give them all back afterwards."""
    monkeypatch.setenv("OTEL_AGENT_MAX_SERIES", "7")
    with monkeypatch.context():
        without_own_variables()
        yield


@pytest.mark.parametrize(("target", "path"), RECORDS, ids=[f"{target.name}-{path.name}" for target, path in RECORDS])
def test_each_record_of_the_corpus_is_decoded_as_it_should_be(target: Target, path: Path) -> None:
    target.check(path.read_bytes())


def test_each_target_has_a_corpus_and_each_corpus_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == {target.name for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_few_hundred_new_records_are_decoded_as_they_should_be(target: Target) -> None:
    found = fuzz(target, seconds=0, first_seed=1)
    assert found.broken is None, (found.broken.record[:400], found.broken.error)
    assert found.records > 300


def refuses_long(raw: bytes) -> None:
    if len(raw) > 30:
        raise IndexError(len(raw))


def test_a_record_that_fails_is_found_and_made_short() -> None:
    found = fuzz(Target("message", refuses_long, byte_like), seconds=0, first_seed=1)
    assert found.broken is not None
    assert isinstance(found.broken.error, IndexError)
    assert found.records == 1, "the corpus comes first"


def fails_on_a_list(raw: bytes) -> None:
    if raw.startswith(b"[["):
        raise KeyError(raw)


def test_of_new_records_that_fail_the_shortest_is_kept() -> None:
    found = fuzz(Target("session", fails_on_a_list, json_like), seconds=0, first_seed=1)
    assert found.broken is not None
    assert found.broken.record == b"[["


def test_the_same_seed_tries_the_same_records() -> None:
    """Changed bytes are enough to see it. For values Hypothesis also takes constants of the modules loaded so far, which
    are the same in each new process, and not in this one."""
    seen: list[list[bytes]] = [[], []]
    for records in seen:
        fuzz(Target("part", records.append, byte_like), seconds=0, first_seed=5)
    assert seen[0] == seen[1]
    assert len(set(seen[0])) > 100


def test_no_change_of_a_document_changes_the_next_one() -> None:
    """An odd value that came into a document, and was changed there, once became a part of itself."""
    before = repr(_ODD)
    fuzz(Target("message", lambda _: None, json_like), seconds=0, first_seed=1)
    assert repr(_ODD) == before


def test_the_program_says_what_it_tried_and_how_to_repeat_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["--seconds", "0", "--seed", "3", "--only", "command_line"], tmp_path) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "--seed 3 repeats these records"
    assert second.startswith("command_line: ")
    assert second.endswith(" records, none failed")
