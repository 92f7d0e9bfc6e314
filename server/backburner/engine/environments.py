"""The variables that editors hand over: PATH, virtual environment and locale by id, and keys.

Keys are in this memory and in the worker's, nowhere else; they are registered so that no log shows them. Only what is
harmless goes into journals, so that a task can go on after a restart as soon as some editor brings its key again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from backburner.lib.log import SECRETS

HARMLESS = (
    "PATH",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
    "PYENV_VERSION",
    "NVM_BIN",
    "JAVA_HOME",
    "GOPATH",
    "GOROOT",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
)


class Environments:
    """Every environment that was handed over since the daemon started, and the harmless part of older ones."""

    def __init__(self) -> None:
        self._plain: dict[str, Mapping[str, str]] = {}
        self._keys: dict[str, Mapping[str, str]] = {}
        """By id, in the order in which they were handed over last."""
        self.keyring: Collection[str] = ()
        """Names of key variables whose value is in the keyring."""
        self.reachable: Collection[str] = ()
        """Agents such as `ollama` whose server answered."""
        self.revision = 0
        """Grows with every change."""

    def put(self, variables: Mapping[str, str], keys: Collection[str]) -> str:
        """Take over what is allowed of an editor's variables, `keys` among them. Returns its id.

        An empty key takes it back; one that is not there does not: a command line of the same person may have none.
        """
        plain = {name: variables[name] for name in HARMLESS if name in variables}
        text = "\0".join(f"{name}={value}" for name, value in sorted(plain.items()))
        name = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self.revision += 1
        self._plain[name] = plain
        given = {**self._keys.pop(name, {}), **{key: variables[key] for key in keys if key in variables}}
        self._keys[name] = {key: value for key, value in given.items() if value}
        for key, value in self._keys[name].items():
            if not key.endswith("_URL"):
                SECRETS.add(value)
        return name

    def remember(self, plain: Mapping[str, Mapping[str, str]]) -> None:
        """What a journal kept of earlier environments."""
        self.revision += 1
        for name, variables in plain.items():
            self._plain.setdefault(name, variables)

    def learn(self, keyring: Collection[str], reachable: Collection[str]) -> bool:
        """What this machine offers by itself. True when that is news."""
        if (self.keyring, self.reachable) == (keyring, reachable):
            return False
        self.keyring, self.reachable = keyring, reachable
        self.revision += 1
        return True

    def plain(self, name: str) -> Mapping[str, str]:
        """What may be journalled of an environment."""
        return self._plain.get(name, {})

    def variables(self, name: str) -> dict[str, str]:
        """Everything for a run: its own variables and keys, and keys of other editors where it has none itself."""
        merged: dict[str, str] = {}
        for keys in self._keys.values():
            merged.update(keys)
        return {**merged, **self._plain.get(name, {}), **self._keys.get(name, {})}

    def handed(self, name: str) -> frozenset[str]:
        """Names of the keys that this editor handed over itself."""
        return frozenset(self._keys.get(name, {}))
