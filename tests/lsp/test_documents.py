"""Live texts: edits in every position encoding, versions, and what happens to what cannot be followed."""

from __future__ import annotations

import logging
import random
from typing import Any

import msgspec
import pytest

from backburner.lsp.capabilities import Encoding
from backburner.lsp.documents import ContentChange, Document, Documents, Position, Range
from backburner.model.anchor import text_id

URI = "file:///p/a.py"


def opened(text: str, encoding: Encoding = "utf-16", version: int = 1) -> Documents:
    documents = Documents()
    documents.encoding = encoding
    documents.open(URI, text, version=version)
    return documents


def edit(start: tuple[int, int], end: tuple[int, int], text: str) -> ContentChange:
    return ContentChange(text, Range(Position(*start), Position(*end)))


def text_after(documents: Documents, *changes: ContentChange, version: int = 2) -> str:
    documents.change(URI, version, changes)
    document = documents.get(URI)
    assert document is not None
    return document.text


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ("a\nb\n", edit((0, 1), (0, 1), "x"), "ax\nb\n"),
        ("a\nb\n", edit((0, 0), (1, 0), ""), "b\n"),
        ("a\nb\n", edit((0, 1), (1, 1), ""), "a\n"),
        ("a\nb\n", edit((1, 0), (1, 0), "1\n2\n3"), "a\n1\n2\n3b\n"),
        ("a\nb", edit((1, 1), (1, 1), "\n"), "a\nb\n"),
        ("", edit((0, 0), (0, 0), "new\n"), "new\n"),
        ("a\nb\n", edit((0, 0), (2, 0), ""), ""),
        ("a\nb\n", edit((0, 0), (0, 1), "x\r\ny\rz"), "x\ny\nz\nb\n"),
        ("a\fb\x0bc\u2028d\n", edit((0, 7), (0, 7), "!"), "a\fb\x0bc\u2028d!\n"),
    ],
)
def test_an_edit_changes_exactly_its_range(before: str, change: ContentChange, after: str) -> None:
    assert text_after(opened(before), change) == after


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (edit((0, 99), (0, 99), "x"), "ax\nb\n"),
        (edit((99, 0), (99, 5), "x"), "a\nb\nx"),
        (edit((1, 0), (99, 99), ""), "a\n"),
        (edit((1, 1), (0, 1), ""), "a\n"),
    ],
)
def test_a_range_past_the_end_is_clamped_and_a_swapped_one_put_in_order(change: ContentChange, after: str) -> None:
    assert text_after(opened("a\nb\n"), change) == after


