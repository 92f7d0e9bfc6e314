"""Reads the settings of the person, of the project and of the editor, and merges them within the trust rules.

What runs programs, names hosts or keys, widens the sandbox or raises limits is taken from the person's `config.toml`, from a
project's `backburner.toml` only when its exact bytes were approved, and never from an editor (a project's own editor
settings arrive that way). Anybody may make limits tighter. Nothing here raises for bad settings: what cannot be used is left
out and said in a sentence.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from backburner.lib.files import read_ordinary
from backburner.model.settings import CLIENT_KEYS, SETTINGS, Settings, SettingSpec
from backburner.store.trust import LARGEST, TrustFile, Untrusted, digest

PROJECT_FILE = "backburner.toml"
Source = Literal["person", "approved", "project", "editor"]

SPECS: Mapping[str, SettingSpec] = {spec.key: spec for spec in SETTINGS}
ALLOWED: Mapping[Source, frozenset[str]] = {
    "person": frozenset({"person", "approved", "project", "editor"}),
    "approved": frozenset({"approved", "project", "editor"}),
    "project": frozenset({"project", "editor"}),
    "editor": frozenset({"editor"}),
}


class Loaded(Struct, frozen=True, kw_only=True):
    """The merged settings and what was wrong on the way."""

    settings: Settings
    problems: tuple[str, ...] = ()
    """One sentence each, naming the file and the key."""
    untrusted: tuple[Untrusted, ...] = ()


def load(person: Path, root: Path | None, editor: Mapping[str, Any], trust: TrustFile) -> Loaded:
    """Merge `person` (a `config.toml`), `root`'s `backburner.toml` and what an editor sent, in this order."""
    merged: dict[str, Any] = {}
    problems: list[str] = []
    untrusted: list[Untrusted] = []
    own = _read_toml(person, problems)
    if own is not None:
        _merge(merged, own[0], "person", str(person), problems)
    if root is not None and (project := _read_toml(root / PROJECT_FILE, problems)) is not None:
        table, data = project
        path = root / PROJECT_FILE
        source: Source = "approved" if trust.is_approved(path, data) else "project"
        withheld = _merge(merged, table, source, PROJECT_FILE, problems)
        if withheld and source == "project":
            untrusted.append(Untrusted(path=str(path), sha256=digest(data), wants=tuple(withheld)))
        else:
            problems += [f"{PROJECT_FILE}: {key} can only be set in {person}." for key in withheld]
    withheld = _merge(merged, editor, "editor", "The editor's settings", problems)
    problems += [f"backburner.{key} is not taken from an editor; set it in {person}." for key in withheld]
    return Loaded(settings=_build(merged, problems), problems=tuple(problems), untrusted=tuple(untrusted))


def strictest(editors: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What editors say together about the tasks of all of them, by dotted key: of several values the smallest."""
    found: dict[str, Any] = {}
    for key, value in (pair for editor in editors for pair in _flatten(editor)):
        spec = SPECS.get(key)
        if spec is None or spec.scope != "daemon" or not (spec.trust == "editor" or spec.lower_only):
            continue
        if value is not None and _check(spec, value) is None:
            found[key] = min(found.get(key, value), value)
    return found


def _merge(
    merged: dict[str, Any], table: Mapping[str, Any], source: Source, where: str, problems: list[str]
) -> list[str]:
    """Take over what `source` may set; returns the keys it may not."""
    withheld: list[str] = []
    for key, value in _flatten(table):
        spec = SPECS.get(key)
        if spec is None and source == "editor" and key.startswith(CLIENT_KEYS):
            continue
        if spec is None:
            problems.append(f"{where}: there is no setting {key}.{_nearest(key)}")
        elif value is None:
            continue
        elif (problem := _check(spec, value)) is not None:
            problems.append(f"{where}: {problem}")
        elif spec.trust in ALLOWED[source] or (spec.lower_only and _is_tighter(merged, spec, value)):
            if key == "agents":
                merged[key] = {**merged.get(key, {}), **value}
            else:
                merged[key] = value
        else:
            withheld.append(key)
    return withheld


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values; `agents` stays a table, because its names are the person's."""
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and key != "agents":
            yield from _flatten(cast("Mapping[str, Any]", value), f"{key}.")
        else:
            yield key, value


def _check(spec: SettingSpec, value: Any) -> str | None:
    """What is wrong with a value, as a sentence; None when it can be used."""
    kinds: Mapping[str, tuple[type, ...]] = {
        "string": (str,),
        "number": (int, float),
        "integer": (int,),
        "boolean": (bool,),
        "array": (list,),
        "object": (dict,),
    }
    fits = isinstance(value, kinds[spec.type]) and (spec.type == "boolean" or not isinstance(value, bool))
    if not fits:
        return f"{spec.key} wants a value of type {spec.type}."
    word = str(cast("object", value))
    if spec.choices and word not in spec.choices:
        return f"{spec.key} is one of {', '.join(spec.choices)}.{_nearest(word, spec.choices)}"
    if spec.type in ("number", "integer") and cast("float", value) < 0:
        return f"{spec.key} cannot be negative."
    return None


def _is_tighter(merged: Mapping[str, Any], spec: SettingSpec, value: Any) -> bool:
    return value <= merged.get(spec.key, spec.default)


def _build(merged: Mapping[str, Any], problems: list[str]) -> Settings:
    """The struct; an agent that does not fit is left out with a sentence."""
    nested: dict[str, Any] = {}
    for key, value in merged.items():
        *folders, name = key.split(".")
        into = nested
        for folder in folders:
            into = into.setdefault(folder, {})
        into[name] = value
    agents: dict[str, Any] = nested.pop("agents", {})
    good: dict[str, Any] = {}
    for name, agent in agents.items():
        try:
            msgspec.convert({"agents": {name: agent}}, Settings)
        except msgspec.ValidationError as error:
            problems.append(f"[agents.{name}] cannot be used: {error}.")
        else:
            good[name] = agent
    return msgspec.convert({**nested, "agents": good}, Settings)


def _read_toml(path: Path, problems: list[str]) -> tuple[Mapping[str, Any], bytes] | None:
    try:
        data = read_ordinary(path, LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        problems.append(f"{path} cannot be read: {error.strerror or error}.")
        return None
    try:
        return tomllib.loads(data.decode("utf-8")), data
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        problems.append(f"{path} is not valid TOML: {error}. Its settings are not used.")
        return None


def _nearest(word: str, among: tuple[str, ...] = ()) -> str:
    close = difflib.get_close_matches(word, among or tuple(SPECS), n=1)
    return f" Did you mean {close[0]}?" if close else ""
