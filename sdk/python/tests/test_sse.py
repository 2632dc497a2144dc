"""The parser: whatever way the bytes are cut, the messages are the same."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.sse import Message, Parser


def parse(*chunks: bytes) -> list[Message]:
    parser = Parser()
    return [message for chunk in chunks for message in parser.feed(chunk)]


def test_a_stream_of_the_server() -> None:
    stream = b'retry: 1000\n: sluicegate\n\nid: 1\ndata: {"seq":1}\n\n: heartbeat\n\nid: 3-4\n\ndata: {}\n\n'
    assert parse(stream) == [Message("1", '{"seq":1}'), Message("3-4", None), Message(None, "{}")]


def test_what_the_standard_says() -> None:
    assert parse(b"data: a\ndata: b\n\n") == [Message(None, "a\nb")]
    assert parse(b"data\n\n") == [Message(None, "")]
    assert parse(b"data:  two spaces\n\n") == [Message(None, " two spaces")]
    assert parse(b"data:a:b\n\n") == [Message(None, "a:b")]
    assert parse(b"event: x\ndata: y\nunknown: z\nunknown\n\n") == [Message(None, "y")]
    assert parse(b"id: 1\x00\ndata: y\n\n") == [Message(None, "y")]
    assert parse(b"id:\ndata: y\n\n") == [Message("", "y")]
    assert parse(b"\xef\xbb\xbfdata: bom\n\n") == [Message(None, "bom")]
    assert parse(b"data: \xff\n\n") == [Message(None, "\ufffd")]
    assert parse(b"data: a\r\ndata: b\rdata: c\n\r\n") == [Message(None, "a\nb\nc")]
    assert parse(b"data: never ended\n") == []


def test_a_line_end_in_two_pieces() -> None:
    assert parse(b"data: a\r", b"\n\r", b"\n") == [Message(None, "a")]
    assert parse(b"data: a\r", b"\r", b"data: b\n\n") == [Message(None, "a"), Message(None, "b")]


def test_a_long_line_in_many_pieces_is_not_read_again_and_again() -> None:
    size = 400_000
    pieces = [b"data: ", *([b"x"] * size), b"\n\n"]
    assert len(parse(*pieces)[0].data or "") == size


LINES = st.sampled_from(
    [
        b"id: 12",
        b"id: \xc3\xa9",
        b"data: {}",
        b"data: \xe2\x82\xac \xf0\x9f\x8c\x8a",
        b": beat",
        b"retry: 1",
        b"data",
        b"",
        b"",
    ]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"]))).map(
    lambda lines: b"".join(a + b for a, b in lines)
)


@given(STREAMS | st.binary(), st.lists(st.integers(0, 400)))
def test_any_chunking_gives_the_same_messages(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[start:end] for start, end in pairwise(places)]
    assert parse(*chunks) == parse(stream)
    assert parse(*(bytes([byte]) for byte in stream)) == parse(stream)
