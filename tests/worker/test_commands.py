from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.support import EDIT, FILES, FINISH, LEXER, Project, call, project, script, spec_for, turn
from backburner.agent.shell import Shell
from backburner.model.catalog import AgentSpec
from backburner.model.conversation import fold
from backburner.model.events import Briefed, DirectionStated, RunFailed, RunFinished, ToolsDone, TurnTaken
from backburner.model.task import Opening
from backburner.model.wire import Environment, Isolation, Limits
from backburner.workspace.sandbox import Level, probe
from worker.support import NO_SANDBOX, scripted, worker

TEST_IT = (
    "python3 -c \"import lexer; assert lexer.parse('a  b') == ['a', 'b'], lexer.parse('a  b'); print('1 passed')\""
)


@pytest.fixture
async def strict() -> Level:
    level = await probe()
    if level.name == "none":
        pytest.skip(f"no sandbox here: {level.note}")
    return level


def command(*words: str, **fields: object) -> AgentSpec:
    return AgentSpec(name="tool", kind="command", command=words, **fields)


async def test_run_works_in_the_agent_s_tree_and_its_changes_count(cafe: Project, strict: Level) -> None:
    snapshot = await cafe.snapshot()
    text = script(
        turn(EDIT, call("run", command="grep -n split lexer.py; echo made > made.txt; echo oops >&2; exit 3")),
        turn(call("read", path="made.txt"), FINISH),
    )
    async with worker(level=strict) as daemon:
        fact = await daemon.run(scripted(cafe, snapshot, text))
    done = [one for one in daemon.facts() if isinstance(one, ToolsDone)]
    assert done[0].results[1].text == "6:    return text.split()\noops\n[exit code 3]"
    assert not done[0].results[1].is_error
    assert sorted(changed.path for changed in done[0].changes) == ["lexer.py", "made.txt"]
    assert done[1].results[0].text.endswith("\tmade")
    assert isinstance(fact, RunFinished)
    assert not (cafe.root / "made.txt").exists()


async def test_a_command_sees_no_key_and_has_no_network(cafe: Project, strict: Level) -> None:
    snapshot = await cafe.snapshot()
    text = script(turn(call("run", command="env | sort; cat /proc/net/dev | wc -l")), turn(EDIT), turn(FINISH))
    async with worker(level=strict) as daemon:
        variables = {"PATH": "/usr/bin:/bin", "ANTHROPIC_API_KEY": "sk-ant-abcdefgh12345678", "LANG": "C.UTF-8"}
        await daemon.link.send(Environment(id="e1", variables=variables))
        await daemon.run(scripted(cafe, snapshot, text, environment="e1"))
    output = next(one for one in daemon.facts() if isinstance(one, ToolsDone)).results[0].text
    assert "LANG=C.UTF-8" in output
    assert "ANTHROPIC" not in output
    assert "sk-ant" not in output
    assert "\n3\n[exit code 0]" in output  # two lines of head, and the loopback


async def test_a_command_that_does_not_end_is_killed(cafe: Project, strict: Level) -> None:
    snapshot = await cafe.snapshot()
    text = script(turn(call("run", command="echo first; sleep 60", timeout_s=1)), turn(EDIT), turn(FINISH))
    async with worker(level=strict) as daemon:
        await daemon.run(scripted(cafe, snapshot, text, isolation=Isolation(command_timeout_s=5)))
    output = next(one for one in daemon.facts() if isinstance(one, ToolsDone)).results[0].text
    assert output == "first\n[killed: it did not end in time (at most 5 seconds)]"


async def test_the_check_runs_on_the_agent_s_change_and_changes_nothing(cafe: Project, strict: Level) -> None:
    snapshot = await cafe.snapshot()
    isolation = Isolation(check=f"{TEST_IT} && echo junk > junk.txt")
    async with worker(level=strict) as daemon:
        good = await daemon.run(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH)), isolation=isolation))
        worse = call("edit", path="lexer.py", old='text.split(" ")', new="list(text)")
        bad = await daemon.run(
            scripted(cafe, snapshot, script(turn(worse), turn(FINISH)), isolation=isolation, run="13.1", task=13)
        )
    assert isinstance(good, RunFinished)
    [check] = good.result.checks
    assert (check.passed, check.exit_code, check.summary, check.note) == (True, 0, "1 passed", "")
    assert [file.path for file in good.result.proposal.files] == ["lexer.py"]
    assert isinstance(bad, RunFinished)
    [check] = bad.result.checks
    assert (check.passed, check.exit_code) == (False, 1)
    assert "AssertionError" in check.tail


