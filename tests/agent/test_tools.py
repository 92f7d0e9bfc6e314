from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.support import EDIT, FINISH, LEXER, Played, Project, Recorder, call, play, project, spec_for, turn
from backburner.agent.base import Brief
from backburner.agent.kit import Kit
from backburner.agent.output import CAP, shown
from backburner.agent.recipes import load
from backburner.agent.results import findings
from backburner.agent.tools import offered, specs, use
from backburner.lib.clock import HandClock
from backburner.lib.log import SECRETS
from backburner.model.task import LeftOut
from backburner.model.transcript import ToolCall, ToolResult
from backburner.workspace.tree import Workspace


async def kit_for(cafe: Project, workspace: Workspace | None = None, **fields: object) -> Kit:
    workspace = workspace or await cafe.workspace()
    spec = spec_for(cafe, workspace.snapshot, **fields)
    brief = Brief(spec=spec, recipe=load("free"), limits=spec.limits)
    return Kit(brief, workspace, Recorder(), HandClock(), None)


async def do(kit: Kit, tool: str, **arguments: object) -> ToolResult:
    tools = offered(load("free"), commands=True, pace="run") | offered(load("review"), commands=True, pace="run")
    return await use(tools, kit, ToolCall("c1", tool, arguments))


async def test_read_numbers_lines_and_takes_a_range(cafe: Project) -> None:
    kit = await kit_for(cafe)
    whole = await do(kit, "read", path="lexer.py")
    assert whole.text.splitlines()[3] == "     4\tdef parse(text):"
    part = await do(kit, "read", path="lexer.py", start_line=4, end_line=5)
    assert [line.split("\t")[0].strip() for line in part.text.splitlines()] == ["4", "5"]


async def test_read_of_a_long_file_says_how_to_go_on(cafe: Project) -> None:
    kit = await kit_for(cafe)
    kit.workspace.write("long.txt", b"".join(b"line %d\n" % number for number in range(1, 5_001)))
    first = await do(kit, "read", path="long.txt")
    assert "[lines 1 to 2000 of 5000; go on with start_line 2001]" in first.text
    assert len(first.text) <= CAP
    second = await do(kit, "read", path="long.txt", start_line=2_001)
    assert "  2001\tline 2001" in second.text


async def test_read_lists_a_folder_and_the_project(cafe: Project) -> None:
    kit = await kit_for(cafe)
    assert (await do(kit, "read", path="tests")).text == "test_lexer.py"
    for path in ("", ".", str(cafe.root)):
        assert (await do(kit, "read", path=path)).text.splitlines() == ["lexer.py", "tests/"]


async def test_absolute_paths_below_the_project_are_understood(cafe: Project) -> None:
    kit = await kit_for(cafe)
    assert "def parse" in (await do(kit, "read", path=f"{cafe.root}/lexer.py")).text


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b", ".git/config", "x/.git/hooks/pre-commit"])
@pytest.mark.parametrize("tool", ["read", "edit", "write", "delete", "move"])
async def test_no_tool_leaves_the_project(cafe: Project, tool: str, path: str) -> None:
    kit = await kit_for(cafe)
    more = {"edit": {"old": "a", "new": "b"}, "write": {"content": "x"}, "move": {"to": "y.py"}}.get(tool, {})
    result = await do(kit, tool, path=path, **more)
    assert result.is_error
    assert await kit.workspace.changes() == ()


async def test_a_missing_file_names_the_nearest(cafe: Project) -> None:
    result = await do(await kit_for(cafe), "read", path="tests/test_lexr.py")
    assert result.text == "There is no file tests/test_lexr.py. Did you mean tests/test_lexer.py?"


async def test_a_folder_and_a_link_out_of_the_project_are_named_as_such(cafe: Project) -> None:
    (cafe.root / "passwd").symlink_to("/etc/passwd")
    kit = await kit_for(cafe, await cafe.workspace())
    assert (await do(kit, "edit", path="tests", old="a", new="b")).text == "tests is a folder."
    assert (await do(kit, "read", path="passwd")).text == "passwd is a link, and what it names is not in your copy."


