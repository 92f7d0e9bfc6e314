"""What a model wrote is shown without images and HTML: two renderers are asked what they would make of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from backburner.review.inert import fenced, inert, inert_document

PLAIN = MarkdownIt("commonmark", {"html": True})
RICH = MarkdownIt("js-default", {"html": True, "linkify": True}).use(dollarmath_plugin)
PIECES = st.sampled_from(
    [
        *(
            "`",
            "``",
            "```",
            "~~~",
            "\n",
            "\n\n",
            "\r",
            "\t",
            "    ",
            "  ",
            " ",
            "- ",
            "> ",
            "1. ",
            "# ",
            "|",
            "---",
            "\\",
        ),
        *(
            "![x](https://h.invalid/)",
            "![x]",
            "![",
            "](u)",
            "]:",
            "[x]: https://h.invalid/",
            "[a](",
            ")",
            '"',
            "'",
            "$",
            "$$",
        ),
        *(
            "<img src=https://h.invalid/>",
            "<",
            "</",
            "<!--",
            "-->",
            "<div>",
            "https://h.invalid/",
            "www.h.invalid",
            "text",
        ),
        *("&lt;", "<https://h.invalid/`>", "\x0b", "\x0c", "\u00a0", "\u2028", "*", "~~", "=", ":"),
    ]
)


def shown(tokens: Iterable[Token]) -> Iterator[str]:
    """Kinds of everything that a renderer shows."""
    for token in tokens:
        yield token.type
        yield from shown(token.children or ())


@given(st.lists(PIECES, max_size=30).map("".join))
@settings(max_examples=3000, deadline=None)
@example("a `\n- ![x](https://h.invalid/) `")
@example("https://h.invalid/`![x](https://h.invalid/)`")
@example("| `![x](https://h.invalid/) | b` |\n|-|-|\n")
@example("$a `$ ![x](https://h.invalid/) `")
@example('[a](b " ` ") ![x](https://h.invalid/) `')
@example("$$\n```\n$$\n![x](https://h.invalid/)")
@example("- a\n\n  ```\n  b\n![x](https://h.invalid/)")
@example("```\n    ```\n![x](https://h.invalid/)\n```\n![x](https://h.invalid/)")
@example("[x]: u '` `'\n![x] ` `\n[x]: u '\n` ![x] `\n'")
@example("`\n\u00a0\n`![x](https://h.invalid/)`")
def test_nothing_is_fetched_and_nothing_is_html(markdown: str) -> None:
    document = "# #12 Title\n\n" + inert_document(markdown)
    for renderer in (PLAIN, RICH):
        assert not {"image", "html_inline", "html_block"}.intersection(shown(renderer.parse(document))), document


@pytest.mark.parametrize(
    "markdown",
    [
        "# Title\n\nUse `vec![0; n]`, a `List<int>` and ``a`<b>``.\n\n```rust\nlet x: Vec<u8> = vec![0];\n```\n\nDone.",
        "~~~~\n```\n<b>\n~~~~",
        "See [this](https://h.invalid/).\n\n- one\n- `a<b>`\n",
    ],
)
def test_code_stays_as_it_is(markdown: str) -> None:
    assert inert_document(markdown) == markdown


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("a < b, ![x](u)", "a &lt; b, !\\[x](u)"),
        ("<b>bold</b>", "&lt;b>bold&lt;/b>"),
        ("one ` two\n`![x](u)`", "one ` two\n`!\\[x](u)`"),
    ],
)
def test_text_shows_what_stands_there(markdown: str, text: str) -> None:
    assert inert_document(markdown) == text


@given(st.text(st.sampled_from("`~\n a"), max_size=40))
def test_a_block_of_code_holds_any_text(text: str) -> None:
    (token,) = PLAIN.parse("\n".join(fenced(text, "text")))
    assert (token.type, token.content) == ("fence", f"{text}\n")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("See ![it](https://x.invalid/?k=1).", "See !\\[it](https://x.invalid/?k=1)."),
        ("![a  \nb](//x.invalid)", "!\\[a  \nb](//x.invalid)"),
        ("![a][b]\n\n[b]: https://x.invalid", "!\\[a][b]\n\n[b]: https://x.invalid"),
        ("![b]\n\n> [b\\]\\]]:\n> https://x.invalid", "!\\[b]\n\n> [b\\]\\]]:\n> https://x.invalid"),
        ("Use `vec![0; n]`.\n\nSee [this](https://x.invalid).", "Use `vec![0; n]`.\n\nSee [this](https://x.invalid)."),
        ("`#![no_std]` is missing.", "`#![no_std]` is missing."),
    ],
)
def test_a_hover_shows_no_image(said: str, text: str) -> None:
    assert inert(said) == text
