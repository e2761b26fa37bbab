"""Makes records of those in a corpus: a few fields changed, or a few bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

CORPUS: Final = Path(__file__).parent / "corpus"

_ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -0.0, -1, 1, 0.5, 12.0, 1e300, -1e-300, float("nan"), float("inf"), float("-inf")),
    *(2**31, 2**53 + 1, 2**63 - 1, 2**63, 10**12, 10**12 + 1, 10**40, 9_000_000_000_000, 8_999_999_999_999),
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "\udfffx",
        "\u202e",
        "x" * 1_024,
        "x" * 1_025,
        "\u00e9" * 1_025,
        "null",
        "12",
        "NaN",
    ),
    *(
        "assistant",
        "user",
        "error",
        "running",
        "tool",
        "default",
        "anthropic",
        "google",
        "1.0.61",
        "2.0.1",
        "../../etc",
    ),
    *([], {}, [[]], [{}], {"": None}, [None], {"created": 1}, {"input": 1}, {"name": "x"}),
)
"""Values that some field may not have, and some other field may. A document gets a copy: the next change may change that."""
_TIMES: Final = st.integers(1_769_174_000_000, 1_769_176_000_000)
_VALUES: Final[st.SearchStrategy[Any]] = st.one_of(
    st.sampled_from(_ODD), st.integers(-5, 10**6), _TIMES, st.floats(), st.text(max_size=12)
)
_NAMES: Final = st.sampled_from(
    (
        *("id", "role", "time", "created", "completed", "streamed", "start", "end", "tokens", "input", "output"),
        *("reasoning", "cache", "read", "write", "total", "cost", "error", "type", "state", "status", "metadata"),
        *("content", "model", "agent", "mode", "path", "root", "finish", "summary", "variant", "retry", "attempt"),
    )
)
_DEEPEST: Final = 60_000
"""Brackets in a row: no parser that calls itself for each survives that."""


def corpus(target: str) -> list[bytes]:
    """Return the records of a target's corpus."""
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


def json_like(records: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return records of JSON with some fields changed; some are torn, too, or are no text."""
    documents = [json.loads(raw) for raw in records if _is_json(raw)]
    written = st.builds(_written, st.sampled_from(documents), st.lists(_CHANGE, max_size=4), st.booleans())
    return st.one_of(written, written, written, byte_like(records), _NESTED)


def byte_like(records: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return records with some bytes changed, whatever they are."""
    return st.builds(_torn, st.sampled_from(list(records)), st.lists(_BYTE_CHANGE, min_size=1, max_size=4))


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except ValueError:
        return False
    return True


_Change = Callable[[Any], Any]
"""Changes one object or list of a document, in place."""


def _written(document: Any, changes: list[tuple[int, _Change]], ascii_only: bool) -> bytes:
    changed = json.loads(json.dumps(document))
    for where, change in changes:
        places = list(_places(changed))
        if places:
            change(places[where % len(places)])
    return json.dumps(changed, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def _places(value: Any) -> list[Any]:
    """Return every object and list that is not empty, from the outside in."""
    found, rest = [], [value]
    while rest:
        each = rest.pop()
        if isinstance(each, dict | list) and each:
            found.append(each)
            rest += each.values() if isinstance(each, dict) else each
    return found


def _set(at: int, new: Any) -> _Change:
    def change(place: Any) -> None:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        place[keys[at % len(keys)]] = deepcopy(new)

    return change


def _drop(at: int) -> _Change:
    def change(place: Any) -> None:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        del place[keys[at % len(keys)]]

    return change


def _add(name: str, new: Any) -> _Change:
    def change(place: Any) -> None:
        if isinstance(place, dict):
            place[name] = deepcopy(new)
        else:
            place.append(deepcopy(new))

    return change


def _wrap(at: int) -> _Change:
    def change(place: Any) -> None:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = keys[at % len(keys)]
        place[key] = [place[key]]

    return change


_AT: Final = st.integers(0, 60)
_CHANGE: Final[st.SearchStrategy[tuple[int, _Change]]] = st.tuples(
    _AT,
    st.one_of(
        st.builds(_set, _AT, _VALUES),
        st.builds(_drop, _AT),
        st.builds(_add, _NAMES, _VALUES),
        st.builds(_wrap, _AT),
    ),
)
_BYTE_CHANGE: Final = st.tuples(
    st.sampled_from(("cut", "insert", "replace", "twice")), st.integers(0, 4_096), st.binary(max_size=6)
)
_NESTED: Final = st.builds(
    lambda opening, number: opening * number,
    st.sampled_from((b"[", b'{"a":', b'{"tokens":[')),
    st.integers(1, _DEEPEST),
)


def _torn(raw: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    for kind, where, new in changes:
        at = where % (len(raw) + 1)
        match kind:
            case "cut":
                raw = raw[:at]
            case "insert":
                raw = raw[:at] + new + raw[at:]
            case "replace":
                raw = raw[:at] + new + raw[at + len(new) :]
            case _:
                raw = raw[:at] + raw[at // 2 :]
    return raw
