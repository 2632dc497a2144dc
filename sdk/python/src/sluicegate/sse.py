"""A parser of server-sent events, as the HTML standard defines them, for bytes that are cut anywhere.

No input or output here.
"""

from __future__ import annotations

from typing import NamedTuple

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Message(NamedTuple):
    """What an empty line completes. A browser drops messages without data; here a bare id is a cursor."""

    id: str | None
    """The `id` of this very message."""
    data: str | None
    """Its `data` lines, joined."""


class Parser:
    """Bytes in, messages out. What never gets its empty line is never given out."""

    def __init__(self) -> None:
        # Pieces of a line whose end has not come, to be joined once: a line in many pieces costs no more than in one.
        self._line: list[bytes] = []
        self._after_return = False
        self._at_start = True
        self._id: str | None = None
        self._data: list[str] | None = None

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete."""
        messages: list[Message] = []
        if self._after_return and data:
            # The second half of a line end that was cut.
            self._after_return = False
            data = data.removeprefix(b"\n")
        lines = data.splitlines(keepends=True)
        if not lines:
            return messages
        rest = b"" if lines[-1].endswith((b"\n", b"\r")) else lines.pop()
        for line in lines:
            if self._line:
                line = b"".join([*self._line, line])
                self._line = []
            self._read(line.rstrip(b"\r\n"), messages)
        self._after_return = not rest and data.endswith(b"\r")
        if rest:
            self._line.append(rest)
        return messages

    def _read(self, line: bytes, messages: list[Message]) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            if self._id is not None or self._data is not None:
                data = None if self._data is None else "\n".join(self._data)
                messages.append(Message(self._id, data))
                self._id = self._data = None
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            text = value.decode("utf-8", "replace")
            if self._data is None:
                self._data = [text]
            else:
                self._data.append(text)
        elif field == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
