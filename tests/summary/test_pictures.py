"""The pictures in the README show what the program draws."""

from __future__ import annotations

from docs.draw import FOLDER, pictures


def test_the_pictures_are_those_of_this_version() -> None:
    """If it fails: run `make pictures`, and look at them."""
    drawn = dict(pictures())
    assert {path.name for path in FOLDER.iterdir()} == set(drawn)
    for name, picture in drawn.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == picture, name


def test_no_blank_of_a_picture_is_torn() -> None:
    for path in FOLDER.iterdir():
        content = path.read_text(encoding="utf-8")
        assert content.count("#160;") == content.count("&#160;"), path.name


def test_the_pictures_fetch_nothing_from_elsewhere() -> None:
    for path in FOLDER.iterdir():
        assert "http" not in path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "").replace(
            "https://www.textualize.io", ""
        )
