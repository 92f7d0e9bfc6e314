"""Agents, endpoints and model facts as data, so that daemon and worker both know them.

`catalog.toml` beside this file is what we ship; a person's `config.toml` adds to it. Model ids, limits and prices change
often: nothing here or elsewhere may depend on one of them.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Wire = Literal["anthropic", "responses", "chat", "scripted"]
AgentKind = Literal["model", "command", "acp"]


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
