"""Symbols and comments, found without a parser."""

from __future__ import annotations

import pytest

from backburner.model.anchor import Span
from backburner.model.comments import comment_at, comments
from backburner.model.symbols import symbol_at, symbols

PYTHON = '''\
import os


@cache
def parse(
    text: str,
) -> None:
    """Text
at the left margin
    """
    if text:
        return None

    return go(text)


class Lexer:
    def feed(self, data):
        pass

    async def close(self):
        await self.x()


CONSTANT = 1
'''

TYPESCRIPT = """\
export class Lexer {
  constructor(private x: number) {
    this.x = x;
  }
  feed(data: string): Token[] {
    if (data) {
      return [];
    }
    return x;
  }
}

export const parse = async (text: string): Promise<void> => {
  await x();
};

export default function main() {
  run();
}
"""

RUST = """\
impl Lexer {
    pub fn feed(&mut self) -> Token {
        match self.x {
            1 => todo!(),
        }
    }
}

#[test]
fn works() {
    assert!(true);
}
"""

GO = """\
package main

func (l *Lexer) Feed(data string) error {
\tif data == "" {
\t\treturn nil
\t}
\treturn nil
}

type Lexer struct {
\tx int
}
"""

RUBY = """\
class Lexer
  def feed(data)
    if data
      1
    end
  end

  def empty?
  end
end
"""

C = """\
static int parse(const char *text)
{
    return 0;
}

int main(void) {
    if (x) {
        return 1;
    }
    return 0;
}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PYTHON, [("parse", 3, 14), ("Lexer", 16, 22), ("Lexer.feed", 17, 19), ("Lexer.close", 20, 22)]),
        (
            TYPESCRIPT,
            [("Lexer", 0, 11), ("Lexer.constructor", 1, 4), ("Lexer.feed", 4, 10), ("parse", 12, 15), ("main", 16, 19)],
        ),
        (RUST, [("Lexer", 0, 7), ("Lexer.feed", 1, 6), ("works", 8, 12)]),
        (GO, [("Feed", 2, 8), ("Lexer", 9, 12)]),
        (RUBY, [("Lexer", 0, 10), ("Lexer.feed", 1, 6), ("Lexer.empty?", 7, 9)]),
        (C, [("main", 5, 11)]),
    ],
    ids=["python", "typescript", "rust", "go", "ruby", "c"],
)
def test_symbols_of_a_language(text: str, expected: list[tuple[str, int, int]]) -> None:
    found = [(symbol.path, symbol.span.start_line, symbol.span.end_line) for symbol in symbols(text.splitlines())]
    assert found == expected


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("def été():\n    return 1\n", "été()"),
        ("class Übung:\n    x = 1\n", "Übung"),
        ("const שלום = (x) => {\n  return 1\n}\n", "שלום()"),
        ("  int 値(int x) {\n    return 1;\n  }\n", "値()"),
        ("  $init() {\n  }\n", "$init()"),
        ("def 1st():\n    return 1\n", None),
    ],
)
def test_names_are_of_any_script(text: str, title: str | None) -> None:
    found = symbol_at(text.split("\n"), 0)
    assert (found and found.title) == title


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        (PYTHON, 0, None),
        (PYTHON, 3, "parse"),
        (PYTHON, 5, "parse"),
        (PYTHON, 8, "parse"),
        (PYTHON, 12, "parse"),
        (PYTHON, 13, "parse"),
        (PYTHON, 16, "Lexer"),
        (PYTHON, 18, "Lexer.feed"),
        (PYTHON, 21, "Lexer.close"),
        (PYTHON, 24, None),
        (TYPESCRIPT, 6, "Lexer.feed"),
        (TYPESCRIPT, 13, "parse"),
        (TYPESCRIPT, 17, "main"),
        (RUST, 4, "Lexer.feed"),
        (RUST, 10, "works"),
        (GO, 4, "Feed"),
        (RUBY, 3, "Lexer.feed"),
        (C, 7, "main"),
    ],
)
def test_the_innermost_symbol_around_a_line(text: str, line: int, path: str | None) -> None:
    symbol = symbol_at(text.splitlines(), line)
    assert (symbol.path if symbol else None) == path


def test_the_name_is_where_it_says() -> None:
    lines = TYPESCRIPT.splitlines()
    for symbol in symbols(lines):
        assert lines[symbol.name_line][symbol.name_start : symbol.name_end] == symbol.name


def test_lines_past_the_end_and_empty_texts_have_no_symbol() -> None:
    assert symbol_at([], 0) is None
    assert symbol_at(["x = 1"], 40) is None
    assert symbols([]) == ()


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        ("x = 1  # TODO: be nice", "TODO", "be nice"),
        ("    // FIXME(ann) leaks", "FIXME", "leaks"),
        ("/* XXX why */", "XXX", "why"),
        ("-- TODO - index", "TODO", "index"),
        ("<!-- TODO: alt text -->", "TODO", "alt text"),
        ("# backburner: make it iterative", "backburner", "make it iterative"),
        ("  // backburner: split this @codex", "backburner", "split this @codex"),
    ],
)
def test_comments_that_ask(line: str, kind: str, text: str) -> None:
    comment = comment_at([line], 0)
    assert comment is not None
    assert (comment.kind, comment.text) == (kind, text)


@pytest.mark.parametrize(
    "line", ["TODO_LIST = []", "x = todo(1)", "url = 'http://TODOS'", "import backburner", "# backburner is fine"]
)
def test_other_lines_ask_for_nothing(line: str) -> None:
    assert comment_at([line], 0) is None


def test_a_comment_goes_on_over_lines_with_its_leader() -> None:
    lines = ["def f():", "    # TODO: first", "    # second", "    # FIXME: other", "    pass"]
    found = comments(lines)
    assert [(c.text, c.line, c.end_line) for c in found] == [("first second", 1, 3), ("other", 3, 4)]
    assert comment_at(lines, 2) == found[0]
    assert comment_at(lines, 4) is None
    assert Span(found[0].start, found[0].end) == Span(6, 17)


@pytest.mark.parametrize("filling", [" ", " \t", "*/ ", "# ", "-->", "TODO "])
def test_a_comment_of_any_length_is_read(filling: str) -> None:
    """In the daemon, which serves everybody meanwhile."""
    [found, *_] = comments(["# TODO mend it" + filling * (400_000 // len(filling)) + "x"])
    assert found.text.startswith("mend it")
