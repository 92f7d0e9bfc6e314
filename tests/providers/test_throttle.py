"""Who may ask when: buckets from headers, concurrency that finds its level, a fair order, pauses of a whole pool."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable

import msgspec
import pytest

from backburner.lib.clock import Clock, HandClock
from backburner.model.catalog import AgentSpec
from backburner.model.transcript import Conversation, Message, Text, ToolResult, ToolResults, Turn, Usage
from backburner.providers import base
from backburner.providers.base import Delta, Limited, Overloaded, ProviderError, TurnSettings, collect
from backburner.providers.buckets import Bucket, Need, Reading, need, readings, seconds
from backburner.providers.opening import open_model
from backburner.providers.throttle import AHEAD_S, COLD_S, MOST, RAMP_S, START, Pause, Pool, Throttle, digest
from emulator.buckets import Limits
from emulator.script import Call, scene
from emulator.script import Turn as Say
from emulator.server import Emulator

SPEC = AgentSpec(name="opus", provider="Anthropic", model="m", base_url="http://127.0.0.1:1")
SMALL = Need(100, 100, 100)
SETTINGS = TurnSettings()


def pool(clock: HandClock, **changes: object) -> Pool:
    spec = AgentSpec(name="x", provider="Lab", model="m", **changes)  # type: ignore[arg-type]
    return Pool("Lab m", spec, clock, lambda pause: None)


async def settle() -> None:
    """Let everything run that can run now."""
    for _ in range(20):
        await asyncio.sleep(0)


class Asker:
    """A run that wants in, and stays in until it is let out."""

    def __init__(
        self, group: asyncio.TaskGroup, pool: Pool, settings: TurnSettings = SETTINGS, need: Need = SMALL
    ) -> None:
        self.inside = False
        self.out = asyncio.Event()
        self.error: ProviderError | None = None
        self.handle = group.create_task(self._ask(pool, settings, need))

    async def _ask(self, pool: Pool, settings: TurnSettings, need: Need) -> None:
        ticket = await pool.enter(settings, need)
        self.inside = True
        await self.out.wait()
        self.inside = False
        usage = Usage(input_tokens=100, output_tokens=100) if self.error is None else None
        pool.leave(ticket, usage, self.error)


def inside(askers: list[Asker]) -> int:
    return sum(asker.inside for asker in askers)


async def test_it_begins_with_a_few_and_doubles_while_nothing_is_refused() -> None:
    clock = HandClock()
    lab = pool(clock)
    async with asyncio.TaskGroup() as group:
        askers = [Asker(group, lab) for _ in range(200)]
        await settle()
        lab.heard({})
        await settle()
        assert inside(askers) == START
        for expected in (2 * START, 4 * START, 200):
            clock.wind(RAMP_S)
            await settle()
            assert inside(askers) == expected
        for asker in askers:
            asker.out.set()
    assert lab.in_flight == 0
    assert lab.waiting == 0


async def test_the_first_request_goes_ahead_until_its_answer_begins() -> None:
    clock = HandClock()
    lab = pool(clock)
    # At first; soon after an answer; when nothing was heard for long.
    for wait_s, at_once in ((0, 1), (AHEAD_S, 20), (COLD_S, 1)):
        clock.wind(wait_s)
        async with asyncio.TaskGroup() as group:
            askers = [Asker(group, lab) for _ in range(20)]
            await settle()
            assert inside(askers) == at_once
            lab.heard({})
            await settle()
            assert inside(askers) == 20
            for asker in askers:
                asker.out.set()


async def test_nobody_waits_long_for_an_answer_that_does_not_begin() -> None:
    clock = HandClock()
    lab = pool(clock)
    async with asyncio.TaskGroup() as group:
        askers = [Asker(group, lab) for _ in range(20)]
        await settle()
        clock.wind(AHEAD_S)
        await settle()
        assert inside(askers) == 20
        for asker in askers:
            asker.out.set()


async def test_a_provider_that_tells_its_limits_is_asked_by_as_many_as_they_allow() -> None:
    headers = {"anthropic-ratelimit-requests-limit": "100", "anthropic-ratelimit-requests-remaining": "99"}
    lab = pool(HandClock())
    async with asyncio.TaskGroup() as group:
        askers = [Asker(group, lab) for _ in range(200)]
        await settle()
        lab.heard(headers)
        await settle()
        # A tenth of the limit is left to the person.
        assert inside(askers) == 1 + 89
        askers[0].error = Limited("Lab")
        askers[0].out.set()
        await settle()
        assert 62 < lab.limit < 64
        lab.heard(headers)
        assert lab.limit < 64
        for asker in askers[1:]:
            asker.handle.cancel()


async def test_a_person_may_say_with_how_many_it_begins() -> None:
    lab = pool(HandClock(), concurrency=64)
    async with asyncio.TaskGroup() as group:
        askers = [Asker(group, lab) for _ in range(80)]
        await settle()
        assert inside(askers) == 64
        for asker in askers:
            asker.out.set()


async def test_a_refusal_cuts_the_number_once_for_all_that_were_under_way() -> None:
    clock = HandClock()
    lab = pool(clock, concurrency=10)
    async with asyncio.TaskGroup() as group:
        askers = [Asker(group, lab) for _ in range(10)]
        await settle()
        clock.wind(1)
        for asker in askers:
            asker.error = Overloaded("Lab")
            asker.out.set()
        await settle()
    assert 6.9 < lab.limit < 7.1
    clock.wind(RAMP_S * 3)
    await lab.enter(SETTINGS, SMALL)
    assert lab.limit < 8


async def test_after_a_refusal_it_grows_by_one_per_round_of_successes() -> None:
    clock = HandClock()
    lab = pool(clock, concurrency=4)
    clock.wind(1)
    ticket = await lab.enter(SETTINGS, SMALL)
    lab.leave(ticket, None, Limited("Lab"))
    level = lab.limit
    for _ in range(int(level) + 1):
        clock.wind(1)
        lab.leave(await lab.enter(SETTINGS, SMALL), Usage(output_tokens=1), None)
    assert level + 1 <= lab.limit <= level + 2
    assert lab.limit < MOST


async def test_the_longest_running_run_goes_first_and_the_background_last() -> None:
    lab = pool(HandClock(), concurrency=1)
    order: list[str] = []
    async with asyncio.TaskGroup() as group:
        first = Asker(group, lab, TurnSettings(run="1.1"))
        await settle()

        async def ask(run: str, when: str) -> None:
            settings = TurnSettings(run=run, when=when)  # type: ignore[arg-type]
            ticket = await lab.enter(settings, SMALL)
            order.append(run)
            lab.leave(ticket, Usage(), None)

        for run, when in (("9.1", "8h"), ("2.1", "now"), ("3.1", "now"), ("1.1", "now")):
            group.create_task(ask(run, when))
            await settle()
        first.out.set()
    assert order == ["1.1", "2.1", "3.1", "9.1"]


async def test_one_who_leaves_the_queue_leaves_no_hole() -> None:
    clock = HandClock()
    lab = pool(clock, concurrency=1)
    async with asyncio.TaskGroup() as group:
        first, second, third = (Asker(group, lab) for _ in range(3))
        await settle()
        second.handle.cancel()
        await settle()
        first.out.set()
        await settle()
        assert third.inside
        third.out.set()
    assert (lab.in_flight, lab.waiting) == (0, 0)


async def test_a_pause_holds_back_everybody_and_everybody_goes_on() -> None:
    clock = HandClock()
    told: list[Pause] = []
    lab = Pool("Lab m", AgentSpec(name="x", provider="Lab", model="m", concurrency=8), clock, told.append)
    async with asyncio.TaskGroup() as group:
        lab.pause(60)
        askers = [Asker(group, lab, TurnSettings(run=f"{n}.1")) for n in range(4)]
        await settle()
        assert inside(askers) == 0
        assert told[-1] == Pause(pool="Lab m", who="Lab", until=clock.now() + 60, runs=("0.1", "1.1", "2.1", "3.1"))
        clock.wind(59)
        await settle()
        assert inside(askers) == 0
        clock.wind(2)
        await settle()
        assert inside(askers) == 4
        for asker in askers:
            asker.out.set()


async def test_the_headers_set_the_pace() -> None:
    clock = HandClock()
    lab = pool(clock, concurrency=100)
    lab.heard(
        {
            "anthropic-ratelimit-requests-limit": "1000",
            "anthropic-ratelimit-requests-remaining": "1000",
            "anthropic-ratelimit-output-tokens-limit": "6000",
            "anthropic-ratelimit-output-tokens-remaining": "1000",
        }
    )
    async with asyncio.TaskGroup() as group:
        askers = [Asker(group, lab) for _ in range(10)]
        await settle()
        # A tenth of the limit (600) is left to the person: 400 tokens at 100 each.
        assert inside(askers) == 4
        clock.wind(1.25)
        await settle()
        assert inside(askers) == 5
        for asker in askers:
            asker.out.set()
        clock.wind(60)
        await settle()
        clock.wind(60)


async def test_a_need_beyond_the_whole_limit_waits_for_a_full_one() -> None:
    bucket = Bucket(capacity=1000, level=1000, per_s=10, at=0)
    assert bucket.wait_s(5000, 0) == 0
    bucket.level = 500
    assert bucket.wait_s(5000, 0) == 50


def test_a_reading_wins_over_our_own_sums_but_not_over_what_is_under_way() -> None:
    bucket = Bucket(capacity=100, level=30, per_s=1, at=0)
    bucket.read(Reading(limit=200, remaining=150, reset_s=25), 0)
    assert (bucket.capacity, bucket.level, bucket.per_s) == (200, 30, 2)
    bucket.read(Reading(limit=200, remaining=10, reset_s=95), 0)
    assert (bucket.level, bucket.per_s) == (10, 2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12ms", 0.012), ("1s", 1.0), ("6m0s", 360.0), ("2m59.56s", 179.56), ("1h0m1s", 3601.0), ("33011.5", 33011.5),
        ("1970-01-01T00:01:00Z", 50.0), ("1970-01-01T00:00:00Z", 0.0), ("soon", 60.0), ("", 60.0),
    ],
)  # fmt: skip
def test_resets_of_all_shapes(text: str, value: float) -> None:
    assert seconds(text, 10.0) == pytest.approx(value)


def test_limits_of_all_providers() -> None:
    groq = {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "999",
        "x-ratelimit-reset-requests": "1m26.4s",
        "x-ratelimit-limit-tokens": "250000",
        "x-ratelimit-remaining-tokens": "249000",
        "x-ratelimit-reset-tokens": "240ms",
    }
    assert readings(groq, 0.0) == {"requests": Reading(1000, 999, 86.4), "tokens": Reading(250000, 249000, 0.24)}
    cerebras = {"x-ratelimit-limit-tokens-minute": "60000", "x-ratelimit-remaining-tokens-minute": "1", "x-ratelimit-reset-tokens-minute": "7.5"}  # fmt: skip  # noqa: E501
    assert readings(cerebras, 0.0) == {"tokens": Reading(60000, 1, 7.5)}
    assert readings({"x-ratelimit-limit-tokens": "many"}, 0.0) == {}


def test_what_a_request_will_take_follows_from_the_last_turn() -> None:
    turn = Turn(parts=(Text("x"),), stop="end", usage=Usage(cache_read_tokens=900, input_tokens=100, output_tokens=50))
    talk = Conversation(system="s" * 350, tools=(), entries=(Message("m" * 350), turn, Message("n" * 35)))
    assert need(talk, 500) == Need(60, 1060, 500)
    first = need(Conversation(system="s" * 350, tools=(), entries=(Message("m" * 350),)), 500)
    assert 200 <= first.input == first.total_input <= 202


async def test_only_what_may_pass_is_tried_again() -> None:
    clock = HandClock()
    throttle = Throttle(clock, lambda: 0.0)
    tries = 0

    def failing(error: Callable[[], ProviderError]) -> Callable[[], AsyncGenerator[Delta | Turn, None]]:
        async def attempt() -> AsyncGenerator[Delta | Turn, None]:
            nonlocal tries
            tries += 1
            raise error()
            yield Delta("")

        return attempt

    for kind in (base.BadKey, base.NoModel, base.TooLong, base.Refused, base.SpendLimit, base.Rejected):
        tries = 0
        with pytest.raises(kind):
            await collect(
                throttle.turn(throttle.pool(SPEC, "k"), SETTINGS, SMALL, failing(lambda kind=kind: kind("Lab")))
            )
        assert tries == 1
    for kind in (base.Overloaded, base.Broken, base.Stalled, base.BadAnswer):
        tries = 0
        with pytest.raises(kind) as caught:
            await collect(
                throttle.turn(throttle.pool(SPEC, "k"), SETTINGS, SMALL, failing(lambda kind=kind: kind("Lab")))
            )
        assert tries == kind.attempts == caught.value.tries


def test_a_pool_belongs_to_endpoint_key_and_model_and_keeps_no_key() -> None:
    throttle = Throttle(HandClock(), lambda: 0.0)
    one = throttle.pool(SPEC, "secret-key")
    assert throttle.pool(SPEC, "secret-key") is one
    assert throttle.pool(SPEC, "other") is not one
    assert "secret-key" not in repr(vars(throttle))
    assert digest("secret-key") != "secret-key"


async def test_many_agents_stay_below_the_limits_of_a_provider(brisk: Clock) -> None:
    """150 agents want twice the output that a minute allows: all of them end, and next to none is refused."""
    throttle = Throttle(brisk, random.Random(3).random)
    script = scene(*(Say(say="word " * 100, calls=(Call("look"),)) for _ in range(2)), Say(say="Done."))
    async with Emulator(script, limits=Limits(requests=60_000, output=20_000), clock=brisk) as emulator:
        spec = AgentSpec(name="x", provider="Anthropic", model="m", base_url=emulator.base_url, key_env="K")
        model = await open_model(spec, {"K": "some-key"}, throttle, brisk)

        async def agent(number: int) -> int:
            talk = Conversation(system="You work.", tools=(), entries=(Message(f"Task {number}."),))
            while True:
                turn = await collect(model.turn(talk, TurnSettings(run=f"{number}.1")))
                if not turn.calls:
                    return sum(isinstance(entry, Turn) for entry in talk.entries)
                results = ToolResults((ToolResult(call_id=turn.calls[0].id, name="look", text="seen"),))
                talk = msgspec.structs.replace(talk, entries=(*talk.entries, turn, results))

        async with asyncio.TaskGroup() as group:
            agents = [group.create_task(agent(number)) for number in range(150)]
        assert {handle.result() for handle in agents} == {2}
        assert emulator.counters.turns == 450
        assert emulator.counters.limited <= 450 // 20
        assert emulator.counters.refusals == []
    await throttle.aclose()
