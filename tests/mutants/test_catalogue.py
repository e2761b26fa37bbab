"""The catalogue of mutants does not rot: each still applies, and leaves a file that Python accepts."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.mutants.mutant import DoesNotApply, Mutant, catalogue, chosen
from tests.mutants.report import is_enough, line, share, table
from tests.mutants.trial import Tried, Verdict, compile_package, tried
from tests.support.paths import PACKAGE, ROOT

MUTANTS = catalogue()
ROOMS = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
SMALL = Mutant("series", "X1", "mistaken.py", "a + b", "a - b", "It subtracts.", ("test_made.py",))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_each_mutant_applies_and_its_file_compiles(mutant: Mutant) -> None:
    """If the code has moved: find the text that does the same now, or take the mutant out."""
    mutated = ast.dump(ast.parse(mutant.source_in(PACKAGE)))
    assert mutated != _right(mutant.file), "nothing but layout or a comment changes"


@cache
def _right(file: str) -> str:
    return ast.dump(ast.parse((PACKAGE / file).read_text(encoding="utf-8")))


def test_each_mutant_has_a_name_a_consequence_and_tests_that_exist() -> None:
    assert [name for name, number in Counter(each.id for each in MUTANTS).items() if number > 1] == []
    for mutant in MUTANTS:
        assert mutant.breaks.endswith(".") or mutant.equivalent, mutant.id
        assert bool(mutant.tests) != bool(mutant.equivalent), mutant.id
        assert [path for path in mutant.tests if not _is_test(path)] == [], mutant.id


def _is_test(path: str) -> bool:
    """True for a file of tests, a folder that has one, and a test or a class that is in its file."""
    file, _, name = path.partition("::")
    place = ROOT / "tests" / file
    if place.is_dir():
        return not name and any(place.rglob("test_*.py"))
    if not place.name.startswith("test_") or not place.is_file():
        return False
    name = name.rpartition("::")[2]
    return not name or any(f"{kind} {name}" in place.read_text(encoding="utf-8") for kind in ("def", "class"))


def test_every_room_has_mutants() -> None:
    mistaken = {each.file.partition("/")[0].removesuffix(".py") for each in MUTANTS}
    assert ROOMS - mistaken == {"__init__", "__main__"}
    assert len([each for each in MUTANTS if not each.equivalent]) >= 380


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout with one function. A test writes what tests it."""
    (tmp_path / "otel_agent").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "otel_agent" / "__init__.py").touch()
    (tmp_path / "otel_agent" / "mistaken.py").write_text("def plus(a, b):\n    return a + b\n\nEND = 'a - b'\n")
    # As in a real copy: bytecode by time and size would take a mutant for the right file within the same second.
    compile_package(tmp_path)
    return tmp_path


def write_test(copy: Path, statement: str) -> None:
    test = f"import threading\n\nfrom otel_agent.mistaken import plus\n\n\ndef test_plus():\n    {statement}\n"
    (copy / "tests" / "test_made.py").write_text(test)


def test_a_mutant_that_a_test_sees_is_killed_by_that_test(copy: Path) -> None:
    write_test(copy, "assert plus(2, 3) == 5")
    found = tried(SMALL, copy)
    assert found.verdict is Verdict.KILLED
    assert found.detail == "tests/test_made.py::test_plus"
    assert "a + b" in (copy / "otel_agent" / "mistaken.py").read_text(), "the mistake is taken back"


def test_a_second_mutant_of_the_same_size_is_not_taken_for_the_first(copy: Path) -> None:
    """Bytecode that goes by size and second would be that of the first one."""
    write_test(copy, "assert plus(2, 3) == 5")
    harmless = replace(SMALL, id="X6", becomes="b + a")
    assert [tried(each, copy).verdict for each in (SMALL, harmless)] == [Verdict.KILLED, Verdict.SURVIVED]


def test_a_mutant_that_no_test_sees_survives(copy: Path) -> None:
    write_test(copy, "assert plus(2, 0) == 2")
    assert tried(SMALL, copy).verdict is Verdict.SURVIVED


def test_a_mutant_whose_tests_are_all_skipped_was_not_tried(copy: Path) -> None:
    write_test(copy, "import pytest; pytest.skip('no Prometheus')")
    assert tried(SMALL, copy).verdict is Verdict.NOT_TRIED


