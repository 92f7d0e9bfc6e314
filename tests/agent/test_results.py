from __future__ import annotations

import pytest

from agent.support import target
from backburner.agent.results import assembled, risks
from backburner.model.catalog import AgentSpec
from backburner.model.result import FileChange, HunkRef, Proposal
from backburner.model.task import Snapshot
from backburner.model.wire import RunSpec

SPEC = RunSpec(
    task=12,
    run="12.1",
    root="/p",
    shadow="/s",
    trees="/t",
    snapshot=Snapshot(commit="0" * 40),
    target=target(),
    recipe="fix",
    instruction="make it iterative\nand quick",
    agent=AgentSpec(name="practice"),
)


@pytest.mark.parametrize(
    ("report", "summary"),
    [
        ("It works now. Really.", "It works now."),
        ("# Summary\n\nThe **loop** is gone\n\nMore.", "The loop is gone."),
        ("```\ncode\n```\n\nThat is it.", "That is it."),
        ("", "It ended without a word."),
        ("v1.2 is out! Yes.", "v1.2 is out!"),
        ("- `parse()` splits.\n- more", "parse() splits."),
    ],
)
def test_the_summary_is_one_sentence(report: str, summary: str) -> None:
    assert assembled(SPEC, report=report).summary == summary


def test_long_words_are_cut_at_a_word() -> None:
    result = assembled(SPEC, title="word " * 40, summary="word " * 200)
    assert len(result.title) <= 50
    assert len(result.summary) <= 240
    assert result.title.endswith("word…")


def test_nothing_that_a_model_says_hides_or_turns_the_rest() -> None:
    odd = "Sum\x1b[2K\u202e ssap\x07\r\n"
    result = assembled(SPEC, title=odd, summary=odd, report=odd, assumptions=(odd,))
    for text in (result.title, result.summary, result.report, *result.assumptions):
        assert text.startswith("Sum\\x1b[2K\\u202e ssap\\x07")
        assert text.isprintable()


def test_without_a_title_the_instruction_is_one() -> None:
    assert assembled(SPEC, report="Done.").title == "make it iterative"


def change(path: str, *, added: int = 3, removed: int = 1, **fields: object) -> FileChange:
    hunk = HunkRef(id=f"12.1/{path}:1")
    return FileChange(path=path, base_id="a", proposed_id="b", hunks=(hunk,), added=added, removed=removed, **fields)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([change("lexer.py")], ()),
        ([change("pyproject.toml")], ("touches pyproject.toml", "changes 1 file beside its target")),
        (
            [change("lexer.py"), change(".github/workflows/ci.yml")],
            ("touches CI: .github/workflows/ci.yml", "changes 1 file beside its target"),
        ),
        ([change("uv.lock")], ("touches a lock file: uv.lock", "changes 1 file beside its target")),
        ([change(".husky/pre-commit")], ("touches hooks: .husky/pre-commit", "changes 1 file beside its target")),
        ([change("tests/test_lexer.py")], ("changes only tests",)),
        ([change("lexer.py"), change("tests/test_lexer.py", removed=20)], ("weakens tests: tests/test_lexer.py",)),
        ([change("lexer.py"), change("tests/test_lexer.py")], ()),
        ([change("lexer.py", mode=0o100755)], ("makes lexer.py executable",)),
        ([change("lexer.py", unseen=True)], ("hidden characters in lexer.py",)),
    ],
)
def test_risks_are_named(files: list[FileChange], expected: tuple[str, ...]) -> None:
    assert risks(Proposal(tuple(files)), target(), "fix") == expected


def test_a_deleted_file_is_a_risk() -> None:
    gone = FileChange(path="lexer.py", base_id="a", proposed_id=None, hunks=())
    assert risks(Proposal((gone,)), target(), "fix") == ("deletes lexer.py",)


def test_tests_that_change_only_tests_are_no_risk() -> None:
    assert risks(Proposal((change("tests/test_lexer.py"),)), target(), "test") == ()
