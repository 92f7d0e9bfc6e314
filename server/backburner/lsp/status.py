"""What is told without being asked: the count of tasks, one aggregate progress, one message for each cause.

Clients that take `backburner/status` get that and no progress. A message is about something that needs the person, and is
said once for all tasks that it stops; never for "finished".
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lsprotocol import types
from msgspec.structs import replace
from pygls.exceptions import JsonRpcException

from backburner.model.held import FOR_PERSON, Held
from backburner.model.result import CauseKind
from backburner.model.task import State
from backburner.model.view import Status
from backburner.review.ready import status as status_of
from backburner.review.ready import worded
from backburner.review.words import clock_time, plural, sentence

if TYPE_CHECKING:
    from backburner.lsp.session import Session

logger = logging.getLogger(__name__)

TOKEN = "backburner"
"""Some clients show the token itself before there is a title."""
NEEDS_YOU: frozenset[CauseKind] = frozenset(
    {
        "bad_key",
        "no_key",
        "no_agent",
        "no_model",
        "refused",
        "too_long",
        "credit",
        "rejected",
        "budget",
        "snapshot",
        "sandbox",
        "command",
        "disk",
        "internal",
    }
)
HELD_BY_YOU = FOR_PERSON - {"folded", "reading"}
"""What a message is for; those two are what the person did, and stand at the task."""
REPORT_S = 15.0
GATHER_S = 1.0
"""Tasks that stop within this time are said in one sentence."""


class StatusLine:
    """The status of one session over all its projects."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._sent: Status | None = None
        self._progress = ""
        self._began = False
        self._taken = False
        """The client agreed to the progress that was begun."""
        self._reported = float("-inf")
        self._said: set[str] = set()
        self._gathering = False

    def update(self) -> None:
        """Send what changed."""
        client = self.session.client
        if client.status:
            self._notify()
        elif client.progress and not client.command_line:
            self._report()
        if not client.command_line and self._unsaid() and not self._gathering:
            self._gathering = True
            self.session.spawn(self._say(), "say what stopped")

    def whole(self) -> Status:
        """The status over all projects of this editor."""
        engines = list(self.session.engines.values())
        parts = [
            status_of(engine.state, engine.held, self.session.clock.now(), *engine.spending(), branch=engine.branch)
            for engine in engines
        ]
        return combined(parts)

    def _notify(self) -> None:
        status = self.whole()
        before = self._sent
        revision = sum(engine.revision for engine in self.session.engines.values())
        status = replace(status, revision=revision)
        if before is None or before != status:
            self._sent = status
            self.session.server.protocol.notify("backburner/status", status)

    def _report(self) -> None:
        """One aggregate progress: begun with the first running task, ended with the last."""
        status = self.whole()
        if not status.running:
            if self._began:
                self._began, self._progress = False, ""
                if self._taken:
                    self._send(types.WorkDoneProgressEnd())
                self._taken = False
            return
        text = progress_text(status)
        now = self.session.clock.monotonic()
        if not self._began:
            self._began, self._progress, self._reported = True, text, now
            self.session.spawn(self._begin(text), "begin progress")
        elif self._taken and text != self._progress and now - self._reported >= REPORT_S:
            self._progress, self._reported = text, now
            self._send(types.WorkDoneProgressReport(message=text))

    async def _begin(self, text: str) -> None:
        try:
            await self.session.server.window_work_done_progress_create_async(types.WorkDoneProgressCreateParams(TOKEN))
        except JsonRpcException as error:
            # Then there is no progress in this client, for as long as tasks run.
            logger.info("the client takes no progress: %s", error)
            return
        self._taken = self._began
        self._send(types.WorkDoneProgressBegin(title="Backburner", message=text, cancellable=False))
        if not self._began:
            # It was over before the client agreed. Helix shows what it agreed to until it ends.
            self._send(types.WorkDoneProgressEnd())

    def _send(
        self, value: types.WorkDoneProgressBegin | types.WorkDoneProgressReport | types.WorkDoneProgressEnd
    ) -> None:
        converter = self.session.server.protocol.plain
        self.session.server.protocol.notify("$/progress", {"token": TOKEN, "value": converter(value)})

    def _unsaid(self) -> dict[str, list[str]]:
        """Causes that stop tasks now and were not said yet. A cause that is gone may be said again when it is back."""
        standing: dict[str, list[str]] = {}
        for engine in self.session.engines.values():
            for why, verb, number in causes(engine.state, engine.held):
                standing.setdefault(f"{verb}: {why}", []).append(f"#{number}")
        self._said = {key for key in self._said if key in standing}
        return {key: tasks for key, tasks in standing.items() if key not in self._said}

    async def _say(self) -> None:
        await self.session.clock.sleep(GATHER_S)
        self._gathering = False
        for key, tasks in self._unsaid().items():
            self._said.add(key)
            who = tasks[0] if len(tasks) == 1 else plural(len(tasks), "task")
            self.session.say(f"{who} {key}")


def causes(state: State, held: Mapping[int, Held]) -> Iterator[tuple[str, str, int]]:
    """Why, what became of it, and which task: for everything that stops or holds tasks and needs the person."""
    for task in state.tasks.values():
        cause = task.failure
        if task.state == "failed" and not task.seen and cause is not None and cause.kind in NEEDS_YOU:
            yield sentence(cause.sentence), "stopped", task.number
    for waiting in held.values():
        if waiting.reason in HELD_BY_YOU:
            text = waiting.said(clock_time)[0]
            verb = "cannot start" if waiting.reason != "budget" else "cannot go on"
            yield sentence(text), verb, waiting.task


def progress_text(status: Status) -> str:
    """`3 running, 2 to read, 1 question`"""
    parts = [f"{status.running} running"]
    if status.unread:
        parts.append(f"{status.unread} to read")
    if status.asking:
        parts.append(plural(status.asking, "question"))
    return ", ".join(parts)


def combined(parts: list[Status]) -> Status:
    """One status of several projects. The day and its budget are the person's, the same in all."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Status()
    total = Status(
        running=sum(part.running for part in parts),
        ready=sum(part.ready for part in parts),
        asking=sum(part.asking for part in parts),
        waiting=sum(part.waiting for part in parts),
        failed=sum(part.failed for part in parts),
        unread=sum(part.unread for part in parts),
        spent_usd=max(part.spent_usd for part in parts),
        day_budget_usd=parts[0].day_budget_usd,
        longest_s=max(part.longest_s for part in parts),
        causes=list(dict.fromkeys(cause for part in parts for cause in part.causes)),
    )
    return worded(total)