async def test_commands_that_leave_nothing_take_turns_in_one_directory(cafe: Project, strict: Level) -> None:
    workspaces = [await cafe.workspace() for _ in range(3)]
    gate, env = asyncio.Semaphore(1), {"PATH": "/usr/bin:/bin"}
    shells = [Shell(workspace, strict, Isolation(), env, gate) for workspace in workspaces]
    workspaces[1].write("only.py", b"here\n")
    for shell, exit_code in zip(shells, (1, 0, 1), strict=True):
        assert (await shell.run("test -e only.py", 20.0)).exit_code == exit_code
    assert len(list(cafe.trees.iterdir())) == 1
    # What one leaves is there for its next command, and for no other run.
    await shells[0].run("mkdir -p empty/folder", 20.0)
    assert (await shells[1].run("test ! -e empty", 20.0)).exit_code == 0
    assert (await shells[0].run("test -d empty/folder", 20.0)).exit_code == 0
    assert len(list(cafe.trees.iterdir())) == 2


async def test_without_a_sandbox_a_directory_stays_with_its_run(cafe: Project) -> None:
    workspace = await cafe.workspace()
    shell = Shell(workspace, NO_SANDBOX, Isolation(), {"PATH": "/usr/bin:/bin"}, asyncio.Semaphore(1))
    await shell.run("true", 20.0)
    assert workspace.checkout is not None
    await workspace.close()


WORSE = call("edit", path="lexer.py", old='text.split(" ")', new="list(text)")
BETTER = call("edit", path="lexer.py", old="list(text)", new="text.split()")
NOT_LIST = "grep -q 'list(text)' lexer.py && { echo '2 failed'; exit 1; } || echo '3 passed'"


async def test_a_check_that_fails_is_handed_back_once_and_the_result_shows_how_it_ended(
    cafe: Project, strict: Level
) -> None:
    snapshot = await cafe.snapshot()
    text = script(turn(WORSE), turn(FINISH), turn(BETTER), turn(FINISH))
    async with worker(level=strict) as daemon:
        fact = await daemon.run(scripted(cafe, snapshot, text, isolation=Isolation(check=NOT_LIST)))
    assert isinstance(fact, RunFinished)
    [check] = fact.result.checks
    assert (check.passed, check.summary, check.note) == (True, "3 passed", "")
    [told] = [fact for fact in daemon.facts() if isinstance(fact, Briefed)][1:]
    assert told.messages[0].startswith("The project's check was run on your result and fails (2 failed): `grep")
    assert "Before your change it passed." in told.messages[0]
    assert fact.result.proposal.hunks


async def test_a_check_that_goes_on_failing_is_not_handed_back_again(cafe: Project, strict: Level) -> None:
    snapshot = await cafe.snapshot()
    other = call("edit", path="lexer.py", old="Words of a text.", new="Letters of a text.")
    text = script(turn(WORSE), turn(FINISH), turn(other), turn(FINISH), turn(BETTER), turn(FINISH))
    async with worker(level=strict) as daemon:
        fact = await daemon.run(scripted(cafe, snapshot, text, isolation=Isolation(check=NOT_LIST)))
        assert isinstance(fact, RunFinished)
        [check] = fact.result.checks
        assert (check.passed, check.summary) == (False, "2 failed")
        assert daemon.kinds().count("TurnTaken") == 4
        # Nor when the run was interrupted meanwhile and goes on.
        facts = daemon.facts()
        last = max(index for index, one in enumerate(facts) if isinstance(one, Briefed))
        spec = scripted(cafe, snapshot, text, isolation=Isolation(check=NOT_LIST), run="12.2")
        changes = tuple(changed for one in facts[:last] if isinstance(one, ToolsDone) for changed in one.changes)
        again = replace(spec, conversation=fold(facts[: last + 1]), opening=Opening(kind="resume"), changes=changes)
        fact = await daemon.run(again)
        assert isinstance(fact, RunFinished)
        assert not fact.result.checks[0].passed
        assert daemon.kinds("12.2").count("TurnTaken") == 2


@pytest.mark.parametrize(("recipe", "turns"), [("implement", 2), ("fix", 3)])
async def test_a_check_that_failed_before_says_so(cafe: Project, strict: Level, recipe: str, turns: int) -> None:
    """Only who was sent to mend it is told."""
    snapshot = await cafe.snapshot()
    isolation = Isolation(check="echo '2 failed in 0.12s'; date +%N; exit 1")
    async with worker(level=strict) as daemon:
        text = script(turn(EDIT), turn(FINISH), turn(FINISH))
        fact = await daemon.run(scripted(cafe, snapshot, text, isolation=isolation, recipe=recipe))
    assert isinstance(fact, RunFinished)
    [check] = fact.result.checks
    assert (check.passed, check.note) == (False, "it failed before the change too")
    assert daemon.kinds().count("TurnTaken") == turns


