"""Texts by id for those who may not wait: a bounded cache over the shadow repository, filled by `load`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from backburner.workspace.shadow import Shadow

KEPT_CHARACTERS = 64 * 1024 * 1024


class TextCache:
    """`get` never waits and never reads; what was loaded last stays longest."""

    def __init__(self, shadow: Shadow, *, kept: int = KEPT_CHARACTERS) -> None:
        self._shadow = shadow
        self._kept = kept
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._size = 0

    def get(self, text_id: str, /) -> str | None:
        """The text, if it is loaded."""
        return self._texts.get(text_id)

    async def load(self, ids: Iterable[str]) -> None:
        """Make texts available; those that are gone from the shadow stay unavailable."""
        wanted = frozenset(ids)
        for text_id in wanted:
            if text_id in self._texts:
                self._texts.move_to_end(text_id)
                continue
            text = await self._shadow.get_text(text_id)
            if text is not None and text_id not in self._texts:
                self._texts[text_id] = text
                self._size += len(text)
        for text_id in tuple(self._texts):
            if self._size <= self._kept or text_id in wanted:
                break
            self._size -= len(self._texts.pop(text_id))
