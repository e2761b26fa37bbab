"""The project that a working directory belongs to."""

from __future__ import annotations

from pathlib import Path

from otel_agent.opencode.worktrees import worktree_of


def test_a_folder_belongs_to_the_repository_that_holds_it(tmp_path: Path) -> None:
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    (tmp_path / "shop" / "src" / "deep").mkdir(parents=True)
    assert worktree_of(str(tmp_path / "shop" / "src" / "deep")) == str(tmp_path / "shop")
    assert worktree_of(str(tmp_path / "shop")) == str(tmp_path / "shop")


def test_a_linked_worktree_is_a_project_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / ".git").write_text("gitdir: elsewhere")
    assert worktree_of(str(tmp_path / "linked")) == str(tmp_path / "linked")


def test_a_folder_outside_any_repository_is_its_own_project(tmp_path: Path) -> None:
    assert worktree_of(str(tmp_path)) == str(tmp_path)
    assert worktree_of("/no/such/folder") == "/no/such/folder"
    assert worktree_of("") == ""
