"""The JSON of a row, as it is asked for: all of it, or of a large row of 2.x only the fields that we use."""

from typing import Final

import msgspec

from otel_agent.opencode.decode import MAX_BYTES

BYTES: Final = "length(CAST(m.data AS BLOB))"
"""Bytes. To count the characters took as long as to read the rest of a row of 3,000."""
JSON: Final = f"CASE WHEN {BYTES} <= {MAX_BYTES} THEN m.data END"
LARGE: Final = 65_536
"""From this number of bytes on, SQLite takes the fields that we use out of the JSON. Rows of 2.x hold the output
of their tools, and so can have megabytes; none is too large to be counted."""
_FIELDS: Final = ("agent", "model", "time", "cost", "tokens", "finish", "error", "retry", "status")
_FIRST_ITEM: Final = ("type", "time")
"""When the answer began. A row without content gets an item of no type, which says nothing."""
_PATHS: Final = (*_FIELDS, *(f"content[0].{name}" for name in _FIRST_ITEM))
# One function for all fields: each call would parse the row once more, and one of 20 MB takes 0.4 s to parse.
JSON_WITHOUT_CONTENT: Final = (
    f"CASE WHEN {BYTES} <= {LARGE} THEN m.data WHEN json_valid(m.data) "
    f"THEN json_extract(m.data, {', '.join(repr(f'$.{path}') for path in _PATHS)}) END"
)


_extracted: Final = msgspec.json.Decoder(list[msgspec.Raw])


def whole(extracted: bytes) -> bytes:
    """Return what SQLite took out of a large row in the form in which a row has it. Raises ``msgspec.MsgspecError``."""
    values = _extracted.decode(extracted)
    item = dict(zip(_FIRST_ITEM, values[len(_FIELDS) :], strict=True))
    return msgspec.json.encode(dict(zip(_FIELDS, values, strict=False)) | {"content": [item]})
