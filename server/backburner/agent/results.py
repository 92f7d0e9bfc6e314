"""From what an agent did and said to a `Result`: title, one sentence, findings, risk marks.

Pure but for reading texts of the workspace. The model's word is never evidence; checks come from `checks.py`.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from backburner.agent.output import said, shown
from backburner.lib.log import SECRETS
from backburner.model.anchor import Span, anchor_at
from backburner.model.result import FileChange, Finding, Proposal, Result, Severity
from backburner.model.task import Target
from backburner.model.text import decode
from backburner.model.transcript import Conversation, ToolCall, ToolResults, Turn
from backburner.model.unseen import visible
from backburner.model.wire import RunSpec
from backburner.workspace.tree import Workspace

TITLE = 50
SENTENCE = 240
RISK_MARKS: tuple[tuple[str, str], ...] = (
    (r"(^|/)\.github/(workflows|actions)/|(^|/)\.gitlab-ci\.yml$|(^|/)\.circleci/|(^|/)Jenkinsfile$|(^|/)\.ci/", "CI"),
    (r"(^|/)(\.pre-commit-config\.yaml|\.husky/.*|\.githooks/.*|lefthook\.yml)$", "hooks"),
    (
        r"(^|/)(package-lock\.json|yarn\.lock|pnpm-lock\.yaml|poetry\.lock|uv\.lock|Cargo\.lock|go\.sum|Gemfile\.lock|"
        r"Pipfile\.lock|composer\.lock)$",
        "a lock file",
    ),
    (r"(^|/)\.(vscode|idea|devcontainer)/", "editor settings that can run programs"),
    (r"(^|/)(conftest\.py|sitecustomize\.py|\.envrc|\.npmrc)$", "a file that runs by itself"),
)
NAMED = re.compile(
    r"(^|/)(pyproject\.toml|setup\.(py|cfg)|package\.json|Cargo\.toml|go\.mod|Makefile|Dockerfile|CMakeLists\.txt|"
    r"requirements[^/]*\.txt|tox\.ini|build\.gradle(\.kts)?|pom\.xml|build\.rs|AGENTS\.md|CLAUDE\.md|backburner\.toml)$"
)
TESTS = re.compile(r"(^|/)(tests?|spec|__tests__)/|(^|/)test_[^/]*$|[._-](test|spec)\.[^/]*$|_test\.[^/]*$")


def assembled(
    spec: RunSpec,
    *,
    title: str = "",
    summary: str = "",
    report: str = "",
    assumptions: tuple[str, ...] = (),
    step: bool = False,
) -> Result:
    """A result from what the agent said about it. What it did not say is taken from the rest."""
    summary = _sentence(summary) or _sentence(_plain(report)) or "It ended without a word."
    instruction = spec.instruction.strip().split("\n", 1)[0]
    title = _title(title) or _title(instruction) or _title(f"{spec.recipe} {spec.target.title}")
    return Result(
        run=spec.run,
        title=title,
        summary=summary,
        report=visible(shown(report.strip())),
        assumptions=tuple(said(clause) for clause in assumptions if clause.strip()),
        step=step,
    )


async def findings(
    conversation: Conversation | None, run: str, workspace: Workspace, *, since: int = 0
) -> tuple[Finding, ...]:
    """The findings that were noted by `finding` calls from entry `since` on, in their order."""
    found: list[Finding] = []
    for call in _noted(conversation, since):
        arguments = call.arguments or {}
        path = str(arguments["path"]).removeprefix(f"{workspace.root}/").removeprefix("./")
        text = await snapshot_text(workspace, path)
        if text is None:
            continue
        start = int(arguments["start_line"])
        end = int(arguments.get("end_line") or start)
        severity: Severity = arguments.get("severity") or "warning"
        found.append(
            Finding(
                id=f"{run}/finding:{len(found) + 1}",
                anchor=anchor_at(path, text, Span(start - 1, end)),
                severity=severity,
                message=visible(SECRETS.redact(str(arguments["message"]).strip())),
            )
        )
    return tuple(found)


def _noted(conversation: Conversation | None, since: int) -> list[ToolCall]:
    """The `finding` calls that were answered without an error."""
    noted: list[ToolCall] = []
    calls: dict[str, ToolCall] = {}
    for entry in conversation.entries[since:] if conversation else ():
        if isinstance(entry, Turn):
            calls = {call.id: call for call in entry.calls if call.name == "finding"}
        elif isinstance(entry, ToolResults):
            noted += [
                calls[result.call_id] for result in entry.results if result.call_id in calls and not result.is_error
            ]
    return noted


async def snapshot_text(workspace: Workspace, path: str) -> str | None:
    """The text that the person saw; None for what is not there or not text."""
    data = await workspace.read_base(path)
    decoded = decode(data) if data is not None else None
    return decoded.text if decoded is not None else None


def risks(proposal: Proposal, target: Target, recipe: str) -> tuple[str, ...]:
    """Clauses that warn a reader before accepting: what is touched that runs by itself or lies outside the target."""
    paths = [file.path for file in proposal.files]
    found = [f"hidden characters in {file.path}" for file in proposal.files if file.unseen]
    found += [f"touches {path}" for path in paths if NAMED.search(path)]
    for pattern, what in RISK_MARKS:
        found += [f"touches {what}: {path}" for path in paths if re.search(pattern, path)]
    tests = [path for path in paths if TESTS.search(path)]
    if tests and len(tests) == len(paths) and recipe != "test" and not TESTS.search(target.path):
        found.append("changes only tests")
    found += [f"weakens tests: {file.path}" for file in proposal.files if _loses_tests(file)]
    found += [f"deletes {file.path}" for file in proposal.files if file.proposed_id is None and not file.renamed_from]
    found += [f"makes {file.path} executable" for file in proposal.files if file.mode == 0o100755 != file.base_mode]
    found += [f"makes a link: {file.path}" for file in proposal.files if file.mode == 0o120000 != file.base_mode]
    outside = [path for path in paths if path != target.path and path not in tests]
    if outside:
        found.append(f"changes {_count(len(outside), 'file')} beside its target")
    return tuple(dict.fromkeys(found))


def _loses_tests(file: FileChange) -> bool:
    return bool(TESTS.search(file.path)) and file.removed > 2 * file.added and file.removed > 5


def with_proposal(result: Result, proposal: Proposal, target: Target, recipe: str) -> Result:
    return replace(result, proposal=proposal, risks=risks(proposal, target, recipe))


def _title(text: str) -> str:
    words = said(text).rstrip(" .")
    return words if len(words) <= TITLE else words[: TITLE - 1].rsplit(" ", 1)[0] + "…"


def _sentence(text: str) -> str:
    """The first sentence, with its end."""
    line = said(text.strip().split("\n\n", 1)[0])
    match = re.match(r".+?[.!?](?=\s|$)", line)
    sentence = match.group(0) if match else line
    if len(sentence) > SENTENCE:
        sentence = sentence[: SENTENCE - 1].rsplit(" ", 1)[0] + "…"
    return sentence if not sentence or sentence[-1] in ".!?…" else sentence + "."


def _plain(markdown: str) -> str:
    """The first paragraph that is prose."""
    for paragraph in re.split(r"\n\s*\n", markdown.strip()):
        line = paragraph.strip()
        if line and not line.startswith(("#", "```", "|", "---")):
            return re.sub(r"^[-*>]\s+|[*`_]{1,3}(?=\S)|(?<=\S)[*`]{1,3}", "", line)
    return re.sub(r"^#+\s*", "", markdown.strip())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
