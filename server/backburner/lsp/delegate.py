"""Delegating: from places to targets at the key press, then to the engine.

What the person sees is frozen before anything waits: `delegate` is a plain function that returns what is to be awaited.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from backburner.engine.engine import Engine
from backburner.lsp.actions import Asked, kind_of, offers, problem_place, symbol_place
from backburner.lsp.from_lsp import line_range, others, target
from backburner.lsp.roots import Owned
from backburner.lsp.session import Session
from backburner.lsp.transport import Refusal
from backburner.model import wishes as w
from backburner.model.commands import DelegateArguments, Place, PlaceArguments, SearchArguments
from backburner.model.comments import comments
from backburner.model.instruction import QUICK, RECIPES, Instruction, parse
from backburner.model.symbols import symbols
from backburner.model.task import Target
from backburner.review.words import LONGEST, money, plural, short
from backburner.store.recipes import Unapproved
from backburner.workspace.git import GitFailed, NoGit
from backburner.workspace.search import matches

MOST_TARGETS = 500


class Wish(NamedTuple):
    """What is delegated in one project, frozen."""

    root: Path
    targets: tuple[Target, ...]
    frozen: Mapping[str, str]


def delegate(session: Session, argument: DelegateArguments) -> Awaitable[dict[str, Any]]:
    """Freeze now; then queue. Answers when the tasks are durable: `{tasks: [12, 13], projects: [uri, uri]}`."""
    if not argument.targets:
        raise Refusal("Say where: there is no target.", "bad_arguments")
    if len(argument.targets) > MOST_TARGETS:
        raise Refusal(f"That is {len(argument.targets)} places; at most {MOST_TARGETS} at once.", "bad_arguments")
    return queue(session, argument, wishes(session, argument.targets))


def wishes(session: Session, places: list[Place]) -> list[Wish]:
    """The targets by project, each once, with everything that the person sees at this moment."""
    by_root: dict[Path, dict[Target, None]] = {}
    for place in places:
        owned = session.owned(place.uri)
        # Two places in one function are one target.
        by_root.setdefault(owned.root, {})[target_at(session, owned, place)] = None
    return [Wish(root, tuple(targets), session.frozen(root)) for root, targets in by_root.items()]


def target_at(session: Session, owned: Owned, place: Place) -> Target:
    document = session.document(owned)
    if document is not None and document.doubtful:
        raise Refusal(f"I lost track of {owned.path}. Close it and open it again.", "doubtful")
    whole = owned.root / owned.path
    if not whole.resolve().is_relative_to(owned.root.resolve()):
        raise Refusal(f"{owned.path} is a link to a file outside the project, which no agent sees there.", "outside")
    text = session.editors.live(owned, session)
    if text is None:
        if not whole.exists():
            raise Refusal(f"{owned.path} is not on disk and not open here. Save it first.", "unknown_file")
        raise Refusal(f"{owned.path} is no text that I can read.", "binary")
    if session.client.command_line:
        # Typed by hand. An editor's place is clamped as the protocol wants it.
        _require_line(owned.path, text, place.start_line)
    return target(owned.path, text, place, session.client.encoding)


def _require_line(path: str, text: str, line: int) -> None:
    lines = max(1, text.count("\n") + (not text.endswith("\n")))
    if line >= lines:
        raise Refusal(f"{path} has {plural(lines, 'line')}; there is no line {line + 1}.", "no_such_line")


async def queue(session: Session, argument: DelegateArguments, wishes: list[Wish]) -> dict[str, Any]:
    engines = [await session.engine(wish.root) for wish in wishes]
    # Of several projects none begins when one of them has to refuse.
    commands = [wanted(session, engine, argument, wish.targets) for engine, wish in zip(engines, wishes, strict=True)]
    tasks: list[int] = []
    projects: list[str] = []
    for engine, command, wish in zip(engines, commands, wishes, strict=True):
        outcome = await session.submit(engine, command, frozen=wish.frozen)
        tasks.extend(outcome.tasks)
        projects.extend(wish.root.as_uri() for _ in outcome.tasks)
    session.publisher.look()
    return {"tasks": tasks, "projects": projects}


def wanted(session: Session, engine: Engine, argument: DelegateArguments, targets: tuple[Target, ...]) -> w.Delegate:
    """The command that a delegation comes to, the words inside the instruction taken out. What this editor's settings say
    about it is fixed here; what only the files say is looked up when the task starts."""
    mine, files = session.settings(engine.root), engine.settings
    said = Instruction(text=argument.instruction.strip())
    if not argument.quoted:
        said = parse(argument.instruction, engine.agent_names(), engine.recipes.names().union(RECIPES))
    if said.doubt:
        raise Refusal(said.doubt, "bad_arguments")
    recipe = argument.recipe or said.recipe or suggested(said.text, targets)
    _require_recipe(engine, recipe)
    agents = (
        argument.agents or ([argument.agent] if argument.agent else list(said.agents)) or [own_agent(session, engine)]
    )
    names = [agent_of(session, engine, name) for name in agents]
    attempts = len(names) > 1
    if attempts and len(targets) > 1:
        raise Refusal("Several agents work on one place; choose one agent for several places.", "bad_arguments")
    when = argument.when if argument.when != "now" else said.when or "now"
    pace = argument.pace or said.pace or mine.pace
    if when not in ("now", "2h", "8h") or pace not in ("run", "step"):
        raise Refusal("`when` is now, 2h or 8h; `pace` is run or step.", "bad_arguments")
    effort = argument.effort or (mine.effort if mine.effort != files.effort else "")
    for name in names:
        require_effort(session, engine, name, effort)
    budget_usd = argument.budget_usd if argument.budget_usd is not None else said.budget_usd
    if budget_usd is None and mine.limits.task_usd < files.limits.task_usd:
        budget_usd = mine.limits.task_usd
    return w.Delegate(
        recipe=recipe,
        instruction=said.text,
        new=tuple(w.NewTask(target=target, agent=name, effort=effort) for target in targets for name in names),
        when=when,
        pace=pace,
        budget_usd=budget_usd,
        after=argument.after if argument.after is not None else said.after,
        environment=session.environment,
        attempts=attempts,
    )


def own_agent(session: Session, engine: Engine) -> str:
    """The agent that this editor's settings name; empty when that is the one of the files."""
    name = session.settings(engine.root).agent
    return name if name != engine.settings.agent else ""


