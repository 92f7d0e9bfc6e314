"""From a task to what a worker is given: everything that a run needs and nothing else.

Reads settings, the recipe file and the transcript; writes nothing.
"""

from __future__ import annotations

from msgspec import Struct

from backburner.engine.schedule import deadline
from backburner.model.budget import known_cost, task_limit
from backburner.model.catalog import AgentSpec
from backburner.model.settings import Settings
from backburner.model.task import Task
from backburner.model.transcript import Conversation
from backburner.model.wire import Isolation, Limits, RunSpec


class Places(Struct, frozen=True, kw_only=True):
    """Where a project's things are."""

    root: str
    shadow: str
    trees: str


def is_fresh(task: Task) -> bool:
    """Whether the task's next run begins a transcript of its own."""
    return task.opening is None or task.opening.kind == "retry"


def next_run(task: Task) -> str:
    """The id of the task's next run."""
    return f"{task.number}.{len(task.runs) + 1}"


def run_spec(
    task: Task,
    run: str,
    places: Places,
    agent: AgentSpec,
    settings: Settings,
    *,
    recipe_body: str,
    conversation: Conversation | None,
    own_network: bool,
) -> RunSpec:
    """What the run of a task that is about to start is given. The task has a snapshot."""
    assert task.snapshot is not None
    limits, sandbox = settings.limits, settings.sandbox
    accepted = tuple(item for item, verdict in task.verdicts.items() if verdict == "accepted")
    rejected = tuple(item for item, verdict in task.verdicts.items() if verdict != "accepted")
    answered = task.opening is not None and task.opening.kind == "answer"
    return RunSpec(
        task=task.number,
        run=run,
        root=places.root,
        shadow=places.shadow,
        trees=places.trees,
        snapshot=task.snapshot,
        target=task.target,
        recipe=task.recipe,
        recipe_body=recipe_body,
        instruction=task.instruction,
        agent=agent,
        environment=task.environment,
        pace=task.pace,
        when=task.when,
        due=deadline(task) if task.when != "now" else 0.0,
        limits=Limits(
            turns=limits.turns,
            usd=None if "budget" in task.exempt else task_limit(task, limits.task_usd),
            spent_usd=known_cost(task),
            tokens=limits.tokens,
            seconds=limits.minutes * 60,
        ),
        isolation=Isolation(
            commands=sandbox.commands,
            unsandboxed=sandbox.unsandboxed,
            command_timeout_s=sandbox.command_seconds,
            check=settings.check.command,
            check_timeout_s=settings.check.seconds,
            at_once=limits.commands,
            own_network=own_network,
        ),
        conversation=conversation,
        changes=() if is_fresh(task) else task.changes,
        opening=task.opening,
        previous=task.result,
        accepted_items=accepted,
        rejected_items=rejected,
        answer=task.answers[-1] if answered and task.answers else None,
        notes=task.notes,
        question_s=limits.question_minutes * 60,
    )