async def test_a_check_that_failed_otherwise_before_is_handed_back(cafe: Project, strict: Level) -> None:
    snapshot = await cafe.snapshot()
    isolation = Isolation(check="grep -q 'list(text)' lexer.py && echo '2 failed' || echo '1 failed'; exit 1")
    async with worker(level=strict) as daemon:
        text = script(turn(WORSE), turn(FINISH), turn(FINISH))
        fact = await daemon.run(scripted(cafe, snapshot, text, isolation=isolation))
    assert isinstance(fact, RunFinished)
    assert fact.result.checks[0].note == "it failed before the change too (1 failed)"
    [told] = [fact for fact in daemon.facts() if isinstance(fact, Briefed)][1:]
    assert "Before your change it failed too (1 failed)." in told.messages[0]


async def test_a_result_stands_when_the_extra_round_comes_to_nothing(cafe: Project, strict: Level) -> None:
    snapshot = await cafe.snapshot()
    text = script(turn(WORSE), turn(FINISH), turn(call("delete", path="lexer.py")), turn(error="bad_key"))
    async with worker(level=strict) as daemon:
        fact = await daemon.run(scripted(cafe, snapshot, text, isolation=Isolation(check=NOT_LIST)))
    assert isinstance(fact, RunFinished)
    assert fact.result.title == "Split at any space"
    assert not fact.result.checks[0].passed
    [file] = fact.result.proposal.files
    assert file.proposed_id is not None


async def test_the_check_recipe_needs_no_model(tmp_path: Path, strict: Level) -> None:
    failing = "python3 -c \"print('lexer.py:6: error: too simple'); print('/nowhere.py:3: x'); raise SystemExit(1)\""
    async with project(tmp_path, FILES) as cafe:
        snapshot = await cafe.snapshot()
        async with worker(level=strict) as daemon:
            spec = scripted(cafe, snapshot, "", recipe="check", isolation=Isolation(check=failing))
            fact = await daemon.run(spec)
            passing = scripted(
                cafe,
                snapshot,
                "",
                recipe="check",
                isolation=Isolation(check=TEST_IT.replace("a  b", "a b")),
                run="13.1",
            )
            good = await daemon.run(passing)
    assert isinstance(fact, RunFinished)
    [finding] = fact.result.findings
    assert (finding.anchor.path, finding.anchor.span.start_line, finding.message, finding.check) == (
        "lexer.py",
        5,
        "error: too simple",
        True,
    )
    assert isinstance(good, RunFinished)
    assert good.result.findings == ()
    assert good.result.title == "Check passes"
    assert good.result.checks[0].passed


async def test_an_agent_may_be_a_command(cafe: Project, strict: Level) -> None:
    agent = command("sed", "-i", "{line},{end_line}s/split(.*)/split()/", "{file}")
    async with worker(level=strict) as daemon:
        fact = await daemon.run(spec_for(cafe, await cafe.snapshot(), agent=agent, recipe="free"))
    assert isinstance(fact, RunFinished)
    [file] = fact.result.proposal.files
    assert file.proposed_id is not None
    assert await cafe.shadow.get_text(file.proposed_id) == LEXER.replace('split(" ")', "split()")
    assert fact.result.title == "make it iterative"
    assert fact.result.summary == "sed changed the files."
    [direction] = [one for one in daemon.facts() if isinstance(one, DirectionStated)]
    assert direction.direction.startswith("sed -i")
    [taken] = [one for one in daemon.facts() if isinstance(one, TurnTaken)]
    assert taken.turn.cost_usd == 0.0
    assert (cafe.root / "lexer.py").read_text() == LEXER


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("sh", "-c", "echo it broke; exit 4"), "sh ended with exit code 4: it broke."),
        (("no-such-program-at-all", "{file}"), "There is no program no-such-program-at-all on the PATH"),
    ],
)
async def test_a_command_that_fails_is_one_sentence(
    cafe: Project, strict: Level, words: tuple[str, ...], sentence: str
) -> None:
    async with worker(level=strict) as daemon:
        fact = await daemon.run(spec_for(cafe, await cafe.snapshot(), agent=command(*words)))
    assert isinstance(fact, RunFailed)
    assert sentence in fact.cause.sentence
    assert fact.result is None