def test_a_mutant_that_a_fixture_sees_at_the_end_is_killed(copy: Path) -> None:
    write_test(copy, "pass")
    test = copy / "tests" / "test_made.py"
    fixture = "@pytest.fixture(autouse=True)\ndef is_right():\n    yield\n    assert plus(2, 3) == 5\n"
    test.write_text(f"import pytest\n{test.read_text()}\n\n{fixture}")
    found = tried(SMALL, copy)
    assert found.verdict is Verdict.KILLED
    assert found.detail == "tests/test_made.py::test_plus"


def test_a_test_that_fails_without_the_mistake_kills_nothing(copy: Path) -> None:
    write_test(copy, "assert plus(2, 3) == 6")
    assert tried(SMALL, copy).verdict is Verdict.NOT_TRIED


def test_tests_that_do_not_end_prove_nothing(copy: Path) -> None:
    write_test(copy, "threading.Event().wait()")
    found = tried(SMALL, copy, limit_seconds=3)
    assert found.verdict is Verdict.TIMED_OUT
    assert found.detail == "the tests did not end within 3 s"


def test_a_mutant_that_keeps_its_module_from_being_imported_is_killed(copy: Path) -> None:
    broken = Mutant("series", "X2", "mistaken.py", "END = 'a - b'", "END = missing", "It is gone.", ("test_made.py",))
    write_test(copy, "assert plus(2, 3) == 5")
    assert tried(broken, copy).verdict is Verdict.KILLED


def test_a_mutant_that_cannot_be_tried_is_no_success(copy: Path) -> None:
    twice = Mutant("series", "X3", "mistaken.py", "a", "b", "It is there twice.", ("test_made.py",))
    nowhere = Mutant("series", "X4", "gone.py", "a", "b", "It is gone.", ("test_made.py",))
    untested = Mutant("series", "X5", "mistaken.py", "a + b", "a - b", "No test.", ("test_gone.py",))
    write_test(copy, "assert plus(2, 3) == 5")
    assert [tried(each, copy).verdict for each in (twice, nowhere, untested)] == [
        Verdict.DOES_NOT_APPLY,
        Verdict.DOES_NOT_APPLY,
        Verdict.NOT_TRIED,
    ]
    with pytest.raises(DoesNotApply, match=r"the text occurs \d+ times in mistaken\.py"):
        twice.source_in(copy / "otel_agent")


def verdicts(**numbers: int) -> list[Tried]:
    return [Tried(SMALL, Verdict[name.upper()]) for name, number in numbers.items() for _ in range(number)]


def test_equivalent_mutants_count_neither_for_nor_against_the_tests() -> None:
    assert share(verdicts(killed=19, survived=1, equivalent=7)) == 0.95
    assert is_enough(verdicts(killed=19, survived=1, equivalent=7))
    assert not is_enough(verdicts(killed=18, survived=1))
    assert not is_enough(verdicts(killed=100, does_not_apply=1))
    assert not is_enough(verdicts(killed=100, not_tried=1))
    assert share([]) == 1.0


def test_the_table_has_a_line_for_each_room_and_one_for_all() -> None:
    other = Mutant("doctor", "X6", "x.py", "a", "b", "It.", ("x.py",))
    lines = list(table([*verdicts(killed=2, survived=1), Tried(other, Verdict.KILLED)]))
    assert [each.split()[:3] for each in lines[1:]] == [["doctor", "1", "0"], ["series", "2", "1"], ["all", "3", "1"]]
    assert line(Tried(SMALL, Verdict.SURVIVED)) == "survived        X1     mistaken.py: It subtracts."


def test_mutants_are_chosen_by_room_and_by_name() -> None:
    rooms = {each.room for each in MUTANTS}
    assert chosen(MUTANTS, []) == MUTANTS
    assert {each.room for each in chosen(MUTANTS, ["series"])} == {"series"}
    assert [each.id for each in chosen(MUTANTS, ["N1"])] == ["N1"]
    assert "nowhere" not in rooms
    with pytest.raises(ValueError, match="no room and no mutant is called nowhere"):
        chosen(MUTANTS, ["series", "nowhere"])
