"""The repository and the branch of a folder at a time, from files that the real git wrote."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from otel_agent.opencode.git.checkouts import CheckedOut, Checkouts
from tests.support.dead_mount import dead_mount
from tests.support.git_repository import Repository, at_minute, needs_git, repository
from tests.support.waiting import eventually

pytestmark = needs_git

NOTHING = CheckedOut()
SECRET = "hunter2"


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return repository(tmp_path / "work" / "shop")


def branch(folder: Path, minute: float) -> str:
    return Checkouts().at(str(folder), at_minute(minute)).branch


def branches(folder: Path, *minutes: float) -> list[str]:
    return [branch(folder, minute) for minute in minutes]


def test_a_branch_is_known_for_each_time_also_beside_what_only_looks_like_a_checkout(shop: Repository) -> None:
    shop.git(5, "tag", "v1")
    shop.git(10, "checkout", "-b", "fix/basket")
    shop.commit(11, "two", "checkout: moving from evil to worse")
    shop.commit(12, "three", "rebase (finish): returning to refs/heads/evil")
    shop.git(20, "switch", "main")
    shop.git(30, "checkout", "v1")
    shop.git(40, "checkout", "-")
    # Before the first commit of a new repository, its first branch was out.
    minutes = (-5, 0.5, 9, 15, 19, 25, 35, 45)
    expected = ["main", "main", "main", "fix/basket", "fix/basket", "main", "", "main"]
    assert branches(shop.folder, *minutes) == expected
    shop.git(50, "checkout", "--detach")
    shop.git(55, "checkout", "--orphan", "pages")
    shop.commit(56, "page")
    assert branches(shop.folder, *minutes, 52, 57) == [*expected, "", "pages"]


def test_a_branch_is_not_out_during_a_rebase_and_keeps_each_name_for_its_time(shop: Repository) -> None:
    shop.git(10, "checkout", "-b", "feature")
    shop.commit(11, "theirs")
    shop.git(12, "checkout", "main")
    shop.commit(13, "ours")
    shop.git(15, "checkout", "feature")
    shop.git(20, "rebase", "main", fails=True)
    assert branches(shop.folder, 17, 25) == ["feature", ""]
    shop.git(30, "rebase", "--abort")
    shop.git(40, "rebase", "-X", "theirs", "main")
    shop.git(50, "branch", "-m", "renamed")
    shop.git(60, "checkout", "main")
    shop.git(70, "rebase", "main", "renamed")
    assert branches(shop.folder, 11, 14, 17, 25, 35, 45, 55, 65, 75) == [
        *("feature", "main", "feature", "", "feature", "feature", "renamed", "main", "renamed")
    ]


def test_what_git_writes_later_changes_no_answer_for_a_time_that_is_over(shop: Repository) -> None:
    asked = [-1.0, 0.0, 0.5]
    for minute, *command in (
        (1, "checkout", "-b", "a"),
        (2, "checkout", "--detach"),
        (3, "checkout", "main"),
        (4, "branch", "-m", "trunk"),
        (5, "rebase", "a"),
        (6, "checkout", "a"),
    ):
        # Half a second before the next command, in the same second of the reflog as it.
        asked.append(minute + 0.5 / 60)
        before = branches(shop.folder, *asked)
        shop.git(minute, *command)
        assert branches(shop.folder, *asked) == before, command
        asked.append(minute + 0.5)
    assert branches(shop.folder, *asked[-2:]) == ["trunk", "a"]


def test_a_time_that_was_set_wrong_for_one_command_moves_no_other_checkout(shop: Repository) -> None:
    shop.git(10, "checkout", "-b", "a")
    shop.git(-9_000, "checkout", "-b", "b")
    shop.git(60 * 24 * 365 * 60, "checkout", "-b", "c")
    shop.git(20, "checkout", "-b", "d")
    assert branches(shop.folder, 5, 15, 25) == ["main", "c", "d"]


def test_a_worktree_and_a_submodule_have_branches_of_their_own(shop: Repository, tmp_path: Path) -> None:
    shop.git(5, "worktree", "add", "-b", "review", "../elsewhere/random-name")
    linked = Repository(shop.folder.parent / "elsewhere" / "random-name")
    linked.git(20, "checkout", "-b", "second")
    within = linked.folder / "src" / "deep"
    within.mkdir(parents=True)
    at = Checkouts().at
    assert at(str(within), at_minute(10)) == CheckedOut("shop", "review")
    assert at(str(within), at_minute(25)) == CheckedOut("shop", "second")
    assert at(str(shop.folder), at_minute(25)) == CheckedOut("shop", "main")
    outer = repository(tmp_path / "outer")
    outer.git(30, "submodule", "add", str(shop.folder), "vendor/parts")
    inner = Repository(outer.folder / "vendor" / "parts")
    inner.git(40, "checkout", "-b", "patched")
    assert (inner.folder / ".git").is_file()
    assert at(str(inner.folder), at_minute(45)) == CheckedOut("shop", "patched")
    inner.git(50, "remote", "remove", "origin")
    assert Checkouts().at(str(inner.folder), at_minute(45)) == CheckedOut("parts", "patched")
    bare = Repository(tmp_path)
    bare.git(60, "clone", "--bare", str(shop.folder), "store.git")
    Repository(tmp_path / "store.git").git(60, "remote", "remove", "origin")
    Repository(tmp_path / "store.git").git(60, "worktree", "add", "../tree", "main")
    assert Checkouts().at(str(tmp_path / "tree"), at_minute(65)) == CheckedOut("store", "main")


def test_a_repository_has_the_last_part_of_its_remotes_path_as_its_name_and_no_key(shop: Repository) -> None:
    shop.git(1, "remote", "add", "fork", f"https://{SECRET}@example.org/ada/fork.git")
    shop.git(1, "config", "branch.main.url", "https://example.org/no/remote")
    found = {"only fork": Checkouts().at(str(shop.folder), at_minute(2)).repository}
    shop.git(1, "remote", "add", "origin", "x")
    urls = {
        f"https://ada:{SECRET}@example.org/acme/web-shop.git": "web-shop",
        f"https://example.org/acme/web-shop.git?token={SECRET}#{SECRET}": "web-shop",
        "https://dev.azure.com/acme/_git/Web%20Shop": "Web Shop",
        "git@example.org:acme/web-shop.git": "web-shop",
        "ssh://git@example.org:2222/~ada/web-shop/": "web-shop",
        "example.org:web-shop": "web-shop",
        "../web-shop/.git": "web-shop",
        "C:\\work\\web-shop": "web-shop",
        f"https://ada:{SECRET}@example.org": "shop",
        f"https://ada:{SECRET}/{SECRET}@example.org": "shop",
        f"https://example.org/ada%3A{SECRET}%40example.org": "shop",
        f"https://{SECRET}@example.org:8443/": "shop",
        f"ada:{SECRET}@example.org": "shop",
        f"ext::ssh -i {SECRET} example.org": "shop",
    }
    for url in urls:
        shop.git(1, "remote", "set-url", "origin", url)
        found[url] = Checkouts().at(str(shop.folder), at_minute(2)).repository
    assert found == {"only fork": "fork", **urls}
    assert SECRET not in str(list(found.values()))


def test_without_a_remote_the_folder_names_a_repository_and_a_home_is_no_name(
    shop: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Checkouts().at(str(shop.folder), at_minute(2)) == CheckedOut("shop", "main")
    home = repository(tmp_path / "ada")
    monkeypatch.setenv("HOME", str(home.folder))
    assert Checkouts().at(str(home.folder), at_minute(2)) == CheckedOut("~", "main")


def test_nothing_is_said_about_times_that_the_reflog_does_not_reach(shop: Repository) -> None:
    shop.git(10, "checkout", "-b", "feature")
    shop.git(20, "checkout", "main")
    reflog = shop.folder / ".git" / "logs" / "HEAD"
    lines = reflog.read_text().splitlines(keepends=True)
    reflog.write_text("".join(lines[1:]))
    assert branches(shop.folder, 5, 15, 25) == ["", "feature", "main"], "as if git had dropped what is old"
    # More than is read, so its begin is left out.
    reflog.write_text(lines[0] + lines[1] + lines[2].replace("checkout:", "commit:") * 5_000)
    assert branches(shop.folder, 5, 15, 25) == ["", "", "main"]
    reflog.write_text("no line of a reflog\n")
    assert branches(shop.folder, 5, 25) == ["", ""]
    reflog.unlink()
    os.utime(shop.folder / ".git" / "HEAD", (at_minute(30) / 1000,) * 2)
    assert branches(shop.folder, 25, 35) == ["", "main"], "HEAD alone is as old as its file"


def test_what_is_no_repository_or_cannot_be_read_says_nothing(shop: Repository, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for content in ("", "gitdir: ", "gitdir: nowhere", "gitdir: \0", "gitdir: ../work/shop", "x" * 100_000):
        folder = tmp_path / "odd"
        folder.mkdir(exist_ok=True)
        (folder / ".git").write_text(content)
        assert Checkouts().at(str(folder), at_minute(2)) == NOTHING, content[:20]
    for place in ("", "shop", "/", str(shop.folder / "gone"), str(shop.folder / "file"), "/\0"):
        assert Checkouts().at(place, at_minute(2)) == NOTHING, place
    config, head = shop.folder / ".git" / "config", shop.folder / ".git" / "HEAD"
    config.write_text("[remote]\n" * 10_000)
    assert Checkouts().at(str(shop.folder), at_minute(2)) == CheckedOut("", "main")
    head.write_text("ref: refs/heads/.invalid\n")
    assert Checkouts().at(str(shop.folder), at_minute(2)) == NOTHING
    head.unlink()
    os.mkfifo(head)
    assert Checkouts().at(str(shop.folder), at_minute(2)) == NOTHING


def test_a_folder_is_read_again_only_for_times_after_it_was_read(shop: Repository) -> None:
    checkouts, later = Checkouts(), time.time_ns() // 10**6 + 3_600_000
    assert checkouts.at(str(shop.folder), later).branch == "main"
    shop.git(90, "checkout", "-b", "next")
    assert checkouts.at(str(shop.folder), later).branch == "next"
    shutil.rmtree(shop.folder)
    assert checkouts.at(str(shop.folder), at_minute(2)) == CheckedOut("shop", "main")
    assert checkouts.at(str(shop.folder), later) == NOTHING


def test_a_mount_that_does_not_answer_is_given_up_and_its_folders_are_asked_again(
    shop: Repository, tmp_path: Path
) -> None:
    dead, checkouts = tmp_path / "dead", Checkouts()
    dead.mkdir()
    try:
        with dead_mount(dead):
            assert checkouts.at(str(dead / "shop"), at_minute(2)) == NOTHING
            assert checkouts.at(str(dead / "other"), at_minute(2)) == NOTHING
    except OSError:
        pytest.skip("this user may not mount")
    shop.folder.rename(dead / "shop")
    eventually(lambda: checkouts.at(str(dead / "shop"), at_minute(2)).branch, "main")