async def test_a_failing_command_keeps_what_it_changed(cafe: Project, strict: Level) -> None:
    agent = command("sh", "-c", "sed -i 's/split(.*)/split()/' $1; echo 1 left; exit 1", "sh", "{file}")
    async with worker(level=strict) as daemon:
        fact = await daemon.run(spec_for(cafe, await cafe.snapshot(), agent=agent))
    assert isinstance(fact, RunFinished)
    assert fact.result.summary == "sh changed the files and ended with exit code 1."
    assert "1 left" in fact.result.report


async def test_a_command_takes_no_words_for_code(cafe: Project, strict: Level) -> None:
    agent = command("echo", "{instruction}", "{file}")
    async with worker(level=strict) as daemon:
        spec = spec_for(
            cafe, await cafe.snapshot(), agent=agent, instruction="$(touch pwned); {line} `id`", recipe="explain"
        )
        fact = await daemon.run(spec)
    assert isinstance(fact, RunFinished)
    assert "$(touch pwned); {line} `id` lexer.py" in fact.result.report
    assert fact.result.proposal.files == ()


async def test_without_a_sandbox_no_command_agent_runs(cafe: Project) -> None:
    async with worker(level=NO_SANDBOX) as daemon:
        fact = await daemon.run(spec_for(cafe, await cafe.snapshot(), agent=command("sed", "-i", "s/a/b/", "{file}")))
    assert isinstance(fact, RunFailed)
    assert (fact.cause.kind, fact.cause.sentence) == ("sandbox", "sed cannot run here: bubblewrap is not installed.")


async def test_with_the_person_s_word_it_runs_without_a_sandbox(cafe: Project) -> None:
    async with worker(level=NO_SANDBOX) as daemon:
        spec = spec_for(
            cafe,
            await cafe.snapshot(),
            agent=command("sed", "-i", "s/split(.*)/split()/", "{file}"),
            isolation=Isolation(unsandboxed=True, check="true"),
        )
        fact = await daemon.run(spec)
    assert isinstance(fact, RunFinished)
    assert fact.result.checks[0].note == "may have tested your original"


async def test_an_agent_with_its_own_network_must_be_confirmed_once(cafe: Project) -> None:
    agent = command(sys.executable, "-c", "import os; print(os.environ['MY_API_KEY'])", network=True)
    async with worker(level=NO_SANDBOX) as daemon:
        await daemon.link.send(
            Environment(id="e1", variables={"PATH": "/usr/bin:/bin", "MY_API_KEY": "quite-secret-7"})
        )
        asked = await daemon.run(spec_for(cafe, await cafe.snapshot(), agent=agent, environment="e1"))
        assert isinstance(asked, RunFailed)
        assert "confirm once" in asked.cause.sentence
        fact = await daemon.run(
            spec_for(
                cafe,
                await cafe.snapshot(),
                agent=agent,
                environment="e1",
                isolation=Isolation(own_network=True),
                run="13.1",
                recipe="explain",
            )
        )
    assert isinstance(fact, RunFinished)
    assert fact.result.report == "[secret]"
    [taken] = [one for one in daemon.facts("13.1") if isinstance(one, TurnTaken)]
    assert taken.turn.cost_usd is None


async def test_a_command_agent_has_the_run_s_time(cafe: Project, strict: Level) -> None:
    async with worker(level=strict) as daemon:
        spec = spec_for(cafe, await cafe.snapshot(), agent=command("sleep", "60"), limits=Limits(seconds=1))
        fact = await daemon.run(spec)
    assert isinstance(fact, RunFailed)
    assert fact.cause.kind == "time"


async def test_a_reply_to_a_command_is_its_new_instruction(cafe: Project, strict: Level) -> None:
    agent = command("sh", "-c", 'echo "# $1" >> lexer.py', "sh", "{instruction}")
    async with worker(level=strict) as daemon:
        first = await daemon.run(spec_for(cafe, await cafe.snapshot(), agent=agent, instruction="one"))
        assert isinstance(first, RunFinished)
        fact = await daemon.run(
            spec_for(
                cafe,
                await cafe.snapshot(),
                agent=agent,
                instruction="one",
                run="12.2",
                conversation=daemon.conversation(),
                previous=first.result,
                opening=Opening(kind="reply", text="two"),
            )
        )
    assert isinstance(fact, RunFinished)
    [file] = fact.result.proposal.files
    assert file.proposed_id is not None
    assert await cafe.shadow.get_text(file.proposed_id) == LEXER + "# one\n# two\n"
