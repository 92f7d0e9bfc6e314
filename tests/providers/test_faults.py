"""Every fault of a provider ends in the right error with a clear sentence; what may go by itself is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import msgspec
import pytest

from backburner.lib.clock import Clock
from backburner.model.catalog import AgentSpec
from backburner.model.task import When
from backburner.model.transcript import Conversation, Message, Turn
from backburner.providers import base
from backburner.providers.base import Awaited, Delta, Model, ProviderError, TurnSettings, collect
from backburner.providers.opening import find_key, open_model
from backburner.providers.throttle import Pause, Throttle
from backburner.providers.trouble import from_status, read_error, retry_after
from emulator.script import Call, scene
from emulator.script import Turn as Say
from emulator.server import Emulator

Opener = Callable[..., Awaitable[Model]]
WIRES = ("opus", "codex", "groq")
TALK = Conversation(system="You work.", tools=(), entries=(Message("Please."),), key="t")
SETTINGS = TurnSettings(stall_s=0.3, run="1.1")
KEY = "sk-ant-very-secret-0123456789abcdef"

EXPECTED: dict[str, tuple[type[ProviderError], str, int]] = {
    # fault: error, part of the sentence, requests made
    "limited": (base.Limited, "limits this key (tried 6 times); try again later.", 6),
    "ramp": (base.Limited, "limits this key", 6),
    "spend": (base.SpendLimit, "spend limit or credit of this key is used up.", 1),
    "overloaded": (base.Overloaded, "has trouble (tried 6 times): Overloaded.", 6),
    "server_error": (base.Overloaded, "has trouble (tried 6 times): Internal server error.", 6),
    "unavailable": (base.Overloaded, "has trouble", 6),
    "html_error": (base.Overloaded, "has trouble (tried 6 times): status 502.", 6),
    "too_large": (base.TooLong, "The conversation is too long for", 1),
    "too_long": (base.TooLong, "The conversation is too long for", 1),
    "bad_key": (base.BadKey, "refused the key.", 1),
    "forbidden": (base.BadKey, "refused the key: Your key may not use this.", 1),
    "no_model": (base.NoModel, "does not know the model", 1),
    "policy": (base.Refused, "refused to answer: This goes against our usage policies.", 1),
    "html": (base.BadAnswer, "no answer of a model (tried 3 times): a web page titled 'Sign in to the network'.", 3),
    "json": (base.BadAnswer, "no answer of a model (tried 3 times): JSON in place of a stream.", 3),
    "empty": (base.Broken, "broke (tried 6 times): it ended before anything was said.", 6),
    "refuse": (base.Broken, "broke (tried 6 times)", 6),
    "stream_error": (base.Overloaded, "has trouble", 6),
    "stream_limited": (base.Limited, "limits this key", 6),
    "stall": (base.Stalled, "sent nothing for 0.3 s (tried 3 times).", 3),
    "cut": (base.Broken, "broke (tried 6 times): in the middle of an answer.", 6),
    "short": (base.Broken, "broke (tried 6 times): in the middle of an answer.", 6),
    "garbage": (base.BadAnswer, "no answer of a model (tried 3 times)", 3),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", EXPECTED)
async def test_a_fault_ends_in_its_error_and_its_sentence(fault: str, wire: str, opener: Opener) -> None:
    kind, words, requests = EXPECTED[fault]
    async with Emulator(scene(Say(say="Never said to the end.", fault=fault, times=0))) as emulator:
        model = await opener(emulator, wire)
        with pytest.raises(ProviderError) as caught:
            await collect(model.turn(TALK, SETTINGS))
        assert type(caught.value) is kind
        assert words in str(caught.value)
        assert emulator.counters.requests == requests
        cause = caught.value.cause()
        assert cause.sentence == str(caught.value)
        assert cause.who in ("Anthropic", "OpenAI", "Groq")
        assert "\n" not in cause.sentence
        assert cause.sentence.endswith((".", "later."))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", [name for name, (kind, _, _) in EXPECTED.items() if issubclass(kind, base.Passing)])
async def test_a_passing_fault_passes(fault: str, wire: str, opener: Opener) -> None:
    async with Emulator(scene(Say(say="At last.", fault=fault, times=1))) as emulator:
        model = await opener(emulator, wire)
        items = [item async for item in model.turn(TALK, SETTINGS)]
        turn = items[-1]
        assert isinstance(turn, Turn)
        assert turn.text == "At last."
        # What was shown of the first try is declared void, so that nobody reads it twice.
        kinds = [item.kind for item in items if isinstance(item, Delta)]
        texts = [item.text for item in items if isinstance(item, Delta) and item.kind == "text"]
        if "again" in kinds:
            after = kinds.index("again")
            texts = [item.text for item in items[after:] if isinstance(item, Delta) and item.kind == "text"]
        assert "".join(texts) == "At last."
        assert emulator.counters.requests == 2


@pytest.mark.parametrize("wire", WIRES)
async def test_long_quiet_thinking_is_no_stall(wire: str, opener: Opener) -> None:
    """Pings come every half second; nothing else does for three times the stall time."""
    async with Emulator(scene(Say(say="Thought about it.", wait_s=2.6))) as emulator:
        model = await opener(emulator, wire)
        settings = TurnSettings(stall_s=0.8)
        turn = await collect(model.turn(TALK, settings))
        assert turn.text == "Thought about it."
        assert emulator.counters.requests == 1


async def test_a_refused_tool_call_is_tried_once_more(opener: Opener) -> None:
    async with Emulator(scene(Say(say="Never.", fault="tool_use_failed", times=0))) as emulator:
        with pytest.raises(base.BadAnswer, match="it wrote a tool call that cannot be read"):
            await collect((await opener(emulator, "groq")).turn(TALK, SETTINGS))
        assert emulator.counters.requests == 2


async def test_a_limit_holds_back_the_pool_and_is_told(opener: Opener, pauses: list[Pause], clock: Clock) -> None:
    begun = clock.now()
    async with Emulator(scene(Say(say="Fine."))) as emulator:
        emulator.fail("limited", retry_after_s=40)
        model = await opener(emulator, "opus")
        assert (await collect(model.turn(TALK, SETTINGS))).text == "Fine."
        assert pauses[0].pool == "Anthropic claude-opus-5-5"
        assert pauses[0].who == "Anthropic"
        assert pauses[0].until - begun >= 40
        assert clock.now() >= pauses[0].until
        assert pauses[-1].runs == ("1.1",)


async def test_a_pause_longer_than_one_wants_to_wait_is_an_error(opener: Opener) -> None:
    async with Emulator(scene(Say(say="Fine."))) as emulator:
        emulator.fail("limited", retry_after_s=7200)
        with pytest.raises(base.Limited):
            await collect((await opener(emulator, "opus")).turn(TALK, TurnSettings(longest_wait_s=3600)))
        assert emulator.counters.requests == 1


async def test_nobody_listens(throttle: Throttle) -> None:
    async with Emulator() as emulator:
        gone = emulator.base_url
    spec = AgentSpec(name="x", provider="Lab", wire="chat", model="m", base_url=f"{gone}/v1")
    model = await open_model(spec, {}, throttle, throttle.clock)
    with pytest.raises(base.Broken) as caught:
        await collect(model.turn(TALK, SETTINGS))
    assert str(caught.value) == "The connection to Lab broke (tried 6 times): nothing listens there."


@pytest.mark.parametrize("wire", WIRES)
async def test_cancelling_ends_the_request_at_once(wire: str, opener: Opener) -> None:
    async with Emulator(scene(Say(say="Slow.", wait_s=60))) as emulator:
        model = await opener(emulator, wire)
        async with asyncio.TaskGroup() as group:
            handle = group.create_task(collect(model.turn(TALK, TurnSettings())))
            await emulator.until(lambda counters: counters.in_flight == 1)
            handle.cancel()
        await emulator.until(lambda counters: counters.in_flight == 0)
        assert handle.cancelled()
        assert emulator.counters.broken == 1


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", ["bad_key", "forbidden", "limited", "policy", "cut"])
async def test_no_error_ever_holds_the_key(fault: str, wire: str, opener: Opener) -> None:
    async with Emulator(scene(Say(say="x", fault=fault, times=0))) as emulator:
        env = {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY, "GROQ_API_KEY": KEY}
        model = await opener(emulator, wire, env=env)
        with pytest.raises(ProviderError) as caught:
            await collect(model.turn(TALK, SETTINGS))
        assert KEY not in str(caught.value)
        assert KEY not in repr(caught.value)
        assert KEY not in repr(caught.value.__dict__)
        assert emulator.requests[0].headers["Authorization"] == f"Bearer {KEY}"


async def test_a_background_answer_is_created_asked_after_and_cheaper(opener: Opener) -> None:
    async with Emulator(scene(Say(say="By morning.", calls=(Call("read", {"path": "a"}),), wait_s=0.05))) as emulator:
        model = await opener(emulator, "codex")
        now = await collect(model.turn(TALK, TurnSettings()))
        later = await collect(model.turn(TALK, TurnSettings(when="8h")))
        assert later.text == "By morning."
        assert later.calls[0].arguments == {"path": "a"}
        body = emulator.requests[-1].body
        assert body["background"] is True
        assert body["background_options"] == {"completion_window": "8h", "continuation_id": "t"}
        assert body["stream"] is False
        assert now.cost_usd is not None
        assert later.cost_usd is not None
        assert later.cost_usd < now.cost_usd
        assert emulator.counters.refusals == []


async def awaited(model: Model, settings: TurnSettings) -> str:
    """Ask, and go away as soon as the provider has taken the request; the id of the answer."""
    async with aclosing(model.turn(TALK, settings)) as stream:
        async for item in stream:
            if isinstance(item, Awaited):
                return item.id
    raise AssertionError("nothing is awaited")


async def test_a_background_answer_is_asked_after_again_by_who_comes_later(opener: Opener) -> None:
    async with Emulator(scene(Say(say="By morning."))) as emulator:
        settings = TurnSettings(when="2h")
        name = await awaited(await opener(emulator, "codex"), settings)
        later = await opener(emulator, "codex")
        items = [item async for item in later.turn(TALK, msgspec.structs.replace(settings, awaited=name))]
        assert isinstance(items[-1], Turn)
        assert items[-1].text == "By morning."
        assert (emulator.counters.requests, emulator.counters.cancelled) == (1, 0)


@pytest.mark.parametrize("when", ["now", "8h"])
async def test_a_background_answer_that_is_gone_is_asked_for_again(opener: Opener, when: When) -> None:
    async with Emulator(scene(Say(say="Anew."))) as emulator:
        model = await opener(emulator, "codex")
        turn = await collect(model.turn(TALK, TurnSettings(when=when, awaited="resp_of_another_day")))
        assert turn.text == "Anew."
        assert emulator.counters.requests == 1


async def test_a_background_answer_that_failed_is_not_asked_after_again(opener: Opener) -> None:
    async with Emulator(scene(Say(say="By morning.", wait_s=3600))) as emulator:
        model = await opener(emulator, "codex")
        name = await awaited(model, TurnSettings(when="2h"))
        await model.give_up(name)
        emulator.script = scene(Say(say="At last."))
        items = [item async for item in model.turn(TALK, TurnSettings(when="2h", awaited=name))]
        assert [item.id != "" for item in items if isinstance(item, Awaited)] == [False, True]
        assert isinstance(items[-1], Turn)
        assert items[-1].text == "At last."


async def test_a_background_answer_is_cancelled_only_when_it_is_given_up(opener: Opener) -> None:
    async with Emulator(scene(Say(say="By morning.", wait_s=3600))) as emulator:
        model = await opener(emulator, "codex")
        name = await awaited(model, TurnSettings(when="2h"))
        assert emulator.counters.cancelled == 0
        await model.give_up(name)
        await model.give_up(name)
        assert emulator.counters.cancelled == 1


# Keys.


async def test_a_missing_key_is_a_sentence_with_the_next_step(throttle: Throttle) -> None:
    spec = AgentSpec(name="opus", provider="Anthropic", model="m", key_env="ANTHROPIC_API_KEY")
    with pytest.raises(base.NoKey) as caught:
        await open_model(spec, {}, throttle, throttle.clock)
    assert str(caught.value) == "Anthropic needs ANTHROPIC_API_KEY: open an editor that has it, or set key_command."
    assert caught.value.cause().kind == "no_key"


async def test_a_key_command_prints_the_key() -> None:
    spec = AgentSpec(name="x", provider="Lab", key_env="LAB_KEY", key_command=("printf", "%s\\n", "the-key"))
    assert await find_key(spec, {"PATH": "/usr/bin:/bin", "LAB_KEY": "other"}) == "the-key"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("false",), "its key_command ended with 1 and no key."),
        (("true",), "its key_command ended with 0 and no key."),
        (("/no/such/program",), "its key_command could not be started (No such file or directory)."),
    ],
)
async def test_a_key_command_that_fails_is_a_sentence(command: tuple[str, ...], words: str) -> None:
    spec = AgentSpec(name="x", provider="Lab", key_command=command)
    with pytest.raises(base.KeyCommandFailed) as caught:
        await find_key(spec, {"PATH": "/usr/bin:/bin"})
    assert str(caught.value) == f"Lab has no key: {words}"


# Error bodies as the providers write them.


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            400,
            {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}},
            base.SpendLimit,
        ),
        (400, {"error": {"message": "This model's maximum context length is 8192 tokens."}}, base.TooLong),
        (404, {"error": "model 'nope' not found"}, base.NoModel),
        (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, base.NoModel),
        (400, {"error": {"message": "Unknown parameter: 'foo'."}}, base.Rejected),
        (422, {"detail": "nope"}, base.Rejected),
        (429, {"error": {"message": "…", "code": "insufficient_quota"}}, base.SpendLimit),
        (402, {}, base.SpendLimit),
        (524, {}, base.Overloaded),
        (404, {}, base.Rejected),
    ],
)
def test_error_bodies_of_all_shapes(status: int, body: object, kind: type[ProviderError]) -> None:
    error = from_status("Lab", "m", status, {}, msgspec.json.encode(body), now=0.0)
    assert type(error) is kind
    assert str(error).startswith(("Lab", "The conversation"))


def test_an_error_body_may_be_anything() -> None:
    for body in (b"", b"<html>", b"[]", b"3", b'{"error": 3}', b'{"error": {"message": 3}}', b"\xff"):
        assert read_error(body) == ("", "")
        assert str(from_status("Lab", "m", 418, {}, body, now=0.0)) == "Lab did not accept the request: status 418."


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-4"}, 0.0),
    ],
)
def test_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, 10.0) == seconds
