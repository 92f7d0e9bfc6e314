"""Agents, endpoints and model facts as data, so that daemon and worker both know them.

`catalog.toml` beside this file is what we ship; a person's `[agents.NAME]` tables add to it. Model ids, limits and prices
change often: nothing here or elsewhere may depend on one of them. Adding a host that speaks a known wire format is one
row in `[endpoints]`.

Pure but for `shipped()` and `practice_sample()`, which read packaged files. The environment is handed over by callers.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from backburner.model.result import Cause

Wire = Literal["anthropic", "responses", "chat", "scripted"]
AgentKind = Literal["model", "command", "acp"]
ThinkingStyle = Literal["", "adaptive", "budget"]


class Price(Struct, frozen=True, kw_only=True):
    """US dollars per million tokens, for models that the price table does not know yet."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    long_from: int = 0
    """Prompts of more tokens than this cost more; 0: never."""
    long_input: float = 1.0
    """Factor for input and cache of such a prompt."""
    long_output: float = 1.0


class AgentSpec(Struct, frozen=True, kw_only=True):
    """A named configuration that does tasks, fully resolved: what a run is given."""

    name: str
    kind: AgentKind = "model"
    provider: str = ""
    """Name of the endpoint for people: `Anthropic`."""
    wire: Wire = "anthropic"
    model: str = ""
    base_url: str = ""
    key_env: str = ""
    """The variable that holds the key; empty: no key is needed."""
    key_command: tuple[str, ...] = ()
    """A program that prints the key; only from the person's own configuration."""
    effort: str = ""
    context_tokens: int = 200_000
    max_output_tokens: int = 32_000
    reserves_output: bool = False
    """The provider's limiter reserves `max_output_tokens` up front (Cerebras): keep them tight."""
    concurrency: int = 0
    """Requests at once to begin with; 0: the scheduler's own start value."""
    command: tuple[str, ...] = ()
    """For `command` and `acp`: the program; `{file}`, `{line}`, `{instruction}` are replaced."""
    network: bool = False
    """A command that brings its own network and sandbox (another coding agent); confirmed once by the person."""
    script: str = ""
    """For the scripted wire: the script itself."""
    thinking: ThinkingStyle = ""
    """How the Anthropic wire asks for thinking; empty: not at all."""
    strict_tools: bool = False
    """The endpoint holds a model to closed tool schemas when it is asked to."""
    output_field: str = "max_tokens"
    """What the Chat wire calls the limit of an answer."""
    extra: Mapping[str, Any] = {}
    """Fields that the endpoint wants added to each request."""
    windows: bool = False
    """The endpoint has cheaper background windows (`when`)."""
    price_id: str = ""
    """The provider's name in the price table; empty: looked up by address."""
    price: Price | None = None
    """Our own price row, where the table lags."""
    free: bool = False
    """Costs nothing: a model on the person's own machine."""


class Endpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One host: where it is, what it speaks, how it is paid. A row of `catalog.toml`."""

    title: str
    wire: Wire
    base_url: str = ""
    base_url_env: str = ""
    """A variable of the person's environment that overrides `base_url`."""
    key_env: str = ""
    concurrency: int = 0
    reserves_output: bool = False
    strict_tools: bool = False
    output_field: str = "max_tokens"
    extra: Mapping[str, Any] = {}
    windows: bool = False
    efforts: tuple[str, ...] = ()
    """The words it knows for how hard a model thinks; empty: not known, any is passed on."""
    price_id: str = ""
    free: bool = False


class ModelFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is true of a model wherever it runs. Keyed by id, or by `endpoint:id` where a host differs."""

    context_tokens: int = 200_000
    """How many tokens a conversation may hold before it ends or gets dear."""
    max_output_tokens: int = 32_000
    thinking: ThinkingStyle = ""
    efforts: tuple[str, ...] = ()
    """Empty: those of its endpoint."""
    price: Price | None = None


class AgentRow(Struct, frozen=True, kw_only=True):
    """`[agents.NAME]`, as shipped or as a person writes it."""

    provider: str = ""
    model: str = ""
    base_url: str = ""
    wire: Wire | None = None
    key_env: str | None = None
    key_command: tuple[str, ...] = ()
    effort: str = ""
    context_tokens: int = 0
    max_output_tokens: int = 0
    concurrency: int = 0
    command: tuple[str, ...] = ()
    acp: tuple[str, ...] = ()
    network: bool = False
    script: str = ""


AGENT_KEYS: tuple[str, ...] = tuple(field.name for field in msgspec.structs.fields(AgentRow))
"""What `[agents.NAME]` may hold."""


class First(Struct, frozen=True, kw_only=True):
    """In which order a first agent is looked for."""

    keys: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    """What `!quick` means, by key."""


class Catalog(Struct, frozen=True, kw_only=True):
    endpoints: Mapping[str, Endpoint]
    models: Mapping[str, ModelFacts]
    agents: Mapping[str, AgentRow]
    first: First = First()


def parse(text: str) -> Catalog:
    """A catalog from its TOML. Raises `msgspec.ValidationError` or `tomllib.TOMLDecodeError`."""
    return msgspec.convert(tomllib.loads(text), Catalog)


@lru_cache(maxsize=1)
def shipped() -> Catalog:
    """The catalog of the package, read once."""
    folder = resources.files("backburner.model")
    catalog = parse((folder / "catalog.toml").read_text("utf-8"))
    practice = catalog.agents["practice"]
    script = (folder / "practice.toml").read_text("utf-8")
    return msgspec.structs.replace(
        catalog,
        agents={**catalog.agents, "practice": msgspec.structs.replace(practice, script=script)},
    )


def practice_sample() -> tuple[str, str]:
    """Path and text of the file that the agent `practice` knows; reads a packaged file."""
    sample = tomllib.loads((resources.files("backburner.model") / "practice.toml").read_text("utf-8"))["sample"]
    return sample["path"], sample["text"]


def names(agents: Mapping[str, Any], catalog: Catalog | None = None) -> tuple[str, ...]:
    """Every agent that `resolve` knows: the person's own first, then ours."""
    catalog = catalog or shipped()
    return (*agents, *(name for name in catalog.agents if name not in agents))


def resolve(
    name: str,
    agents: Mapping[str, Any],
    env: Mapping[str, str],
    *,
    effort: str = "",
    catalog: Catalog | None = None,
) -> AgentSpec | Cause:
    """The agent called `name`, or why there is none.

    `agents` is the person's (and approved project's) `agents` table; a row there adds to the shipped one of the same
    name. `env` is the environment that was handed over: `ANTHROPIC_BASE_URL` and its like are read from it. A name such
    as `groq/llama-3.3-70b-versatile` asks for any model of a known endpoint.
    """
    catalog = catalog or shipped()
    row = _row(name, agents, catalog)
    if isinstance(row, Cause):
        return row
    if row.command or row.acp:
        return AgentSpec(
            name=name,
            kind="command" if row.command else "acp",
            provider=(row.command or row.acp)[0],
            model=row.model,
            effort=effort or row.effort,
            command=row.command or row.acp,
            network=row.network,
        )
    endpoint = catalog.endpoints.get(row.provider)
    if endpoint is None:
        if not row.provider and not row.base_url and row.wire != "scripted":
            return _no_agent(f"Agent {name!r} names neither a provider nor a command.")
        if not row.base_url and row.wire != "scripted":
            return _no_agent(
                f"Agent {name!r} names an unknown provider {row.provider!r}"
                f"{_nearest(row.provider, catalog.endpoints, '.')} A host that is not known needs a base_url."
            )
        endpoint = Endpoint(title=row.provider or name, wire=row.wire or "chat")
    if not row.model and endpoint.wire != "scripted":
        return _no_agent(f"Agent {name!r} names no model.")
    facts = catalog.models.get(f"{row.provider}:{row.model}") or catalog.models.get(row.model) or ModelFacts()
    effort, efforts = effort or row.effort, facts.efforts or endpoint.efforts
    if effort and efforts and effort not in efforts:
        sentence = f"{endpoint.title} knows no effort {effort!r} for {row.model}; there are {', '.join(efforts)}."
        return Cause(kind="no_effort", sentence=sentence, who=endpoint.title)
    return AgentSpec(
        name=name,
        provider=endpoint.title,
        wire=row.wire or endpoint.wire,
        model=row.model or name,
        base_url=row.base_url or env.get(endpoint.base_url_env, "") or endpoint.base_url,
        key_env=endpoint.key_env if row.key_env is None else row.key_env,
        key_command=row.key_command,
        effort=effort,
        context_tokens=row.context_tokens or facts.context_tokens,
        max_output_tokens=row.max_output_tokens or facts.max_output_tokens,
        reserves_output=endpoint.reserves_output,
        concurrency=row.concurrency or endpoint.concurrency,
        script=row.script,
        thinking=facts.thinking,
        strict_tools=endpoint.strict_tools,
        output_field=endpoint.output_field,
        extra=endpoint.extra,
        windows=endpoint.windows,
        price_id=endpoint.price_id,
        price=facts.price,
        free=endpoint.free,
    )


