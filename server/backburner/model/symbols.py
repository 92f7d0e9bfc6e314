"""Functions and classes of a text, found by their first line and their indentation, in any language.

Deliberately light: a code action is computed on every rest of the cursor, and a language's own server knows better anyway.
What it does not understand it does not see; then the target is plain lines. Never parses, never guesses a language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from backburner.model.anchor import Span

MODIFIERS = (
    r"(?:(?:pub(?:\([^)]*\))?|public|private|protected|internal|static|export|default|async|abstract|final|open|override"
    r"|inline|unsafe|const|extern(?:\s+\"[^\"]*\")?|local|suspend|virtual|sealed|partial|data)\s+)*"
)
NAME = r"(?:[^\W\d]|\$)[\w$]*"
"""A name in any script."""
FUNCTION = (
    r"(?:def|func|fun|fn|function\*?|sub|defun|defn|defp)\s+(?:\([^)]*\)\s*)?"
    rf"(?P<function>{NAME}[!?]?(?:[.:][^\W\d]\w*)*)"
)
TYPE = (
    r"(?:class|struct|interface|trait|enum|object|module|namespace|record|protocol|impl(?:<[^>]*>)?(?:\s+[\w:<>, ]+\s+for)?"
    rf"|type(?=\s+\w+\s+(?:struct|interface)))\s+(?P<type>{NAME})"
)
ARROW = (
    rf"(?:const|let|var)?\s*(?P<arrow>{NAME})\s*(?::[^=]+)?=\s*(?:async\s+)?"
    rf"(?:function\b|\([^()]*\)\s*(?::\s*[^=]+)?=>|{NAME}\s*=>)"
)
NO_METHOD = (
    r"(?!(?:if|for|while|switch|catch|return|else|do|try|with|elif|except|match|case|new|throw|await|yield|using|lock"
    r"|synchronized|foreach|until|unless|when)\b)"
)
METHOD = (
    NO_METHOD + r"(?:(?:[^\W\d]|\$)[\w$<>\[\],.:*&?]*\s+[*&]*)*?(?P<method>(?:[^\W\d]|[$~])[\w$]*)\s*\([^;{}]*\)\s*"
    r"(?:const|noexcept|override|throws\s+[\w., ]+|:\s*[^={;]+|->\s*[^={;]+)?\s*\{"
)
HEADER = re.compile(rf"^[ \t]*{MODIFIERS}(?:{FUNCTION}|{TYPE}|{ARROW}|{METHOD})")
"""The first line of a symbol; the named groups are the names. A method without a keyword needs its `{` on the line."""
LONGEST_HEADER = 400
"""Characters; longer lines are data or minified, and no header."""

DECORATION = re.compile(r"^[ \t]*(?:@[A-Za-z_]|#\[|\[[A-Z]\w*[(\]])")
CONTINUES = (")", "]", "{", "else", "elif", "except", "finally", "rescue", "ensure")
"""A line at the header's own indentation that begins so does not end it: the end of a long signature, an opening brace."""
CLOSES = ("}", "end")
MAX_LINES_UP = 20_000
TRIPLE = re.compile(r"\"\"\"|'''")


class Symbol(Struct, frozen=True, kw_only=True):
    """A function or a class."""

    path: str
    """Dotted: `Lexer.parse`."""
    span: Span
    """From its first decorator to its last line."""
    name_line: int
    name_start: int
    """Columns in characters."""
    name_end: int
    is_type: bool = False

    @property
    def name(self) -> str:
        return self.path.rsplit(".", 1)[-1]

    @property
    def title(self) -> str:
        """What to call it in a menu: `parse()`, `Lexer`."""
        return self.name if self.is_type else f"{self.name}()"


def symbol_at(lines: Sequence[str], line: int) -> Symbol | None:
    """The innermost symbol whose span holds `line`. Lines may or may not carry their ends."""
    for header in _headers_above(lines, line):
        symbol = _symbol(lines, header)
        if symbol is not None and symbol.span.start_line <= line < symbol.span.end_line:
            return symbol
    return None