async def test_a_file_that_was_left_out_says_why(cafe: Project) -> None:
    workspace = await cafe.workspace()
    kit = await kit_for(cafe, workspace)
    snapshot = replace(workspace.snapshot, left_out=(LeftOut(".env", "looks like a secret"),))
    kit = Kit(
        Brief(spec=replace(kit.brief.spec, snapshot=snapshot), recipe=load("free"), limits=kit.brief.limits),
        workspace,
        Recorder(),
        HandClock(),
        None,
    )
    assert (await do(kit, "read", path=".env")).text == ".env is not in your copy: looks like a secret."


async def test_search_finds_lines_and_what_was_just_written(cafe: Project) -> None:
    kit = await kit_for(cafe)
    await do(kit, "write", path="new.py", content="def parse_v2():\n    pass\n")
    found = await do(kit, "search", pattern=r"def parse\w*\(", glob="*.py")
    assert found.text.splitlines() == ["lexer.py:4: def parse(text):", "new.py:1: def parse_v2():"]
    assert (await do(kit, "search", pattern="nowhere at all")).text == "No line matches."
    assert (await do(kit, "search", pattern="(")).is_error


async def test_edit_needs_exactly_one_match(cafe: Project) -> None:
    kit = await kit_for(cafe)
    twice = await do(kit, "edit", path="lexer.py", old="return ", new="yield ")
    assert twice.is_error
    assert "2 times, at lines 6, 10" in twice.text
    every = await do(kit, "edit", path="lexer.py", old="return ", new="yield ", replace_all=True)
    assert every.text == "Edited lexer.py: +2 −2, 2 places."


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        ('def parse(text):\n  """Words of a text."""', "differs only in white space"),
        ('def parse(txt):\n    """Words of a text."""', "The most similar lines are:\n     4\tdef parse(text):"),
        ("     4\tdef parse(text):\n     5\t    pass", "Leave out the line numbers"),
        ("class Nothing(of, the, kind):", "No line is like it"),
        ("", "`old` is empty"),
        ("return", "2 times"),
    ],
)
async def test_an_edit_that_does_not_match_says_what_nearly_did(cafe: Project, old: str, expected: str) -> None:
    kit = await kit_for(cafe)
    result = await do(kit, "edit", path="lexer.py", old=old, new="x")
    assert result.is_error
    assert expected in result.text
    assert await kit.workspace.changes() == ()


async def test_edit_keeps_line_ends_mark_and_mode(tmp_path: Path) -> None:
    files = {"a.txt": b"\xef\xbb\xbfone\r\ntwo\r\nthree\r\n"}
    async with project(tmp_path, files) as cafe:
        kit = await kit_for(cafe)
        await do(kit, "edit", path="a.txt", old="one\ntwo", new="1\n2")
        assert await kit.workspace.read("a.txt") == b"\xef\xbb\xbf1\r\n2\r\nthree\r\n"
        await do(kit, "write", path="a.txt", content="all\nnew\n")
        assert await kit.workspace.read("a.txt") == b"\xef\xbb\xbfall\r\nnew\r\n"


async def test_what_is_not_text_is_left_alone(tmp_path: Path) -> None:
    async with project(tmp_path, {"x.bin": b"\0\1\2", "y.txt": b"\xfa\xe4\n"}) as cafe:
        kit = await kit_for(cafe)
        for path in ("x.bin", "y.txt"):
            for tool, more in (("read", {}), ("edit", {"old": "a", "new": "b"}), ("write", {"content": "x"})):
                result = await do(kit, tool, path=path, **more)
                assert result.is_error
                assert "is not text" in result.text
        assert await kit.workspace.changes() == ()


