"""Hunks of functions that a person moved, changed, copied or deleted: found again, or said to be gone, never guessed."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from backburner.model.anchor import Span
from backburner.model.text import apply, fit, hunks, split

COMMON = ("    return value\n", "    value = None\n", "    if value:\n", "    log(value)\n")
"""Lines that stand in many functions, so that they can be taken for each other."""
THOUSANDS = settings(max_examples=1500, deadline=None)


@dataclass
class Function:
    """A function of a made-up text. `name` tells whose lines they are, wherever they went."""

    name: str
    body: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join([f"def {self.name}(value):\n", *self.body, "\n\n"])


@st.composite
def functions(draw: st.DrawFn) -> list[Function]:
    found: list[Function] = []
    for number in range(draw(st.integers(2, 5))):
        name = f"work_{number}"
        own = [f"    {name}_step_{i}(value)\n" for i in range(draw(st.integers(1, 3)))]
        body = draw(st.permutations([*own, *draw(st.lists(st.sampled_from(COMMON), min_size=1, max_size=4))]))
        found.append(Function(name, list(body)))
    return found


@st.composite
def after_the_person(draw: st.DrawFn, base: list[Function]) -> list[Function]:
    """The functions in another order, some with other lines in them, copied, or gone."""
    live = [Function(one.name, list(one.body)) for one in draw(st.permutations(base))]
    for number in range(draw(st.integers(0, 4))):
        if not live:
            break
        at = draw(st.integers(0, len(live) - 1))
        one = live[at]
        line = draw(st.integers(0, len(one.body)))
        match draw(st.sampled_from(["type", "delete", "drop", "copy", "empty"])):
            case "type":
                one.body.insert(line, f"    typed_{number}(value)\n")
            case "delete":
                del one.body[line : line + 1]
            case "drop":
                del live[at]
            case "copy":
                live.insert(draw(st.integers(0, len(live))), Function(one.name, list(one.body)))
            case _:
                one.body = ["    raise NotImplementedError\n"]
    return live


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Function], list[Function], list[Function]]:
    """Base, proposed (one common line of some functions replaced), and what the person has now."""
    base = draw(functions())
    proposed = [Function(one.name, list(one.body)) for one in base]
    for at in draw(st.sets(st.integers(0, len(base) - 1), min_size=1)):
        lines = [i for i, line in enumerate(base[at].body) if line in COMMON]
        line = draw(st.sampled_from(lines))
        proposed[at].body[line] = f"    agent_{at}(value)\n"
    return base, proposed, draw(after_the_person(base))


def text_of(parts: list[Function]) -> str:
    return "".join(one.text for one in parts)


def owner(parts: list[Function], line: int) -> str:
    """Whose line it is."""
    at = 0
    for one in parts:
        at += len(split(one.text))
        if line < at:
            return one.name
    return ""


@THOUSANDS
@given(stories())
def test_a_hunk_is_put_into_its_own_function_or_nowhere(
    story: tuple[list[Function], list[Function], list[Function]],
) -> None:
    base, proposed, live = (text_of(part) for part in story)
    every = hunks(base, proposed, "1.1", "f")
    result = apply(base, proposed, live, every)
    typed = [line for line in split(live) if "typed_" in line]
    for hunk in every:
        fitted = result.placed[hunk.id]
        if fitted.placement not in ("fits", "moved"):
            continue
        span = fitted.span or Span(0, 0)
        assert split(live)[span.start_line : span.end_line] == split(base)[hunk.base.start_line : hunk.base.end_line]
        assert owner(story[2], span.start_line) == owner(story[0], hunk.base.start_line)
        new = split(proposed)[hunk.proposed.start_line : hunk.proposed.end_line]
        assert all(split(result.text or "").count(line) == 1 for line in new if "agent_" in line)
    assert [line for line in split(result.text or "") if "typed_" in line] == typed


@THOUSANDS
@given(functions(), st.data())
def test_a_hunk_follows_its_function_through_any_order(base: list[Function], data: st.DataObject) -> None:
    """Functions that only changed their places, and have enough to be known by, take every hunk along."""
    proposed = [Function(one.name, list(one.body)) for one in base]
    at = data.draw(st.integers(0, len(base) - 1))
    line = data.draw(st.sampled_from([i for i, line in enumerate(base[at].body) if line in COMMON]))
    proposed[at].body[line] = "    agent(value)\n"
    live = data.draw(st.permutations(base))
    every = hunks(text_of(base), text_of(proposed), "1.1", "f")
    result = apply(text_of(base), text_of(proposed), text_of(live), every)
    assert [fitted.placement for fitted in result.placed.values()] <= ["moved"]
    expected = [proposed[at] if one is base[at] else one for one in live]
    assert result.text == text_of(expected)


HEADER = (
    "def parse_header(line):\n    name, value = line.split(':')\n    checked = check(name)\n    return name, value\n"
)
OTHER = "def unrelated(number):\n    doubled = number * 2\n    return doubled + 1\n"
THIRD = "class Words:\n    def each(self, text):\n        for word in text.split():\n            print(word)\n"
PARTS = "\n\n".join((HEADER, OTHER, THIRD))
PROPOSED = PARTS.replace("return name, value", "return name.strip(), value.strip()")


def placed(live: str, proposed: str = PROPOSED) -> tuple[str, str]:
    """How the only hunk stands, and the text with it."""
    every = hunks(PARTS, proposed, "1.1", "f")
    result = apply(PARTS, proposed, live, every)
    (fitted,) = result.placed.values()
    return fitted.placement, result.text or ""


def test_a_function_moved_and_changed_elsewhere_takes_its_hunk_along() -> None:
    live = "\n\n".join((OTHER, THIRD, HEADER.replace("line.split(':')", "line.split(':', 1)")))
    assert placed(live) == ("moved", live.replace("return name, value", "return name.strip(), value.strip()"))


def test_a_method_that_moved_with_its_class_takes_its_hunk_along() -> None:
    proposed = PARTS.replace("print(word)", "yield word")
    live = "\n\n".join((THIRD.replace("text.split()", "text.lower().split()"), HEADER, OTHER))
    assert placed(live, proposed) in (
        ("fits", live.replace("print(word)", "yield word")),
        ("moved", live.replace("print(word)", "yield word")),
    )


def test_a_function_that_stands_twice_is_not_guessed_at() -> None:
    changed = HEADER.replace("check(name)", "check(name, strict=True)")
    live = "\n\n".join((OTHER, changed, THIRD, changed.replace("strict", "loose")))
    assert placed(live)[0] in ("stale", "conflicts")


def test_a_moved_function_whose_line_was_changed_too_is_no_place() -> None:
    live = "\n\n".join((OTHER, THIRD, HEADER.replace("return name, value", "return value, name")))
    assert placed(live)[0] in ("stale", "conflicts")
    assert placed(live)[1] == live


OTHER_BODY = """def parse_header(line):
    match = PATTERN.fullmatch(line.strip())
    if match is None:
        raise NoHeader(f"unexpected {line!r}")
    name, value = match.groups()
    return name, value
