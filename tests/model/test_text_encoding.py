"""Bytes to text and back."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.model.result import FileStyle
from backburner.model.text import decode, encode

LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=8)


@pytest.mark.parametrize(
    ("data", "text", "style"),
    [
        (b"", "", FileStyle()),
        (b"a\nb", "a\nb", FileStyle()),
        (b"a\r\nb\r\n", "a\nb\n", FileStyle(eol="\r\n")),
        (b"a\rb\r", "a\nb\n", FileStyle(eol="\r")),
        (codecs.BOM_UTF8 + "é\n".encode(), "é\n", FileStyle(bom=True)),
        (
            codecs.BOM_UTF16_LE + "é\r\n".encode("utf-16-le"),
            "é\n",
            FileStyle(encoding="utf-16-le", bom=True, eol="\r\n"),
        ),
        (codecs.BOM_UTF16_BE + "😀\n".encode("utf-16-be"), "😀\n", FileStyle(encoding="utf-16-be", bom=True)),
        (b"form\x0cfeed\n\xe2\x80\xa8same line\n", "form\x0cfeed\n\u2028same line\n", FileStyle()),
        (b"progress 1\rprogress 2\n", "progress 1\rprogress 2\n", FileStyle()),
    ],
)
def test_style_is_found_and_bytes_come_back(data: bytes, text: str, style: FileStyle) -> None:
    decoded = decode(data)
    assert decoded is not None
    assert decoded == (text, style)
    assert encode(decoded.text, decoded.style) == data


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"MZ\x90\0\x03",
        "café".encode("latin-1"),
        codecs.BOM_UTF16_LE + b"a",
        codecs.BOM_UTF32_LE + "a".encode("utf-32-le"),
    ],
)
def test_what_is_not_text_is_refused(data: bytes) -> None:
    assert decode(data) is None


def test_unchanged_lines_keep_their_own_ends_in_a_mixed_file() -> None:
    data = b"one\r\ntwo\nthree\r\nfour\r\n"
    decoded = decode(data)
    assert decoded is not None
    assert decoded.style.eol == "\r\n"
    assert encode(decoded.text, decoded.style, like=data) == data
    changed = decoded.text.replace("three\n", "3\n3.5\n")
    assert encode(changed, decoded.style, like=data) == b"one\r\ntwo\n3\r\n3.5\r\nfour\r\n"


def test_a_lone_surrogate_is_not_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode("\ud800", FileStyle())


@given(st.lists(LINE), st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]))
def test_consistent_files_round_trip_exactly(lines: list[str], eol: str, encoding: str) -> None:
    style = FileStyle(encoding=encoding, bom=encoding != "utf-8", eol=eol)  # pyright: ignore
    data = encode("\n".join(lines), style)
    decoded = decode(data)
    if not data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or style.bom:
        assert decoded is not None
        assert encode(decoded.text, decoded.style) == data


@given(st.lists(st.tuples(LINE, st.sampled_from(["\n", "\r\n"]))))
def test_mixed_files_round_trip_exactly_with_like(lines: list[tuple[str, str]]) -> None:
    data = "".join(line + end for line, end in lines).encode()
    decoded = decode(data)
    assert decoded is not None
    assert encode(decoded.text, decoded.style, like=data) == data