async def test_files_are_made_moved_and_deleted(cafe: Project) -> None:
    kit = await kit_for(cafe)
    assert (await do(kit, "write", path="pkg/new.py", content="x = 1\n")).text == "Made pkg/new.py, 1 lines."
    assert not (await do(kit, "move", path="lexer.py", to="pkg/lexer.py")).is_error
    assert (await do(kit, "move", path="pkg/lexer.py", to="pkg/new.py")).is_error
    assert not (await do(kit, "delete", path="tests/test_lexer.py")).is_error
    assert (await do(kit, "delete", path="tests/test_lexer.py")).is_error
    assert await kit.workspace.read("pkg/lexer.py") == LEXER.encode()
    assert await kit.workspace.read("lexer.py") is None
    proposal, problems = await kit.workspace.proposal("12.1")
    assert problems == ()
    assert [(file.path, file.renamed_from) for file in proposal.files] == [
        ("pkg/lexer.py", "lexer.py"),
        ("pkg/new.py", None),
        ("tests/test_lexer.py", None),
    ]


async def test_secrets_never_reach_the_model(cafe: Project) -> None:
    SECRETS.add("open-sesame-1234")
    kit = await kit_for(cafe)
    kit.workspace.write("conf.py", b"KEY = 'sk-abcdefghijklmnop1234'\nWORD = 'open-sesame-1234'\n")
    for result in (await do(kit, "read", path="conf.py"), await do(kit, "search", pattern="KEY|WORD")):
        assert "sk-abc" not in result.text
        assert "open-sesame" not in result.text
        assert result.text.count("[secret]") == 2
    near = await do(kit, "edit", path="conf.py", old="KEY = '[secret]'", new="KEY = ''")
    assert "leave that line out" in near.text


def test_long_output_keeps_head_and_tail() -> None:
    text = shown("a" * 50_000 + "b" * 50_000)
    assert len(text) < CAP + 100
    assert text.startswith("aaa")
    assert text.endswith("bbb")
    assert "[… 60000 characters left out …]" in text


def test_recipes_that_only_look_have_no_tool_that_writes() -> None:
    names = {spec.name for spec in specs(offered(load("review"), commands=True, pace="run"))}
    assert names == {"read", "search", "run", "plan", "finding", "finish"}


def test_without_commands_there_is_no_run() -> None:
    assert "run" not in offered(load("fix"), commands=False, pace="run")


async def review(cafe: Project, *calls: dict[str, object]) -> Played:
    return await play(cafe, turn(*calls), turn(FINISH), recipe=load("review"))


async def test_findings_are_read_back_from_the_transcript(cafe: Project) -> None:
    played = await review(
        cafe,
        call("finding", path="lexer.py", start_line=6, severity="error", message="Splits at single spaces only."),
        call("finding", path=f"{cafe.root}/lexer.py", start_line=9, end_line=10, message="No test."),
        call("finding", path="lexer.py", start_line=99, message="Nowhere."),
        call("finding", path="missing.py", start_line=1, message="Nothing."),
    )
    assert [result.is_error for result in played.report.results[:4]] == [False, False, True, True]
    found = await findings(played.report.conversation, "12.1", played.workspace)
    assert [(finding.id, finding.severity, finding.check) for finding in found] == [
        ("12.1/finding:1", "error", False),
        ("12.1/finding:2", "warning", False),
    ]
    assert (found[0].anchor.path, found[0].anchor.span.start_line, found[0].anchor.first) == (
        "lexer.py",
        5,
        '    return text.split(" ")',
    )
    assert found[1].anchor.span.end_line == 10


async def test_a_review_that_finds_nothing_is_not_asked_for_a_change(cafe: Project) -> None:
    played = await review(cafe, call("read", path="lexer.py"))
    assert played.report.said == []
    assert played.result is not None


async def test_a_read_only_run_cannot_write(cafe: Project) -> None:
    played = await play(cafe, turn(EDIT), turn(FINISH), recipe=load("review"))
    assert played.report.results[0].is_error
    assert await played.text() == LEXER
