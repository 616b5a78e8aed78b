"""The parser of forms: the same parts come out wherever the bytes are cut, and nothing that is no form gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uploading import BOUNDARY, part, whole

from axenix.errors import Refused
from axenix.multipart import Begin, End, Parser, boundary_of

CONTENT = st.one_of(st.binary(max_size=200), st.sampled_from(
    [b"", b"\r\n", b"\r\n--", b"--" + BOUNDARY.encode(), b"\r\n--" + BOUNDARY.encode()[:-1], b"\r\n\r\n", b"\r" * 40]))


def parsed(pieces: list[bytes]) -> list[tuple[str, bytes]]:
    parser, parts = Parser(BOUNDARY.encode()), []
    name, content = "", b""
    for piece in pieces:
        for event in parser.feed(piece):
            if isinstance(event, Begin):
                name, content = str(event), b""
            elif isinstance(event, End):
                parts.append((name, content))
            else:
                content += event
    parser.finish()
    return parts


@given(st.lists(st.tuples(st.sampled_from(["file", "title", "x"]), CONTENT), max_size=6), st.data())
def test_the_same_parts_come_out_wherever_the_bytes_are_cut(
    parts: list[tuple[str, bytes]], data: st.DataObject,
) -> None:
    body = whole(*[part(name, content) for name, content in parts])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=20)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)])]
    assert parsed(pieces) == parts
    assert parsed([body[at:at + 1] for at in range(len(body))]) == parts


@given(st.binary(max_size=400), st.integers(0, 400))
def test_whatever_comes_is_a_form_or_is_refused(noise: bytes, cut: int) -> None:
    for body in (noise, part("file", noise)[:cut], whole(part("file", noise))[:cut] + noise):
        try:
            parsed([body])
        except Refused as refused:
            assert refused.reason == "bad_multipart"


@pytest.mark.parametrize("kind, boundary", [
    ("multipart/form-data; boundary=abc", b"abc"), ('Multipart/Form-Data; charset=utf-8; boundary="a b:c"', b"a b:c"),
])
def test_a_boundary_is_read(kind: str, boundary: bytes) -> None:
    assert boundary_of(kind) == boundary


@given(st.text(max_size=100))
def test_a_content_type_of_any_kind_is_read_or_refused(kind: str) -> None:
    for header in (kind, f"multipart/form-data; boundary={kind}"):
        try:
            assert 1 <= len(boundary_of(header)) <= 70
        except Refused as refused:
            assert refused.reason in ("bad_multipart", "unsupported_media_type")