def symbols(lines: Sequence[str]) -> tuple[Symbol, ...]:
    """Every symbol of a text, outer before inner."""
    found: list[Symbol] = []
    parents: list[Symbol] = []
    for number, line in enumerate(lines):
        if not _may_be_header(line):
            continue
        while parents and parents[-1].span.end_line <= number:
            parents.pop()
        symbol = _named(lines, number, ".".join(parent.name for parent in parents))
        if symbol is not None:
            found.append(symbol)
            parents.append(symbol)
    return tuple(found)


def symbol_named(lines: Sequence[str], path: str) -> Symbol | None:
    """The symbol with that dotted path; the first of several."""
    return next((symbol for symbol in symbols(lines) if symbol.path == path), None)


def is_header(text: str) -> bool:
    """Whether a line begins a function or a class."""
    return _may_be_header(text) and HEADER.match(text) is not None


def _headers_above(lines: Sequence[str], line: int) -> list[int]:
    """Lines of the headers that enclose `line` by indentation, innermost first."""
    if not lines:
        return []
    line = min(line, len(lines) - 1)
    down = line
    while down < len(lines) - 1 and (not lines[down].strip() or DECORATION.match(lines[down])):
        down += 1
    start = down if lines[down].strip() and DECORATION.match(lines[line]) else line
    found: list[int] = []
    limit = indent_of(lines[start]) + 1 if lines[start].strip() else None
    for number in range(start, max(-1, start - MAX_LINES_UP), -1):
        text = lines[number]
        if not text.strip():
            continue
        indent = indent_of(text)
        if limit is None:
            # The cursor is on an empty line: whatever stands above it may hold it.
            limit = indent + 1
        if indent >= limit:
            continue
        if is_header(text):
            found.append(number)
            limit = indent
        elif not text.lstrip().startswith(CONTINUES + CLOSES):
            limit = min(limit, indent + 1)
        if limit == 0:
            break
    return found


def _symbol(lines: Sequence[str], header: int) -> Symbol | None:
    parents: list[str] = []
    for outer in _headers_above(lines, header)[1:]:
        symbol = _named(lines, outer, "")
        if symbol is not None and symbol.span.end_line > header:
            parents.insert(0, symbol.name)
    return _named(lines, header, ".".join(parents))


def _named(lines: Sequence[str], header: int, parent: str) -> Symbol | None:
    text = lines[header]
    match = HEADER.match(text)
    if match is None:
        return None
    group = next(name for name in ("function", "type", "arrow", "method") if match[name])
    name = match[group]
    start = header
    while start > 0 and DECORATION.match(lines[start - 1]) and indent_of(lines[start - 1]) == indent_of(text):
        start -= 1
    return Symbol(
        path=f"{parent}.{name}" if parent else name,
        span=Span(start, _end(lines, header)),
        name_line=header,
        name_start=match.start(group),
        name_end=match.end(group),
        is_type=group == "type",
    )


def _end(lines: Sequence[str], header: int) -> int:
    """The line after the symbol's last one."""
    indent = indent_of(lines[header])
    last = header
    in_string = _opens_string(lines[header], False)
    for number in range(header + 1, len(lines)):
        text = lines[number]
        stripped = text.strip()
        inside, in_string = in_string, _opens_string(text, in_string)
        if not stripped:
            continue
        if inside or indent_of(text) > indent:
            last = number
            continue
        if indent_of(text) < indent:
            break
        if stripped.startswith(CLOSES):
            last = number
            break
        if stripped.startswith(CONTINUES):
            last = number
            continue
        break
    return last + 1


def _opens_string(text: str, inside: bool) -> bool:
    """Whether a triple-quoted string is still open after this line, given whether it was before."""
    if '"""' not in text and "'''" not in text:
        return inside
    return inside ^ (len(TRIPLE.findall(text)) % 2 == 1)


def _may_be_header(text: str) -> bool:
    """Cheap and generous: most lines are none, and the expression is not cheap."""
    stripped = text.lstrip()
    return (
        bool(stripped)
        and len(text) <= LONGEST_HEADER
        and (stripped[0].isalpha() or stripped[0] in "_$~")
        and ("(" in text or " " in stripped.rstrip())
    )


def indent_of(text: str) -> int:
    """Columns of leading white space; a tab counts as eight."""
    width = 0
    for character in text:
        if character == " ":
            width += 1
        elif character == "\t":
            width += 8 - width % 8
        else:
            break
    return width
