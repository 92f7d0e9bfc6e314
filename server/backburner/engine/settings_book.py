"""The settings of every project, read again when a file changed; and where its recipe files are.

A look at a few file times for each question: there is nothing to reload and nothing to forget.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backburner.model.settings import Settings
from backburner.store import paths
from backburner.store.recipes import Recipes
from backburner.store.settings import PROJECT_FILE, Loaded, load
from backburner.store.trust import TrustFile

Stamp = tuple[tuple[int, int] | None, ...]


class SettingsBook:
    """One per daemon. `env` says where the person's files are."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self.trust = TrustFile(paths.trust_file(env))
        self._person = paths.config_file(env)
        self._recipes = paths.recipes_dir(env)
        self._editor: Mapping[str, Any] = {}
        self._loaded: dict[Path | None, tuple[Stamp, Loaded]] = {}

    def set_editor(self, settings: Mapping[str, Any]) -> None:
        """What an editor sent; the last one counts for all."""
        if settings != self._editor:
            self._editor = settings
            self._loaded.clear()

    def settings(self, root: Path | None) -> Settings:
        return self.loaded(root).settings

    def loaded(self, root: Path | None) -> Loaded:
        """The merged settings of a project (None: the person's alone), with what is wrong and what waits for approval."""
        files = [self._person, self.trust.path, *([root / PROJECT_FILE] if root is not None else [])]
        stamp = tuple(_stamp(file) for file in files)
        standing = self._loaded.get(root)
        if standing is None or standing[0] != stamp:
            standing = self._loaded[root] = (stamp, load(self._person, root, self._editor, self.trust))
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
