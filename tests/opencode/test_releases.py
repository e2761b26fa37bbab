"""The releases that are newer than what was tested."""

from __future__ import annotations

import pytest

from otel_agent.opencode.releases import newer_than_known


@pytest.mark.parametrize(
    "version", ["0.1.194", "0.15.31", "1.0.61", "1.1.27", "1.18.33", "v1.2.6", "2.0.0", "2.7.1", "0.0.0-dev-202511"]
)
def test_a_tested_release_is_not_newer(version: str) -> None:
    assert newer_than_known([version]) == []


@pytest.mark.parametrize("version", ["1.19.0", "1.19.0-beta.1", "3.0.0", "10.1", "1.100.0"])
def test_a_release_after_the_tested_ones_is_newer(version: str) -> None:
    assert newer_than_known([version]) == [version.partition("-")[0]]


@pytest.mark.parametrize(
    "version", ["", "local", "latest", "1", "x" * 10_000, "9" * 10_000, "-1.2.3", "\0", "3.", "\x1b[31m"]
)
def test_a_text_that_is_no_version_is_not_newer(version: str) -> None:
    assert newer_than_known([version]) == []


def test_newer_releases_are_listed_once_each_with_the_oldest_first() -> None:
    assert newer_than_known(["3.0.0", "1.20.0", "1.19.2", "3.0.0", "1.2.6"]) == ["1.19.2", "1.20.0", "3.0.0"]


def test_only_the_version_is_kept_of_a_longer_text() -> None:
    assert newer_than_known(["3.1.0\x1b[31m" + "x" * 10_000]) == ["3.1.0"]
