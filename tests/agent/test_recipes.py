from __future__ import annotations

import pytest

from backburner.agent.recipes import NAMES, WRITING, BadRecipe, load, parse


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_recipe_loads(name: str) -> None:
    recipe = load(name)
    assert recipe.title
    assert len(recipe.body) > 50
    assert "finish" in recipe.tools


@pytest.mark.parametrize("name", ["review", "explain", "check"])
def test_recipes_that_want_no_change_cannot_write(name: str) -> None:
    recipe = load(name)
    assert not recipe.writes
    assert not set(recipe.tools) & set(WRITING)


def test_a_text_replaces_the_shipped_recipe() -> None:
    recipe = load("fix", '+++\ntitle = "Mend"\nwants = "report"\ntools = ["read", "finish"]\n+++\nJust look.\n')
    assert (recipe.name, recipe.title, recipe.wants, recipe.tools, recipe.body) == (
        "fix",
        "Mend",
        "report",
        ("read", "finish"),
        "Just look.",
    )


def test_a_recipe_without_a_header_may_do_everything() -> None:
    recipe = parse("tidy", "Tidy up.\n")
    assert recipe.writes
    assert recipe.wants == "any"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+++\ntitle = \n+++\nx", "cannot be read"),
        ("+++\ntitle = 'x'\nx", "does not end"),
        ('+++\nwants = "everything"\n+++\nx', "cannot be read"),
        ('+++\ntools = ["read", "sudo"]\n+++\nx', "sudo"),
        ('+++\npowers = "all"\n+++\nx', "powers"),
    ],
)
def test_a_broken_recipe_is_one_sentence(text: str, expected: str) -> None:
    with pytest.raises(BadRecipe, match=expected) as problem:
        parse("mine", text)
    assert "mine" in str(problem.value)


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(BadRecipe, match="no recipe called 'brew'"):
        load("brew")
