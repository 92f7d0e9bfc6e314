"""Markdown that a model wrote, made safe to be shown: nothing in it is fetched and nothing in it is HTML.

To show an image, an editor would ask for it at an address that a model may have made of what it read.
"""

from __future__ import annotations

import re

LINE_END = re.compile(r"\r\n?|\n")
FENCE = re.compile(r"(`{3,})[^`]*|(~{3,}).*")
BLANK = re.compile(r"[ \t]*")
ENTANGLED = re.compile(r"\]\(|\$|\\`|\||://|www\.")
"""With a link, a formula, a table or an address near by, backquotes may pair in another way."""


def inert(markdown: str) -> str:
    """A few lines without images, as a hover has them."""
    # `]:` may be the address of an image that stands elsewhere; else all of an image is in one paragraph.
    pieces = [markdown] if "]:" in markdown else re.split(r"(\n\s*\n)", markdown)
    return "".join(piece.replace("![", "!\\[") if "](" in piece or "]:" in piece else piece for piece in pieces)


def inert_document(markdown: str) -> str:
    """A whole document without images and HTML. Code stays as it is where it is beyond doubt that it is code: between
    fences at the beginning of a line, and within a line whose backquotes pair and have nothing before them to pair with.
    """
    lines: list[str] = []
    closing: re.Pattern[str] | None = None
    clear = True
    for line in LINE_END.split(markdown):
        if closing is not None:
            lines.append(line)
            if closing.fullmatch(line):
                closing, clear = None, True
        elif fence := FENCE.fullmatch(line):
            lines.append(line)
            mark = fence[1] or fence[2]
            # Neither earlier nor later than a renderer closes it (CommonMark, section 4.5).
            closing = re.compile(rf" {{0,3}}{mark[0]}{{{len(mark)},}}[ \t]*")
        elif BLANK.fullmatch(line):
            lines.append(line)
            clear = True
        else:
            line, clear = _line(line, clear)
            lines.append(line)
    return "\n".join(lines)


def fenced(text: str, language: str = "") -> list[str]:
    """Lines of a code block that holds the text, whatever fences stand in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *text.split("\n"), fence]


def _line(line: str, clear: bool) -> tuple[str, bool]:
    """The line, and whether code in the next one of its paragraph can be told from text too."""
    if not clear or ENTANGLED.search(line):
        return _text(line), False
    pieces: list[str] = []
    at = 0
    runs = list(re.finditer(r"`+", line))
    for index, run in enumerate(runs):
        if run.start() < at:
            continue
        end = next((other.end() for other in runs[index + 1 :] if len(other[0]) == len(run[0])), None)
        if end is None:
            return _text(line), False
        pieces += [_text(line[at : run.start()]), line[run.start() : end]]
        at = end
    return "".join([*pieces, _text(line[at:])]), True


def _text(text: str) -> str:
    # A formula's block would hide a fence in it, or show one that is none.
    return text.replace("![", "!\\[").replace("<", "&lt;").replace("$$", "\\$\\$")