@pytest.mark.parametrize(
    ("encoding", "column"),
    [("utf-8", 1 + 4 + 2), ("utf-16", 1 + 2 + 1), ("utf-32", 3)],
)
def test_columns_count_in_the_negotiated_units(encoding: Encoding, column: int) -> None:
    assert text_after(opened("a😀é|\n", encoding), edit((0, column), (0, column), "X")) == "a😀éX|\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_random_edits_give_the_same_text_as_on_one_string(encoding: Encoding) -> None:
    """Against the simplest thing that can be right: slicing one string at code points."""
    chance = random.Random(7)
    alphabet = "ab é😀\n\n"
    width = {"utf-8": lambda s: len(s.encode()), "utf-16": lambda s: len(s.encode("utf-16-le")) // 2, "utf-32": len}
    expected = "".join(chance.choices(alphabet, k=60))
    documents = opened(expected, encoding)
    for version in range(2, 300):
        a, b = sorted(chance.randrange(len(expected) + 1) for _ in range(2))
        b = min(b, a + 9)
        new = "".join(chance.choices(alphabet, k=chance.randrange(6)))

        def place(index: int, text: str = expected) -> tuple[int, int]:
            head = text[:index]
            return head.count("\n"), width[encoding](head.rpartition("\n")[2])

        after = text_after(documents, edit(place(a), place(b), new), version=version)
        expected = expected[:a] + new + expected[b:]
        assert after == expected
    document = documents.get(URI)
    assert document is not None
    assert document.text_id == text_id(expected)


def test_the_id_follows_the_text() -> None:
    documents = opened("a\n")
    document = documents.get(URI)
    assert document is not None
    assert document.text_id == text_id("a\n")
    documents.change(URI, 2, [edit((0, 1), (0, 1), "b")])
    assert document.text_id == text_id("ab\n")
    documents.change(URI, 3, [ContentChange("whole\n")])
    assert document.text_id == text_id("whole\n")


def test_an_older_version_is_ignored_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    documents = opened("a\n", version=5)
    assert text_after(documents, edit((0, 0), (0, 1), "x"), version=4) == "a\n"
    assert "at 5" in caplog.text
    assert text_after(documents, edit((0, 0), (0, 1), "x"), version=6) == "x\n"


def test_changes_that_come_in_the_wrong_order_are_applied_in_that_of_their_versions() -> None:
    """Helix 25.01 does this with what is typed fast: it sends each change from a task of its own."""
    chance = random.Random(7)
    in_order, mixed = opened("one\ntwo\n"), opened("one\ntwo\n")
    version = 1
    for _ in range(60):
        burst: list[tuple[int, list[ContentChange]]] = []
        for _ in range(chance.randrange(1, 7)):
            lines = in_order.get(URI).lines  # pyright: ignore[reportOptionalMemberAccess]
            a, b = sorted((n := chance.randrange(len(lines)), chance.randrange(len(lines[n]) + 1)) for _ in range(2))
            version += chance.randrange(1, 3)
            change = edit(a, b, chance.choice(["x", "y\n", "", "z z"]))
            if chance.random() < 0.1:
                change = ContentChange("a new text\nof two lines\n")
            burst.append((version, [change]))
            in_order.change(URI, *burst[-1])
        for message in chance.sample(burst, len(burst)):
            mixed.change(URI, *message)
        ours, theirs = mixed.get(URI), in_order.get(URI)
        assert ours is not None
        assert theirs is not None
        assert (ours.lines, ours.text_id, ours.version) == (theirs.lines, theirs.text_id, version)


def test_a_change_without_a_version_counts() -> None:
    documents = opened("a\n", version=5)
    documents.change(URI, None, [ContentChange("b\n")])
    document = documents.get(URI)
    assert document is not None
    assert (document.text, document.version) == ("b\n", 5)


def test_a_change_of_a_text_that_is_not_open_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    documents = Documents()
    assert documents.change(URI, 1, [ContentChange("a")]) is None
    assert "not open" in caplog.text


@pytest.mark.parametrize(
    ("text", "eol", "mixed"),
    [
        ("a\nb\n", "\n", False),
        ("a\r\nb\r\n", "\r\n", False),
        ("a\rb\r", "\r", False),
        ("a\r\nb\n", "\r\n", True),
        ("a\nb\r\n", "\n", True),
        ("no end", "\n", False),
    ],
)
def test_the_text_has_line_feeds_and_the_original_end_is_known(text: str, eol: str, mixed: bool) -> None:
    document = Document(URI, "", 1, text)
    assert document.text == text.replace("\r\n", "\n").replace("\r", "\n")
    assert (document.eol, document.mixed_eol) == (eol, mixed)


def test_listeners_see_the_text_after_each_single_edit_of_a_message() -> None:
    documents = opened("a\n")
    seen: list[tuple[str, str]] = []
    stop = documents.subscribe(lambda what, document: seen.append((what, document.text)))
    documents.change(URI, 2, [edit((0, 0), (0, 0), "1"), edit((0, 0), (0, 0), "2")])
    documents.close(URI)
    stop()
    documents.open(URI, "later")
    assert seen == [("edited", "1a\n"), ("edited", "21a\n"), ("changed", "21a\n"), ("closed", "21a\n")]


def test_a_failing_listener_does_not_put_the_text_out_of_step(caplog: pytest.LogCaptureFixture) -> None:
    documents = opened("a\n")

    def fail(what: str, document: Document) -> None:
        raise ValueError("broken listener")

    documents.subscribe(fail)
    with caplog.at_level(logging.ERROR):
        assert text_after(documents, edit((0, 0), (0, 0), "1"), edit((0, 0), (0, 0), "2")) == "21a\n"
    assert "broken listener" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        "text",
        [{"text": 3}],
        [{"text": "a", "range": {"start": {"line": -1, "character": 0}, "end": {"line": 0, "character": 0}}}],
        [{"range": None}],
    ],
)
def test_an_edit_of_a_wrong_shape_makes_the_text_doubtful_until_it_comes_whole(changes: Any) -> None:
    documents = opened("a\n")
    params = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": changes}
    with pytest.raises(msgspec.ValidationError):
        documents.apply("textDocument/didChange", msgspec.Raw(msgspec.json.encode(params)))
    document = documents.get(URI)
    assert document is not None
    assert document.doubtful
    assert document.text == "a\n"
    documents.change(URI, 3, [ContentChange("b\n")])
    assert not document.doubtful
