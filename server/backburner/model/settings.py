"""Every setting, declared once: name, type, default, who may set it, one sentence.

`config.toml` of the person, `backburner.toml` of a project, `workspace/configuration` of an editor, `package.json`, the
Lua schema and `docs/protocol.md` all follow this table. `Settings` is the merged value; `store/settings.py` reads and
merges, and keeps the trust rules: what runs programs, names hosts or keys, widens the sandbox or raises limits comes from
the person's own file, or from a project file whose exact bytes the person approved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

Trust = Literal["editor", "project", "approved", "person"]
"""Who may set it at the least: `editor` (anyone, also through `workspace/configuration`), `project` (a project file without
approval), `approved` (a project file after approval), `person` (only the person's own file)."""
Scope = Literal["editor", "task", "daemon"]
"""How far an editor's word reaches: `editor` (what that editor shows), `task` (what it delegates: fixed with the task),
`daemon` (the tasks of all editors: of what several say the smallest counts)."""


class AgentTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[agents.NAME]`: a model at an endpoint, or a command line."""

    provider: str = ""
    """`anthropic`, `openai`, `groq`, `cerebras`, `ollama`, `openrouter`, `vllm`, `llamacpp`, `script`, or any
    name with a `base_url` that speaks Chat Completions."""
    model: str = ""
    """As the provider calls it."""
    base_url: str = ""
    """Where it is asked, when not at the provider's usual address."""
    key_env: str = ""
    """The variable that holds the key; empty: the provider's usual one."""
    key_command: tuple[str, ...] | str = ()
    """A program that prints the key, such as a password manager."""
    effort: str = ""
    """How hard it thinks, in the provider's words."""
    command: tuple[str, ...] = ()
    """In place of a model: a program that works in the tree; `{file}`, `{line}`, `{end_line}`, `{instruction}`
    and `{brief}` (the instruction with its place) are replaced."""
    network: bool = False
    """The command brings its own network and sandbox, as another coding agent does."""
    acp: bool = False
    """The command speaks the Agent Client Protocol."""
    script: str = ""
    """For the scripted provider: path of a script, or the script itself."""
    context_tokens: int = 0
    """How long a conversation may get; 0: what is known of the model."""
    max_output_tokens: int = 0
    """How long one answer may get; 0: what is known of the model."""
    concurrency: int = 0
    """Requests at once to begin with; 0: the provider's start value, which grows while all goes well."""


class LimitsTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[limits]`. A project file may lower them freely."""

    task_usd: float = 2.0
    day_usd: float = 10.0
    turns: int = 120
    minutes: float = 120.0
    tokens: int = 20_000_000
    running: int = 200
    """Runs at once, over all projects."""
    commands: int = 0
    """Commands of agents at once; 0: twice the cores."""
    unread_results: int = 8
    unread_lines: int = 600
    question_minutes: float = 10.0


class SandboxTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sandbox]`."""

    commands: bool = True
    """False: agents run no commands at all."""
    unsandboxed: bool = False
    """Run commands although no sandbox works here."""
    command_seconds: float = 120.0


class CheckTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[check]`: the command that proves a change, run by us in the agent's tree."""

    command: str = ""
    seconds: float = 600.0


class ReviewTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[review]`."""

    read_first: bool = True


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, merged."""

    agent: str = ""
    """Empty: the first that is found."""
    quick_agent: str = ""
    """What `!quick` means; empty: Groq or Cerebras, whichever has a key."""
    effort: str = ""
    pace: Literal["run", "step"] = "run"
    diagnostics: Literal["calm", "all", "off"] = "calm"
    ascii: bool = False
    agents: Mapping[str, AgentTable] = {}
    limits: LimitsTable = LimitsTable()
    sandbox: SandboxTable = SandboxTable()
    check: CheckTable = CheckTable()
    review: ReviewTable = ReviewTable()


class SettingSpec(Struct, frozen=True):
    key: str
    """Dotted path in TOML; in editors after `backburner.`."""
    type: str
    """JSON schema type: `string`, `number`, `integer`, `boolean`, `array`, `object`."""
    default: Any
    trust: Trust
    doc: str
    choices: tuple[str, ...] = ()
    lower_only: bool = False
    """A project or an editor may make it smaller (or stricter), never larger."""
    scope: Scope = "daemon"


SETTINGS: tuple[SettingSpec, ...] = (
    SettingSpec(
        "agent", "string", "", "editor", "Agent that does tasks; empty: the first that is found.", scope="task"
    ),
    SettingSpec("quick_agent", "string", "", "editor", "Agent behind `!quick`; empty: Groq or Cerebras.", scope="task"),
    SettingSpec(
        "effort", "string", "", "editor", "How hard the agent thinks; empty: the agent's own default.", scope="task"
    ),
    SettingSpec(
        "pace", "string", "run", "editor", "`step` stops after the plan and each change.", ("run", "step"), scope="task"
    ),
    SettingSpec(
        "diagnostics",
        "string",
        "calm",
        "editor",
        "How much of a task is shown as a problem: at most one per task, everything, nothing.",
        ("calm", "all", "off"),
        scope="editor",
    ),
    SettingSpec("ascii", "boolean", False, "editor", "Symbols from ASCII only.", scope="editor"),
    SettingSpec(
        "review.read_first",
        "boolean",
        True,
        "editor",
        "Offer `Accept` only after the result was opened once.",
        scope="editor",
    ),
    SettingSpec("agents", "object", {}, "approved", "Agents by name: provider, model, key_env ... or command."),
    SettingSpec(
        "limits.task_usd", "number", 2.0, "approved", "Budget of one task in US dollars.", (), True, scope="task"
    ),
    SettingSpec("limits.day_usd", "number", 10.0, "person", "Budget of one day in US dollars.", (), True),
    SettingSpec("limits.turns", "integer", 120, "approved", "Turns that a run may take.", (), True),
    SettingSpec("limits.minutes", "number", 120.0, "approved", "Minutes that a run may take.", (), True),
    SettingSpec("limits.tokens", "integer", 20_000_000, "approved", "Tokens that a run may use.", (), True),
    SettingSpec("limits.running", "integer", 200, "person", "Runs at once, over all projects."),
    SettingSpec("limits.commands", "integer", 0, "person", "Commands of agents at once; 0: twice the cores."),
    SettingSpec("limits.unread_results", "integer", 8, "editor", "Results waiting to be read before new tasks wait."),
    SettingSpec("limits.unread_lines", "integer", 600, "editor", "Lines waiting to be read before new tasks wait."),
    SettingSpec("limits.question_minutes", "number", 10.0, "editor", "Minutes before a question takes its default."),
    SettingSpec("sandbox.commands", "boolean", True, "approved", "Agents may run commands.", (), True),
    SettingSpec("sandbox.unsandboxed", "boolean", False, "person", "Run commands although no sandbox works here."),
    SettingSpec("sandbox.command_seconds", "number", 120.0, "approved", "Seconds that a command may take.", (), True),
    SettingSpec("check.command", "string", "", "approved", "Command that proves a change, run in the agent's copy."),
    SettingSpec("check.seconds", "number", 600.0, "approved", "Seconds that the check may take."),
)

CLIENT_KEYS = ("server.", "queue.", "trace.")
"""Settings of an editor's extension alone arrive in the same section and are none of the server's business."""