def _require_recipe(engine: Engine, name: str) -> None:
    try:
        known = name in RECIPES or engine.recipes.text(name)
    except Unapproved as error:
        raise Refusal(str(error), "not_approved") from error
    if not known:
        names = (*RECIPES, *sorted(engine.recipes.names().difference(RECIPES)))
        raise Refusal(f"There is no recipe called {name!r}; there are {', '.join(names)}.", "bad_arguments")


def agent_of(session: Session, engine: Engine, name: str) -> str:
    """The agent's name; empty means the one of the files, or the first that is found, when the task starts."""
    if name == QUICK:
        name = session.settings(engine.root).quick_agent or engine.agents.quick(session.environment)
    if name and name not in engine.agent_names():
        known = ", ".join(sorted(engine.agent_names()))
        raise Refusal(f"There is no agent called {name!r}; there are {known}.", "no_agent")
    return name


def require_effort(session: Session, engine: Engine, agent: str, effort: str) -> None:
    """Raises `Refusal` where an effort that the task would keep is none that the agent's provider knows."""
    sentence = engine.agents.effort_trouble(agent, effort, session.environment) if effort else ""
    if sentence:
        raise Refusal(sentence, "bad_arguments")


def suggested(text: str, targets: tuple[Target, ...]) -> str:
    """The recipe that a place suggests when none was named. Raises `Refusal` when it suggests nothing."""
    if text:
        return "free"
    first = targets[0]
    if first.diagnostics:
        return "fix"
    if first.comment or first.anchor.symbol:
        return "implement"
    raise Refusal("Say what should be done.", "bad_arguments")


def again(session: Session, argument: PlaceArguments) -> Awaitable[dict[str, Any]]:
    """The last instruction of the project, at this place."""
    frozen = wishes(session, [argument.place])

    async def later() -> dict[str, Any]:
        engine = await session.engine(frozen[0].root)
        last = max(engine.state.delegations.values(), key=lambda delegation: delegation.at, default=None)
        if last is None:
            raise Refusal("Nothing was delegated here yet.", "unknown_task")
        task = engine.state.tasks[last.tasks[0]]
        wish = DelegateArguments(
            instruction=last.instruction,
            recipe=last.recipe,
            targets=[argument.place],
            agent=task.agent,
            effort=task.effort,
            when=task.when,
            pace=task.pace,
            budget_usd=task.budget_usd,
        )
        return await queue(session, wish, frozen)

    return later()


