"""These tests build, install and release as a person does, who has a home with a cache, and maybe a proxy."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def surroundings() -> None:
    """Leave the home and the way to the network as they are: uv asks a package index, and keeps what it got."""
