"""The settings of every project, read again when a file changed; and where its recipe files are.

A look at a few file times for each question: there is nothing to reload and nothing to forget.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from backburner.model.settings import Settings
from backburner.store import paths
from backburner.store.recipes import Recipes
from backburner.store.settings import PROJECT_FILE, Loaded, load, strictest
from backburner.store.trust import TrustFile

Stamp = tuple[tuple[int, int] | None, ...]


class SettingsBook:
    """One per daemon. `env` says where the person's files are."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self.trust = TrustFile(paths.trust_file(env))
        self._person = paths.config_file(env)
        self._recipes = paths.recipes_dir(env)
        self._editors: dict[Hashable, Mapping[str, Any]] = {}
        self.left: dict[str, Mapping[str, Any]] = {}
        """What editors that are gone said about the tasks of all, by the name of their program."""
        self._loaded: dict[tuple[Path | None, Hashable], tuple[Stamp, Loaded]] = {}

    def set_editor(self, editor: Hashable, program: str, settings: Mapping[str, Any]) -> None:
        """What an editor sent, in place of all that it sent before. Where that is about the tasks of all, it also replaces
        what is left of an earlier window: not before, or a limit would be lifted while a window is loaded anew."""
        if self._editors.get(editor) != settings:
            self._editors[editor] = settings
            if strictest([settings]):
                self.left.pop(program, None)
            self._loaded.clear()

    def leave(self, editor: Hashable, program: str) -> None:
        """An editor is gone. What it said about the tasks of all stays until `forget`."""
        stays = strictest([self.left.get(program, {}), self._editors.pop(editor, {})])
        if stays:
            self.left[program] = stays
        self._loaded = {place: known for place, known in self._loaded.items() if place[1] is not editor}

    def forget(self) -> None:
        """Nothing depends any more on what editors said that are gone."""
        self.left.clear()
        self._loaded.clear()

    def settings(self, root: Path | None, editor: Hashable = None) -> Settings:
        return self.loaded(root, editor).settings

    def loaded(self, root: Path | None, editor: Hashable = None) -> Loaded:
        """The merged settings of a project (None: the person's alone), with what is wrong and what waits for approval: as
        one editor has them, or (None) as they hold for the tasks of all."""
        files = [self._person, self.trust.path, *([root / PROJECT_FILE] if root is not None else [])]
        stamp = tuple(_stamp(file) for file in files)
        standing = self._loaded.get((root, editor))
        if standing is None or standing[0] != stamp:
            everybody = (*self.left.values(), *self._editors.values())
            said = strictest(everybody) if editor is None else self._editors.get(editor, {})
            standing = self._loaded[root, editor] = (stamp, load(self._person, root, said, self.trust))
        return standing[1]

    def recipes(self, root: Path) -> Recipes:
        """The recipe files that replace or add to the shipped ones."""
        return Recipes(self._recipes, root, self.trust)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
