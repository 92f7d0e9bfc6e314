"""Code actions: a table of producers, filtered by kind before anything runs; cheap and pure.

Some clients ask on every rest of the cursor, so nothing here starts work, reads a file or waits. Asked for automatically,
only actions on existing results are offered, and none at all for a kind that was named (that is how "fix on save" asks).
Never `source.*`, never preferred. Our own problems lead to actions on their task, never to an offer to fix them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from lsprotocol import types
from msgspec import Struct

from backburner.lsp.capabilities import Client
from backburner.lsp.from_lsp import is_ours, others
from backburner.model.anchor import Span
from backburner.model.comments import comment_at
from backburner.model.mark import Mark
from backburner.model.symbols import Symbol, symbol_at
from backburner.review.offers import actions_at

QUICKFIX = "quickfix"
REWRITE = "refactor.rewrite"
LONGEST_TITLE = 60
MOST_DELEGATES = 4


class Asked(Struct, frozen=True, kw_only=True):
    """What a code action request asks about."""

    uri: str
    lines: Sequence[str]
    span: Span
    """Whole lines of the range that was asked for."""
    range: types.Range
    diagnostics: Sequence[types.Diagnostic] = ()
    marks: tuple[Mark, ...] = ()
    """All marks of the file, where they are now."""
    only: tuple[str, ...] = ()
    automatic: bool = False
    ours: bool = True
    """The file belongs to a project, so that something in it can be delegated."""


class Offer(Struct, frozen=True, kw_only=True):
    """One action before encoding."""

    title: str
    kind: str
    command: str
    argument: Mapping[str, Any]
    diagnostics: tuple[types.Diagnostic, ...] = ()


class Producer(Struct, frozen=True):
    kinds: tuple[str, ...]
    run: Callable[[Asked, Client], Iterable[Offer]]
    delegates: bool = True
    """It starts something new: not offered automatically, and counted."""
    counted: bool = True


def offers(asked: Asked, client: Client) -> list[Offer]:
    """Everything that can be done here, in the order of the menu."""
    if asked.automatic and asked.only:
        return []
    found: list[Offer] = []
    delegates = 0
    for producer in PRODUCERS:
        if producer.delegates and (asked.automatic or not asked.ours):
            continue
        if not any(wanted(kind, asked.only) for kind in producer.kinds):
            continue
        for offer in producer.run(asked, client):
            if not wanted(offer.kind, asked.only):
                continue
            if producer.delegates and producer.counted:
                if delegates == MOST_DELEGATES:
                    break
                delegates += 1
            found.append(offer)
    return found


def wanted(kind: str, only: Sequence[str]) -> bool:
    """Whether `only` asks for `kind`: kinds are a hierarchy by dots; nothing or an empty kind asks for all."""
    return not only or any(not name or kind == name or kind.startswith(f"{name}.") for name in only)


def _at_results(asked: Asked, client: Client) -> Iterator[Offer]:
    """What can be done with the tasks whose marks stand in the range."""
    for mark, action in actions_at(asked.marks, asked.span):
        yield Offer(
            title=short(action.title),
            kind=QUICKFIX if mark.severity is not None else REWRITE,
            command=action.command,
            argument=action.arguments,
            diagnostics=tuple(
                raw for raw in asked.diagnostics if is_ours(raw.source, raw.code) and str(raw.code) == f"#{mark.task}"
            ),
        )


def _fix(asked: Asked, client: Client) -> Iterator[Offer]:
    """The first problem at the cursor."""
    problem = _nearest(asked)
    if problem is not None:
        message = " ".join(problem.message.split())
        room = LONGEST_TITLE - len('Delegate: fix ""')
        quoted = message if len(message) <= room else message[: room - 1].rstrip() + "…"
        yield Offer(
            title=f'Delegate: fix "{quoted}"',
            kind=QUICKFIX,
            command="backburner.delegate",
            argument={"recipe": "fix", "targets": [problem_place(asked.uri, problem)]},
            diagnostics=(problem,),
        )


def _fix_all(asked: Asked, client: Client) -> Iterator[Offer]:
    problem = _nearest(asked)
    if problem is None:
        return
    alike = [other for other in others(asked.diagnostics) if kind_of(other) == kind_of(problem)]
    if len(alike) > 1:
        yield Offer(
            title=f"Delegate: fix all {len(alike)} like this",
            kind=QUICKFIX,
            command="backburner.delegate",
            argument={"recipe": "fix", "targets": [problem_place(asked.uri, other) for other in alike]},
            diagnostics=tuple(alike),
        )


def _comment(asked: Asked, client: Client) -> Iterator[Offer]:
    comment = comment_at(asked.lines, asked.span.start_line)
    if comment is not None and comment.text:
        name = "comment" if comment.kind == "backburner" else comment.kind
        place = {"uri": asked.uri, "start_line": comment.line, "comment": comment.text}
        ours = comment.kind == "backburner"
        argument = {
            "instruction": comment.text if ours else "",
            "recipe": "" if ours else "implement",
            "targets": [place],
        }
        yield Offer(title=f"Delegate: do this {name}", kind=REWRITE, command="backburner.delegate", argument=argument)


def _symbol(asked: Asked, client: Client) -> Iterator[Offer]:
    symbol = symbol_at(asked.lines, asked.span.start_line)
    if symbol is not None:
        for recipe in ("implement", "test"):
            yield Offer(
                title=short(f"Delegate: {recipe} {symbol.title}"),
                kind=REWRITE,
                command="backburner.delegate",
                argument={"recipe": recipe, "targets": [symbol_place(asked.uri, symbol)]},
            )


def _anything(asked: Asked, client: Client) -> Iterator[Offer]:
    place: dict[str, Any] = {"uri": asked.uri, "start_line": asked.span.start_line}
    if asked.range.start != asked.range.end:
        end = asked.range.end
        place |= {"end_line": end.line, "start_character": asked.range.start.character, "end_character": end.character}
    at = [raw for raw in others(asked.diagnostics) if _stands_in(raw, asked.span)]
    if at:
        place["diagnostics"] = [plain(raw) for raw in at]
    if client.input:
        yield Offer(title="Delegate…", kind=REWRITE, command="backburner.delegate", argument={"targets": [place]})
    else:
        title = "Delegate: write instruction"
        yield Offer(title=title, kind=REWRITE, command="backburner.instruction", argument={"place": place})


PRODUCERS: tuple[Producer, ...] = (
    Producer((QUICKFIX, REWRITE), _at_results, delegates=False),
    Producer((QUICKFIX,), _fix),
    Producer((QUICKFIX,), _fix_all),
    Producer((REWRITE,), _comment),
    Producer((REWRITE,), _symbol),
    Producer((REWRITE,), _anything, counted=False),
)


def kind_of(problem: types.Diagnostic) -> tuple[str, str]:
    """What makes two problems alike: their source and code, else their source and message without what is quoted."""
    if problem.code is not None:
        return problem.source or "", str(problem.code)
    words = [word for word in problem.message.split() if not any(character in word for character in "'\"`0123456789")]
    return problem.source or "", " ".join(words)


def problem_place(uri: str, problem: types.Diagnostic) -> dict[str, Any]:
    """The place of a problem, with the problem in it. Without an end line it is the symbol around."""
    return {
        "uri": uri,
        "start_line": problem.range.start.line,
        "start_character": problem.range.start.character,
        "diagnostics": [plain(problem)],
    }


def symbol_place(uri: str, symbol: Symbol) -> dict[str, Any]:
    return {
        "uri": uri,
        "start_line": symbol.span.start_line,
        "end_line": symbol.span.end_line,
        "symbol": symbol.path,
    }


def plain(problem: types.Diagnostic) -> dict[str, Any]:
    """A problem as plain JSON, with what a brief needs of it."""
    start, end = problem.range.start, problem.range.end
    found: dict[str, Any] = {
        "range": {
            "start": {"line": start.line, "character": start.character},
            "end": {"line": end.line, "character": end.character},
        },
        "message": problem.message,
    }
    if problem.severity is not None:
        found["severity"] = int(problem.severity)
    if problem.source:
        found["source"] = problem.source
    if problem.code is not None:
        found["code"] = problem.code
    return found


def short(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"


def _nearest(asked: Asked) -> types.Diagnostic | None:
    """The problem under the cursor: the worst of those on the first line, else the first in the range."""
    found = [raw for raw in others(asked.diagnostics) if _stands_in(raw, asked.span)]
    found.sort(
        key=lambda raw: (raw.range.start.line != asked.span.start_line, int(raw.severity or 1), raw.range.start.line)
    )
    return found[0] if found else None


def _stands_in(problem: types.Diagnostic, span: Span) -> bool:
    """A client may send more problems than it asks about; those count only as "all like this"."""
    return problem.range.start.line < span.end_line and problem.range.end.line >= span.start_line