"""


def test_a_function_of_the_same_name_with_another_body_is_no_place() -> None:
    live = "\n\n".join((OTHER, THIRD, OTHER_BODY))
    assert placed(live)[0] in ("stale", "conflicts")


def test_accepting_two_hunks_of_a_moved_function_one_after_the_other() -> None:
    proposed = PROPOSED.replace("line.split(':')", "line.partition(':')[::2]")
    every = hunks(PARTS, proposed, "1.1", "f")
    live = "\n\n".join((OTHER, THIRD, HEADER))
    first = apply(PARTS, proposed, live, [every[0]], every)
    second = apply(PARTS, proposed, first.text, [every[-1]], every, [every[0].id])
    both = HEADER.replace("line.split(':')", "line.partition(':')[::2]")
    both = both.replace("return name, value", "return name.strip(), value.strip()")
    assert second.text == "\n\n".join((OTHER, THIRD, both))
    assert fit(PARTS, proposed, second.text, every, [hunk.id for hunk in every])[every[0].id].placement == "applied"


def test_lines_and_their_neighbours_are_no_match_in_another_function() -> None:
    """The end of one function and the header after it stand there once; but the end is that of another function."""
    same = "    return value\n    log(value)\n    if value:\n    return value\n\n\n"
    two, four = (f"def work_{n}(value):\n    work_{n}_step(value)\n{same}" for n in (2, 4))
    one, three = (f"def work_{n}(value):\n    work_{n}_step(value)\n    return value\n\n\n" for n in (1, 3))
    base, live = one + two + three + four, two + one + four + three
    proposed = one + two.replace("if value:\n    return value", "if value:\n    agent(value)") + three + four
    [hunk] = hunks(base, proposed, "1.1", "f")
    result = apply(base, proposed, live, [hunk])
    assert result.text in (
        live,
        live.replace(two, two.replace("if value:\n    return value", "if value:\n    agent(value)")),
    )
    assert "agent" not in (result.text or "").partition("def work_4")[2]


def test_one_edit_that_makes_a_function_another_one_takes_its_hunk_away() -> None:
    one, other = (f"def {name}(value):\n    {name}_step(value)\n    return value\n\n\n" for name in ("parse", "render"))
    base, live = one + other, other + other
    proposed = base.replace("return value", "agent(value)", 1)
    [hunk] = hunks(base, proposed, "1.1", "f")
    assert apply(base, proposed, live, [hunk]).placed[hunk.id].placement == "stale"
