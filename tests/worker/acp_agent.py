"""A small agent that speaks ACP on its standard streams, for tests; run as a program.

Its first argument says what it does: `work`, `refuse`, `fail`, `hang`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import acp
from acp.schema import AgentCapabilities, Cost, PermissionOption, ToolCallUpdate, Usage, UsageUpdate

MODE = sys.argv[1]


class Small(acp.Agent):
    def on_connect(self, conn: Any) -> None:
        self.client = conn

    async def initialize(self, protocol_version: int, **_: Any) -> acp.InitializeResponse:
        return acp.InitializeResponse(protocol_version=protocol_version, agent_capabilities=AgentCapabilities())

    async def new_session(self, cwd: str, **_: Any) -> acp.NewSessionResponse:
        self.cwd = Path(cwd)
        if MODE == "fail":
            raise acp.RequestError.auth_required()
        return acp.NewSessionResponse(session_id="s1")

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> acp.PromptResponse:
        if MODE == "refuse":
            return acp.PromptResponse(stop_reason="refusal")
        await self.client.session_update(session_id, acp.update_plan([acp.plan_entry("split at any space")]))
        options = [
            PermissionOption(option_id="no", name="No", kind="reject_once"),
            PermissionOption(option_id="yes", name="Yes", kind="allow_once"),
        ]
        call = ToolCallUpdate(tool_call_id="t1", title="edit lexer.py")
        answer = await self.client.request_permission(session_id=session_id, tool_call=call, options=options)
        lexer = self.cwd / "lexer.py"
        lexer.write_text(lexer.read_text().replace('split(" ")', "split()"))
        if MODE == "hang":
            await self.client.session_update(session_id, acp.update_agent_message_text("Changed."))
            await asyncio.Event().wait()
        said = prompt[0].text
        (self.cwd / "heard.txt").write_text(said)
        await self.client.session_update(
            session_id, acp.update_agent_message_text(f"I split, {answer.outcome.option_id}. ")
        )
        await self.client.session_update(session_id, acp.update_agent_message_text("Done."))
        cost = Cost(amount=0.25, currency="USD")
        await self.client.session_update(
            session_id, UsageUpdate(session_update="usage_update", used=1, size=9, cost=cost)
        )
        return acp.PromptResponse(
            stop_reason="end_turn", usage=Usage(input_tokens=20, output_tokens=5, total_tokens=25)
        )


asyncio.run(acp.run_agent(Small()))
