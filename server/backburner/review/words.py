"""Small wordings that everything shown shares: sizes, evidence, money, times, causes, shortening, symbols.

Times are coarse on purpose: a title that ticks is a title that distracts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from backburner.model.result import Cause, CauseKind, Check, Result
from backburner.model.task import Question, Task

LONGEST = 80
"""Characters of a problem's text."""

ASCII = str.maketrans(
    {"○": "o", "◌": "~", "✓": "+", "×": "x", "−": "-", "·": "|", "…": "...", "→": "->", "–": "-", "“": '"', "”": '"'}
)

STOPPED: dict[CauseKind, str] = {
    "bad_key": "key refused",
    "no_key": "no key",
    "no_agent": "no agent",
    "no_effort": "unknown effort",
    "no_model": "no such model",
    "refused": "the model refused",
    "too_long": "too long for the model",
    "limited": "rate limit",
    "credit": "credit used up",
    "rejected": "request not accepted",
    "overloaded": "provider overloaded",
    "connection": "connection lost",
    "stalled": "provider fell silent",
    "bad_answer": "unreadable answer",
    "budget": "budget spent",
    "steps": "turn limit",
    "time": "time limit",
    "tokens": "token limit",
    "snapshot": "could not copy your files",
    "sandbox": "no sandbox",
    "command": "command failed",
    "interrupted": "interrupted too often",
    "disk": "disk full",
    "internal": "internal error",
}
_COUNTED = re.compile(r"(\d+) (?:tests? )?(?:failed|failures?|errors?)\b")
_TESTS = re.compile(r"\b(?:test|\w*pytest|unittest|tox|nox|jest|vitest|mocha|ctest|rspec|phpunit)\b", re.IGNORECASE)
"""Commands that run tests. The plural is a folder's name: a linter that reads `tests` proves nothing about them."""


def default_answer(question: Question) -> str:
    """What is taken when nobody answers, in words: without choices the agent decides."""
    return question.default if question.choices else "its own choice"


def stopped(cause: Cause) -> str:
    """Why it stopped, in a few words: `key refused`."""
    return STOPPED[cause.kind]


def size(added: int, removed: int) -> str:
    """`+24 −3`"""
    return f"+{added} −{removed}"


def size_of(result: Result) -> str:
    """Size of a change as it stands in sentences: `+24 −3`, `+24 −3 in 2 files`, empty without a change."""
    files = result.proposal.files
    if not files:
        return ""
    text = size(result.proposal.added, result.proposal.removed)
    return text if len(files) == 1 else f"{text} in {len(files)} files"


def passed(checks: Sequence[Check]) -> bool | None:
    """Whether every check that ran has passed; None when none could be run."""
    ran = [check for check in checks if check.exit_code is not None]
    return all(check.passed for check in ran) if ran else None


def evidence(checks: Sequence[Check]) -> str:
    """What our checks came to: `tests pass`, `2 tests fail`, `check fails`; empty when none was run."""
    if passed(checks) is None:
        return "not checked" if checks else ""
    ran = [check for check in checks if check.exit_code is not None]
    failed = [check for check in ran if not check.passed]
    tests = any(_TESTS.search(check.command) for check in (failed or ran))
    if not failed:
        return "tests pass" if tests else "check passes"
    numbers = [int(match[1]) for check in failed if (match := _COUNTED.search(check.summary))]
    if tests and sum(numbers):
        return f"{plural(sum(numbers), 'test')} fail{'s' if sum(numbers) == 1 else ''}"
    return "tests fail" if tests else "check fails"


def plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def money(usd: float | None) -> str:
    """`$1.84`, `$10`; less than a cent is said so; `price unknown` for None."""
    if usd is None:
        return "price unknown"
    if 0 < usd < 0.005:
        return "under $0.01"
    return f"${usd:.0f}" if usd == int(usd) and usd >= 1 else f"${usd:.2f}"


def coarse(seconds: float) -> str:
    """A duration in a lens: `3m`, `2h`; empty under a minute."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return ""
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h"


def spoken(seconds: float) -> str:
    """A duration in a sentence: `under a minute`, `6 min`, `2 h`."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return "under a minute"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def clock_time(moment: float) -> str:
    """A moment as the person's clock shows it: `14:03`."""
    return datetime.fromtimestamp(moment).strftime("%H:%M")


def short(text: str, longest: int = LONGEST) -> str:
    """One line of at most `longest` characters."""
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1].rstrip(" ,;:.") + "…"


def fitted(before: str, title: str, after: str, longest: int = LONGEST) -> str:
    """`before + title + after` with the title shortened as far as needed; one that ends as a sentence gets no full stop."""
    room = longest - len(before) - len(after)
    shown = short(title, max(8, room))
    return short(f"{before}{shown}{after.removeprefix('.') if ends(shown) else after}", longest)


def sentence(text: str) -> str:
    """With a full stop, unless it ends a sentence already."""
    text = text.strip()
    return text if not text or ends(text) else text + "."


def ends(text: str) -> bool:
    """Whether it ends as a sentence does."""
    return text[-1:] in (".", "!", "?", "…", ":")


def model_name(task: Task) -> str:
    """What to call the agent: the name it was asked for by."""
    run = task.run
    return (run.agent if run is not None else "") or task.agent or "agent"


def took(task: Task) -> float:
    """Seconds that the task's runs have taken; a run without an end counts as nothing."""
    return sum(run.ended_at - run.started_at for run in task.runs if run.ended_at is not None)
