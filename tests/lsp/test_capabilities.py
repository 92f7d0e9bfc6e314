"""What each recorded client can do."""

from __future__ import annotations

import pytest
from lsprotocol import types

from backburner.lsp.capabilities import Client, resolve
from backburner.lsp.protocol import shared_converter
from lsp_client import recorded, recorded_names


def client(capabilities: object, **more: object) -> Client:
    params = shared_converter().structure({"capabilities": capabilities, **more}, types.InitializeParams)
    return resolve(params, "utf-16")


def client_of(name: str) -> Client:
    found = recorded(name)
    return client(found["capabilities"], clientInfo=found["clientInfo"])


@pytest.mark.parametrize(
    ("name", "can", "cannot"),
    [
        (
            "vscode-1.139-languageclient-11",
            "lens_refresh show_document progress creates renames deletes",
            "status input",
        ),
        ("neovim-0.7.2", "progress renames document_changes", "show_document lens_refresh configuration"),
        (
            "neovim-0.11.4",
            "show_document progress renames document_changes configuration",
            "lens_refresh watched_files",
        ),
        ("neovim-0.12.4", "show_document lens_refresh", "status"),
        ("eglot-1.9-emacs-28", "document_changes watched_files", "progress show_document renames markdown_hover"),
        ("eglot-1.17-emacs-30", "show_document progress", "renames lens_refresh"),
        ("helix-25.01", "renames diagnostic_version markdown_hover", "show_document lens_refresh"),
        ("helix-25.07", "show_document", "lens_refresh"),
        ("lsp-mode-8.0-emacs-28", "lens_refresh", "show_document"),
        ("vim-lsp-vim-9.0", "progress apply_edit", "show_document"),
        ("ale-3.3-vim-9.0", "action_literals related_information", "apply_edit progress show_document name"),
    ],
)
def test_recorded_clients(name: str, can: str, cannot: str) -> None:
    found = client_of(name)
    assert [ability for ability in can.split() if not getattr(found, ability)] == []
    assert [ability for ability in cannot.split() if getattr(found, ability)] == []


@pytest.mark.parametrize("name", recorded_names())
def test_every_recorded_client_takes_actions(name: str) -> None:
    assert client_of(name).action_literals


def test_nothing_announced_is_nothing_sent() -> None:
    assert client({}) == Client()


@pytest.mark.parametrize(
    ("sent", "status", "input"),
    [
        ({"backburner": True}, True, True),
        ({"backburner": {"status": True}}, True, False),
        ({"backburner": {"status": 1, "input": "yes"}}, False, False),
        ({"backburner": "yes"}, False, False),
        (["backburner"], False, False),
        (None, False, False),
    ],
)
def test_our_own_abilities_come_by_either_way(sent: object, status: bool, input: bool) -> None:
    for found in (client({"experimental": sent}), client({}, initializationOptions=sent)):
        assert (found.status, found.input) == (status, input)
