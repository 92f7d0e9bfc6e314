"""The agent's changes so far, and telling them: which paths changed since they were last told, and the size of the whole."""

from __future__ import annotations

from collections.abc import Sequence

from backburner.agent.base import Brief, Report
from backburner.lib.clock import Clock
from backburner.model.events import Briefed, ToolsDone
from backburner.model.result import Changed
from backburner.model.text import count, decode
from backburner.model.transcript import ToolResult, ToolSpec
from backburner.workspace.tree import Workspace


class Draft:
    """Compares the workspace with what was last told of it. `look` first, then read the rest."""

    def __init__(self, brief: Brief, workspace: Workspace, report: Report, clock: Clock) -> None:
        self._brief, self._workspace, self._report, self._clock = brief, workspace, report, clock
        self._told: dict[str, Changed] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        self.changes: dict[str, Changed] = {}
        """Every path that was changed, also one that is as in the snapshot again."""

    async def begin(self) -> None:
        """Take the workspace as it is for told: it came from the daemon."""
        await self.look()
        await self._measure(self.untold)
        self._told = dict(self.changes)

    async def briefed(
        self,
        messages: Sequence[str],
        *,
        system: str = "",
        tools: tuple[ToolSpec, ...] = (),
        results: tuple[ToolResult, ...] = (),
    ) -> None:
        """Report `Briefed`: what the run begins with, this draft among it."""
        spec = self._brief.spec
        await self._report.fact(
            Briefed(
                task=spec.task,
                run=spec.run,
                system=system,
                tools=tools,
                results=results,
                messages=tuple(messages),
                changes=self._brief.changes,
                added=self.added,
                removed=self.removed,
                at=self._clock.now(),
            )
        )

    async def look(self) -> None:
        self.changes = {changed.path: changed for changed in await self._workspace.changes()}

    async def differs(self) -> bool:
        """Whether any text is not as in the snapshot."""
        for path in self.changes:
            if await self._workspace.read(path) != await self._workspace.read_base(path):
                return True
        return False

    @property
    def added(self) -> int:
        """Lines, as they were last measured; `removed` likewise."""
        return sum(added for added, _ in self._sizes.values())

    @property
    def removed(self) -> int:
        return sum(removed for _, removed in self._sizes.values())

    @property
    def untold(self) -> tuple[Changed, ...]:
        """Paths that changed since they were last told."""
        return tuple(changed for path, changed in self.changes.items() if self._told.get(path) != changed)

    async def tell(self, results: Sequence[ToolResult], messages: Sequence[str] = (), notes_read: int = 0) -> None:
        """Report `ToolsDone`. Returns when it is durable."""
        spec, untold = self._brief.spec, self.untold
        await self._measure(untold)
        await self._report.fact(
            ToolsDone(
                task=spec.task,
                run=spec.run,
                results=tuple(results),
                messages=tuple(messages),
                notes_read=notes_read,
                changes=untold,
                added=self.added,
                removed=self.removed,
                at=self._clock.now(),
            )
        )
        self._told = dict(self.changes)

    async def _measure(self, changes: Sequence[Changed]) -> None:
        for changed in changes:
            base, now = await self._workspace.read_base(changed.path), await self._workspace.read(changed.path)
            texts = [decode(data) if data is not None else None for data in (base, now)]
            self._sizes[changed.path] = count(*(text.text if text is not None else None for text in texts))