def missing_key(spec: AgentSpec, env: Mapping[str, str], keyring: Collection[str] = ()) -> Cause | None:
    """Why the agent cannot start for want of a key. `keyring`: names of variables whose value is in the keyring."""
    if not spec.key_env or spec.key_command or env.get(spec.key_env) or spec.key_env in keyring:
        return None
    sentence = f"{spec.provider} needs {spec.key_env}: open an editor that has it, or set key_command."
    return Cause(kind="no_key", sentence=sentence, who=spec.provider)


def check_agents(agents: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence for each key of the person's agents that we do not know, with the nearest known one."""
    problems: list[str] = []
    for name, row in agents.items():
        if not isinstance(row, Mapping):
            problems.append(f"agents.{name} is not a table.")
            continue
        known = cast("Mapping[str, Any]", row)  # TOML: keys are strings
        problems += [
            f"Unknown key {key!r} in agents.{name}{_nearest(key, AGENT_KEYS, '.')}"
            for key in known
            if key not in AGENT_KEYS
        ]
    return tuple(problems)


def first_found(
    env: Mapping[str, str],
    on_path: Callable[[str], bool],
    *,
    handed: Collection[str] = (),
    keyring: Collection[str] = (),
    reachable: Collection[str] = (),
    catalog: Catalog | None = None,
) -> str | None:
    """The agent to begin with: by a key that the editor handed over, by one in the environment, by one in the keyring;
    then another coding agent on PATH; then a model server that answers. None: there is none yet.

    `handed` and `keyring` are names of variables that have a value there, `reachable` names of agents such as `ollama`.
    """
    catalog = catalog or shipped()
    keyed = first_with_key(catalog.first.keys, env, handed=handed, keyring=keyring, catalog=catalog)
    if keyed is not None:
        return keyed
    for name in catalog.first.programs:
        if on_path(catalog.agents[name].command[0]):
            return name
    return next((name for name in catalog.first.local if name in reachable), None)


def first_with_key(
    names: Iterable[str],
    env: Mapping[str, str],
    *,
    handed: Collection[str] = (),
    keyring: Collection[str] = (),
    catalog: Catalog | None = None,
) -> str | None:
    """The first of these agents whose key was handed over; else is in the environment; else in the keyring."""
    catalog = catalog or shipped()
    variables = {name: catalog.endpoints[catalog.agents[name].provider].key_env for name in names}
    for source in (handed, frozenset(name for name, value in env.items() if value), keyring):
        for name, variable in variables.items():
            if variable in source:
                return name
    return None


def key_variables(agents: Mapping[str, Any], catalog: Catalog | None = None) -> tuple[str, ...]:
    """Every variable that may hold a key or an address: what a bridge hands over beside PATH."""
    catalog = catalog or shipped()
    found: dict[str, None] = {}
    for endpoint in catalog.endpoints.values():
        found.update({name: None for name in (endpoint.key_env, endpoint.base_url_env) if name})
    for row in agents.values():
        if isinstance(row, Mapping):
            name = cast("Mapping[str, Any]", row).get("key_env")  # TOML: keys are strings
            if isinstance(name, str) and name:
                found[name] = None
    return tuple(found)


def _row(name: str, agents: Mapping[str, Any], catalog: Catalog) -> AgentRow | Cause:
    ours = catalog.agents.get(name)
    if name not in agents:
        if ours is not None:
            return ours
        provider, slash, model = name.partition("/")
        if slash and provider in catalog.endpoints and model:
            return AgentRow(provider=provider, model=model)
        everyone = names(agents, catalog)
        return _no_agent(f"There is no agent called {name!r}{_nearest(name, everyone, '.')}")
    table: Any = agents[name]
    try:
        row = msgspec.convert(table, AgentRow)
    except msgspec.ValidationError as error:
        return _no_agent(f"Agent {name!r} is written wrongly: {error}.")
    if ours is None or row.command or row.acp or (row.provider and row.provider != ours.provider):
        return row
    # The person's row lies over ours: what they did not write stays as shipped.
    changes = {key: getattr(row, key) for key in AGENT_KEYS if key in table}
    return msgspec.structs.replace(ours, **changes)


def _no_agent(sentence: str) -> Cause:
    return Cause(kind="no_agent", sentence=sentence)


def _nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else otherwise
