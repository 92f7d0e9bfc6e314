"""What the daemon and `doctor` tell programs about themselves, before and after a task ran."""

from __future__ import annotations

from pathlib import Path

from cli.shell import open_shell
from emulator.script import Turn, scene


async def test_status_is_one_object_and_doctor_knows_the_sandbox_before_any_task(tmp_path: Path) -> None:
    async with open_shell(tmp_path, scene(Turn(say="It subtracts."))) as shell:
        assert (await shell("daemon", "status", code=1))["running"] is False
        rows = {row["name"]: row for row in (await shell("doctor"))["checks"]}
        sandbox = rows["sandbox"]
        if sandbox["state"] == "ok":
            assert sandbox["detail"] == (
                "strict: commands run in bubblewrap, without network, in the agent's copy of the project"
            )
        else:
            assert sandbox["detail"].startswith("none: ")
            assert "sandbox.unsandboxed" in sandbox["next"]
        facts = await shell("daemon", "status")
        assert facts["running"] is True
        assert facts["up_s"] >= 0
        assert facts["projects"] == [str(shell.project)]
        assert (facts["editors"], facts["tasks"]["ready"]) == ([], 0)
        await shell("delegate", "calc.py:1", "explain it", "--recipe", "explain", "--wait")
        facts = await shell("daemon", "status")
        assert facts["tasks"]["ready"] == 1
        assert facts["worker"]["up"] is True
        assert facts["worker"]["pid"] > 0
        assert facts["worker"]["sandbox"] == ("strict" if sandbox["state"] == "ok" else "none")