def prompt(session: Session, engine: Engine, title: str) -> str:
    """`What should be done to parse()?  opus · up to $2`"""
    settings = session.settings(engine.root)
    agent = settings.agent or engine.first_agent(session.environment) or "no agent yet"
    return f"What should be done to {title}?  {agent} · up to {money(settings.limits.task_usd)}"


def places(session: Session, argument: PlaceArguments) -> Awaitable[dict[str, Any]]:
    """What could be delegated in a file: problems by kind, comments, symbols; and the placeholder of the box."""
    place = argument.place
    owned = session.owned(place.uri)
    text = session.editors.live(owned, session)
    if text is None:
        raise Refusal(f"{owned.path} is no text that I can read.", "unknown_file")
    lines = text.split("\n")
    found: list[dict[str, Any]] = []
    for problem in others(session.problems_of(place)):
        name = f"{problem.source or 'problem'} {problem.code or ''}".strip()
        found.append(
            {
                "kind": "problem",
                "group": " ".join(part for part in kind_of(problem) if part) or name,
                "title": problem.message,
                "detail": f"line {problem.range.start.line + 1}",
                "place": problem_place(place.uri, problem),
            }
        )
    for comment in comments(lines):
        where = {"uri": place.uri, "start_line": comment.line, "comment": comment.text}
        found.append(
            {
                "kind": "comment",
                "group": comment.kind,
                "title": comment.text or comment.kind,
                "detail": f"line {comment.line + 1}",
                "place": where,
            }
        )
    for symbol in symbols(lines):
        found.append(
            {
                "kind": "symbol",
                "group": "type" if symbol.is_type else "function",
                "title": symbol.title if symbol.is_type else f"{symbol.path}()",
                "detail": f"line {symbol.name_line + 1}",
                "place": symbol_place(place.uri, symbol),
            }
        )
    here = target(owned.path, text, place, session.client.encoding)

    async def later() -> dict[str, Any]:
        return {"places": found, "prompt": prompt(session, await session.engine(owned.root), here.title)}

    return later()


async def actions_here(session: Session, argument: PlaceArguments) -> dict[str, Any]:
    """Everything that can be done at a place, as the code action menu has it."""
    await session.publisher.catch_up()
    place = argument.place
    document = session.documents.get(place.uri)
    where = session.range_of(place)
    asked = Asked(
        uri=place.uri,
        lines=document.lines if document is not None else [],
        span=line_range(where),
        range=where,
        diagnostics=session.problems_of(place),
        marks=session.publisher.marks_of(place.uri),
        ours=session.roots.owner(place.uri) is not None and not session.letters.has(place.uri),
    )
    found = offers(asked, session.client)
    return {"actions": [{"command": o.command, "title": o.title, "arguments": dict(o.argument)} for o in found]}


def search(session: Session, argument: SearchArguments) -> Awaitable[dict[str, Any]]:
    """Places whose line holds a text, over a whole project: `{places, more}`, rows as `places` has them.

    `more`: how many others there are behind the first `MOST_TARGETS`.
    """
    if not argument.text.strip() or "\n" in argument.text:
        raise Refusal("Search for a text of one line.", "bad_arguments")
    root = session.root(argument.uri)
    seen = session.frozen(root)

    async def later() -> dict[str, Any]:
        try:
            found = await matches(root, argument.text, seen)
        except (NoGit, GitFailed) as error:
            raise Refusal(f"{root.name} cannot be searched: {error}", "failed") from error
        rows = [
            {
                "kind": "match",
                "group": match.path,
                "title": short(match.text.strip(), LONGEST),
                "detail": f"{match.path}:{match.line + 1}",
                "place": {"uri": session.roots.uri(root, match.path), "start_line": match.line},
            }
            for match in found[:MOST_TARGETS]
        ]
        return {"places": rows, "more": len(found) - len(rows)}

    return later()
