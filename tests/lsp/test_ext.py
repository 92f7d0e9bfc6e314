"""The protocol's document is what the declarations say."""

from __future__ import annotations

from pathlib import Path

from backburner.lsp.commands import HANDLERS
from backburner.lsp.ext import protocol
from backburner.model.commands import COMMANDS
from backburner.model.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]


def test_the_document_is_current() -> None:
    assert (ROOT / "docs/protocol.md").read_text() == protocol(), "run scripts/generate"


def test_every_command_and_setting_is_in_it() -> None:
    text = protocol()
    assert [name for name in COMMANDS if f"### `{name}`" not in text] == []
    assert [spec.key for spec in SETTINGS if f"| `{spec.key}` |" not in text] == []


def test_every_command_has_a_handler_and_none_is_of_a_client() -> None:
    assert {f"backburner.{name}" for name in HANDLERS} == set(COMMANDS)
    assert not [name for name in COMMANDS if name.startswith("backburner.ui.")]
