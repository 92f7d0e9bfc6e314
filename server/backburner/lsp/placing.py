"""Some hunks of one file against the text as it is: what fits is put in, what does not is said. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from backburner.lsp.transport import Refusal
from backburner.model.result import HunkKind, HunkRef, Placement
from backburner.model.text import apply, fit


class Placing:
    """Remembers what the last `compute` came to, because the person may type and it is done again."""

    def __init__(
        self,
        path: str,
        base: str | None,
        proposed: str | None,
        all_hunks: Sequence[HunkRef],
        hunks: Sequence[HunkRef],
        accepted: Collection[str],
        theirs: bool,
    ) -> None:
        self.path = path
        self.base, self.proposed = base, proposed
        self.all_hunks, self.hunks, self.accepted = all_hunks, hunks, accepted
        self.theirs = theirs
        self.before: str | None = None
        self.after: str | None = None
        self.placed: tuple[str, ...] = ()
        """Hunks that were put into the text."""
        self.already: tuple[str, ...] = ()
        """Hunks that stand in the text already."""
        self.refused: dict[str, str] = {}
        """The others, each with its reason."""

    def compute(self, live: str | None) -> str | None:
        """The text with the hunks in it. Raises `Refusal` when not one of them has a place."""
        theirs = [hunk.id for hunk in self.hunks] if self.theirs else []
        applied = apply(self.base, self.proposed, live, self.hunks, self.all_hunks, self.accepted, theirs)
        placements: dict[str, Placement] = {id: fitted.placement for id, fitted in applied.placed.items()}
        self.before, self.after = live, applied.text
        self.placed = tuple(id for id, placement in placements.items() if placement in ("fits", "moved"))
        self.already = tuple(id for id, placement in placements.items() if placement == "applied")
        kinds: dict[str, HunkKind] = {hunk.id: hunk.kind for hunk in self.hunks}
        self.refused = {id: self._reason(placements[id], kinds[id]) for id in applied.refused}
        if not self.placed and not self.already:
            conflict = any(placements[id] == "conflicts" for id in applied.refused)
            raise Refusal(next(iter(self.refused.values())), "conflict" if conflict else "stale")
        return applied.text

    def is_applied(self, live: str) -> bool:
        """Whether every hunk that was to be put in stands in this text."""
        placed = fit(self.base, self.proposed, live, self.all_hunks, self.accepted)
        return bool(self.placed) and all(placed[id].placement == "applied" for id in self.placed)

    def _reason(self, placement: Placement, kind: HunkKind) -> str:
        if placement == "conflicts" and kind == "create":
            return f"{self.path}: another file is there already. Read it, then Refit or take theirs."
        if placement == "conflicts" and kind == "delete":
            return f"{self.path}: you changed it since. Read it, then Refit or take theirs."
        if placement == "conflicts":
            return f"{self.path}: it overlaps your edit. Read it, then Refit or take theirs."
        if self.before is None:
            return f"{self.path} is gone. Run again or read it."
        return f"{self.path}: the code it changed is gone. Run again or read it."
