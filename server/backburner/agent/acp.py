"""An external agent over the Agent Client Protocol: another program's loop, in our copy of the files, judged by our review.

It brings its own network and sandbox, so it runs only when the person confirmed that once. Its requests for permission are
answered by rule, never by a person: it may work in its tree. What it leaves in the files is the change. Its transcript stays
its own; we keep what it said.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from backburner.agent.base import Brief, Failed, Refused, Report
from backburner.agent.draft import Draft
from backburner.agent.output import said
from backburner.agent.permitted import permitted, program_of
from backburner.agent.results import assembled
from backburner.agent.shell import Shell
from backburner.lib import process
from backburner.lib.clock import Clock
from backburner.lib.log import SECRETS
from backburner.model.events import DirectionStated, TurnTaken
from backburner.model.result import Cause, CauseKind, Result
from backburner.model.transcript import Message, Text, Turn, Usage
from backburner.providers.base import one_line
from backburner.workspace.tree import Workspace

if TYPE_CHECKING:
    from acp.client.connection import ClientSideConnection
    from acp.schema import PermissionOption, RequestPermissionResponse

LINE = 64 * 1024 * 1024
"""Bytes of one message at most."""
START_S = 60.0
CANCEL_S = 3.0
WATCHED = 2_000
ASKED_AGAIN = 20
"""Notes of the person that are handed on, at most."""
RULES = """\
You work unattended in your own copy of the project: do not ask, decide, and say what you assumed. Change only what the \
task needs. Do not commit. End with one sentence that says what came of it."""


class AcpAgent:
    """A program that speaks ACP on its standard input and output."""

    def __init__(self, bare: Shell, clock: Clock) -> None:
        self._bare = bare
        self._clock = clock

    async def do(self, brief: Brief, workspace: Workspace, report: Report) -> Result:
        """One prompt, and one more for each batch of the person's notes. Raises `Failed` and `Refused`."""
        spec, program = brief.spec, program_of(brief.spec)
        shell = permitted(spec, None, self._bare, "an agent that speaks ACP needs its own network")
        draft = Draft(brief, workspace, report, self._clock)
        await draft.begin()
        earlier = _earlier(report)
        texts = (f"{RULES}\n\n{brief.recipe.body}", *earlier, *brief.messages)
        await draft.briefed(brief.messages or ("It starts again.",))
        listener = Listener(brief, report, self._clock)
        async with shell.files() as checkout:
            try:
                async with (
                    asyncio.timeout(brief.limits.seconds),
                    self._connected(brief, checkout.files, listener) as talk,
                ):
                    for _ in range(ASKED_AGAIN):
                        await self._prompt(talk, "\n\n".join(texts), brief, listener, report)
                        notes = report.take_notes()
                        await checkout.collect()
                        await draft.look()
                        await draft.tell((), notes, len(notes))
                        if not notes:
                            break
                        texts = notes
            except TimeoutError as error:
                raise _failed("time", f"{program} did not come to an end in time.", program) from error
            except FileNotFoundError as error:
                raise _failed("command", f"There is no program {program} on the PATH.", program) from error
        return assembled(spec, report=listener.said)

    @asynccontextmanager
    async def _connected(self, brief: Brief, cwd: Any, listener: Listener) -> AsyncGenerator[Talk]:
        """A running agent with a session in the tree; gone afterwards, with everything that it started."""
        import acp
        from acp.schema import ClientCapabilities, FileSystemCapabilities, Implementation

        program = program_of(brief.spec)
        child = await process.start(
            brief.spec.agent.command, cwd=cwd, env=self._bare.environment, stderr=DEVNULL, limit=LINE
        )
        connection: ClientSideConnection | None = None
        try:
            # It offers neither files nor terminals, so it lacks those methods of the protocol class.
            client: Any = listener
            connection = acp.connect_to_agent(client, child.stdin, child.stdout)
            try:
                async with asyncio.timeout(START_S):
                    await connection.initialize(
                        protocol_version=acp.PROTOCOL_VERSION,
                        client_capabilities=ClientCapabilities(fs=FileSystemCapabilities(), terminal=False),
                        client_info=Implementation(name="backburner", version="0"),
                    )
                    session = await connection.new_session(cwd=str(cwd), mcp_servers=[])
            except (acp.RequestError, ConnectionError, TimeoutError) as error:
                raise _failed("command", f"{program} did not start: {one_line(str(error))}.", program) from error
            yield Talk(connection, session.session_id)
        finally:
            if connection is not None:
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(CANCEL_S):
                        await connection.close()
            process.kill_group(child.pid)
            await child.wait()

    async def _prompt(self, talk: Talk, text: str, brief: Brief, listener: Listener, report: Report) -> None:
        import acp

        spec, program = brief.spec, program_of(brief.spec)
        listener.begin()
        try:
            answer = await talk.connection.prompt(session_id=talk.session, prompt=[acp.text_block(text)])
        except (acp.RequestError, ConnectionError) as error:
            raise _failed("command", f"{program} failed: {one_line(str(error))}.", program) from error
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CANCEL_S):
                    await talk.connection.cancel(session_id=talk.session)
            raise
        used = answer.usage
        usage = Usage(
            input_tokens=used.input_tokens if used else 0,
            output_tokens=used.output_tokens if used else 0,
            cache_read_tokens=(used.cached_read_tokens or 0) if used else 0,
            cache_write_tokens=(used.cached_write_tokens or 0) if used else 0,
        )
        turn = Turn(
            parts=(Text(SECRETS.redact(listener.said)),),
            stop="end",
            usage=usage,
            cost_usd=listener.cost(),
            model=spec.agent.model or program,
        )
        await report.fact(TurnTaken(task=spec.task, run=spec.run, turn=turn, at=self._clock.now()))
        if answer.stop_reason == "refusal":
            raise Refused(Cause(kind="refused", sentence=f"{program} refused to do this.", who=program))


