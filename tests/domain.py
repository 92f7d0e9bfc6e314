"""Short ways to write domain values in tests of `model`, `store` and `engine`."""

from __future__ import annotations

from collections.abc import Sequence

from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.anchor import Anchor, Span, text_id
from backburner.model.decide import decide
from backburner.model.events import Event
from backburner.model.evolve import fold
from backburner.model.result import Cause, FileChange, Finding, HunkRef, Proposal, Result
from backburner.model.task import Opening, Question, Snapshot, State, Target, Task
from backburner.model.transcript import Text, ToolCall, Turn, Usage
from backburner.model.wishes import Command, Refusal

T0 = 1_800_000_000.0
DAY = "2027-01-15"


def target(path: str = "src/lexer.py", line: int = 3) -> Target:
    return Target(anchor=Anchor(path=path, span=Span(line, line + 4), text_id=text_id("base\n"), symbol="parse"))


def delegate(n: int = 1, *, agent: str = "opus", attempts: bool = False, after: int | None = None) -> w.Delegate:
    new = tuple(w.NewTask(target=target(line=3 + 10 * i), agent=agent) for i in range(n))
    return w.Delegate(recipe="implement", instruction="do it", new=new, attempts=attempts, after=after)


def snapshot(commit: str = "c0ffee") -> Snapshot:
    return Snapshot(commit=commit, taken_at=T0)


def result(
    run: str, *, hunks: int = 2, findings: int = 0, path: str = "src/lexer.py", lines: int = 3, title: str = "Lexer"
) -> Result:
    files = ()
    if hunks:
        refs = tuple(
            HunkRef(id=f"{run}/{path}:{i + 1}", base=Span(i * 5, i * 5 + 1), proposed=Span(i * 5, i * 5 + 2))
            for i in range(hunks)
        )
        files = (FileChange(path=path, base_id="b", proposed_id="p", hunks=refs, added=lines, removed=0),)
    remarks = tuple(
        Finding(id=f"{run}/finding:{i + 1}", anchor=target().anchor, message=f"remark {i + 1}") for i in range(findings)
    )
    return Result(run=run, title=title, summary="It works.", proposal=Proposal(files), findings=remarks)


def turn(text: str = "", *calls: str, cost: float | None = 0.25) -> Turn:
    parts = (Text(text), *(ToolCall(id=f"call-{name}", name=name, arguments={"a": 1}) for name in calls))
    return Turn(
        parts=parts,
        stop="tools" if calls else "end",
        usage=Usage(input_tokens=10, output_tokens=5),
        cost_usd=cost,
        model="scripted",
    )


def question(run: str, deadline: float = T0 + 600) -> Question:
    return Question(id=f"{run}?1", sentence="Keep parse_v1()?", default="keep", deadline=deadline, call_id="call-ask")


def cause(kind: str = "bad_key", sentence: str = "Anthropic refused the key.") -> Cause:
    return Cause(kind=kind, sentence=sentence, who="Anthropic")  # pyright: ignore[reportArgumentType]


class Story:
    """A state that is told step by step: `do` wishes, `happen` facts; keeps every event."""

    def __init__(self) -> None:
        self.state = State()
        self.events: list[Event] = []
        self.now = T0

    def do(self, command: Command) -> Refusal | tuple[Event, ...]:
        self.now += 1
        outcome = decide(self.state, command, self.now)
        if not isinstance(outcome, Refusal):
            self.happen(*outcome)
        return outcome

    def happen(self, *events: Event) -> None:
        self.state = fold(self.state, events)
        self.events += events

    def task(self, number: int = 1) -> Task:
        return self.state.tasks[number]

    def delegated(self, n: int = 1, **options: object) -> Story:
        self.do(delegate(n, **options))  # pyright: ignore[reportArgumentType]
        return self

    def snapped(self, number: int = 1) -> Story:
        self.happen(e.SnapshotTaken(task=number, snapshot=snapshot(), at=self.now))
        return self

    def running(self, number: int = 1) -> Story:
        """Queued to running, with a snapshot where one is wanted."""
        task = self.task(number)
        if task.wants_snapshot:
            self.snapped(number)
        self.now += 1
        opening = self.task(number).opening
        fresh = opening is None or opening.kind == "retry"
        run = f"{number}.{len(task.runs) + 1}"
        self.happen(e.RunStarted(task=number, run=run, agent=task.agent, fresh=fresh, at=self.now))
        return self

    def ready(self, number: int = 1, **shape: object) -> Story:
        """To a finished result, from queued or running."""
        if self.task(number).state == "queued":
            self.running(number)
        self.now += 1
        run = self.run(number)
        self.happen(e.RunFinished(task=number, run=run, result=result(run, **shape), at=self.now))  # pyright: ignore[reportArgumentType]
        return self

    def run(self, number: int = 1) -> str:
        run = self.task(number).run
        assert run is not None
        return run.id

    def requeue(self, kind: str, text: str = "", number: int = 1) -> Refusal | tuple[Event, ...]:
        return self.do(w.Requeue(task=number, opening=Opening(kind=kind, text=text)))  # pyright: ignore[reportArgumentType]

    def items(self, number: int = 1) -> Sequence[str]:
        standing = self.task(number).result
        assert standing is not None
        return standing.items
