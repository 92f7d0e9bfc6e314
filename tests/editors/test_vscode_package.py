"""What the VS Code extension declares follows what the server declares, and its lock file names no host."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "vscode"


def test_commands_and_settings_are_rendered_from_the_server() -> None:
    checked = subprocess.run(
        [sys.executable, CLIENT / "scripts" / "generate", "--check"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((CLIENT / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


def test_nothing_of_a_person_is_declared_for_a_project_to_set() -> None:
    properties = json.loads((CLIENT / "package.json").read_text())["contributes"]["configuration"]["properties"]
    assert properties["backburner.server.path"]["scope"] == "machine"
    assert not [
        key for key in properties if key.startswith(("backburner.agents", "backburner.sandbox", "backburner.check"))
    ]