class Talk:
    """A connection and its one session."""

    def __init__(self, connection: ClientSideConnection, session: str) -> None:
        self.connection = connection
        self.session = session


class Listener:
    """The client's side of ACP: hears what the agent says, and answers its requests by rule."""

    def __init__(self, brief: Brief, report: Report, clock: Clock) -> None:
        self._brief, self._report, self._clock = brief, report, clock
        self.said = ""
        """What the agent said in the last prompt."""
        self._directed = False
        self._cost: float | None = None
        self._counted = 0.0

    def begin(self) -> None:
        self.said = ""

    def cost(self) -> float | None:
        """US dollars since the last call; None: it does not say."""
        if self._cost is None:
            return None
        new, self._counted = self._cost - self._counted, self._cost
        return max(0.0, new)

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        match update.session_update:
            case "agent_message_chunk":
                self.said += getattr(update.content, "text", "")
                await self._report.progress(self.said[-WATCHED:], len(self.said) // 4)
            case "plan" if update.entries:
                await self._direct(update.entries[0].content)
            case "tool_call":
                await self._direct(update.title)
            case "usage_update" if update.cost is not None and update.cost.currency == "USD":
                self._cost = update.cost.amount
            case _:
                pass

    async def request_permission(
        self, session_id: str, tool_call: Any, options: list[PermissionOption], **_: Any
    ) -> RequestPermissionResponse:
        from acp.schema import AllowedOutcome, DeniedOutcome, RequestPermissionResponse

        for kind in ("allow_once", "allow_always"):
            for option in options:
                if option.kind == kind:
                    return RequestPermissionResponse(
                        outcome=AllowedOutcome(option_id=option.option_id, outcome="selected")
                    )
        return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        import acp

        raise acp.RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        pass

    def on_connect(self, conn: Any) -> None:
        pass

    async def _direct(self, direction: str) -> None:
        """The first plan or tool call is taken for the direction."""
        if self._directed or not direction.strip():
            return
        self._directed = True
        spec = self._brief.spec
        words = said(direction)[:80]
        await self._report.fact(DirectionStated(task=spec.task, run=spec.run, direction=words, at=self._clock.now()))


def _earlier(report: Report) -> tuple[str, ...]:
    """What the person said in earlier runs: the agent's own memory of them is gone."""
    entries = report.conversation.entries if report.conversation is not None else ()
    return tuple(f"Earlier:\n{entry.text}" for entry in entries if isinstance(entry, Message))


def _failed(kind: CauseKind, sentence: str, program: str) -> Failed:
    return Failed(Cause(kind=kind, sentence=sentence, who=program))
