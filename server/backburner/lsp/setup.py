"""Commands about the person's set-up rather than a task: trust, doctor, practise."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from backburner.lib.files import read_ordinary
from backburner.lsp.checks import checks_of
from backburner.lsp.session import Session
from backburner.lsp.transport import Refusal
from backburner.model.catalog import practice_sample
from backburner.model.commands import NoArguments, TrustArguments
from backburner.review.inert import inert_document
from backburner.store import paths
from backburner.store.settings import PROJECT_FILE
from backburner.store.trust import LARGEST, digest

Answer = Awaitable[dict[str, Any]]
PRACTICE_SETTINGS = '# Made by "Backburner: Practise": a canned agent, no key, no network.\nagent = "practice"\n'


def trust(session: Session, argument: TrustArguments) -> Answer:
    """Show what a project file wants to change; with the digest of the bytes that were shown, approve exactly those."""

    async def later() -> dict[str, Any]:
        path = _project_file(session, argument.path)
        if not path.is_file():
            return {"path": str(path), "sha256": "", "text": "", "sentence": f"There is no {path} to approve."}
        trust = session.editors.projects.book.trust
        data = read_ordinary(path)
        if len(data) > LARGEST:
            raise Refusal(f"{path.name} is too large to be approved.", "too_large")
        _require_readable(path, data)
        if not argument.sha256:
            approved = trust.is_approved(path, data)
            return {
                "path": str(path),
                "sha256": digest(data),
                "text": data.decode("utf-8", "replace"),
                "approved": approved,
                "sentence": f"{path.name} is approved as it is."
                if approved
                else "Read it, then approve exactly these bytes.",
            }
        if not trust.approve(path, argument.sha256):
            raise Refusal(f"{path.name} is not what was shown any more. Read it again.", "changed")
        session.publisher.look()
        return {"path": str(path), "sha256": argument.sha256, "sentence": f"Approved {path.name} as it is now."}

    return later()


def _require_readable(path: Path, data: bytes) -> None:
    """Only what can take effect is approved: settings that can be read, or a recipe."""
    if path.name == PROJECT_FILE:
        try:
            tomllib.loads(data.decode())
        except ValueError as error:
            raise Refusal(f"{path.name} is not valid TOML: {error}. Mend it first.", "bad_file") from error
    elif path.suffix != ".md":
        raise Refusal(f"{path.name} is neither {PROJECT_FILE} nor a recipe: nothing to approve.", "bad_file")


def _project_file(session: Session, given: str) -> Path:
    """The file that is meant: a path or URI, relative to the first project; else the project's settings."""
    if given.startswith("file:"):
        owned = session.owned(given)
        return owned.root / owned.path
    path = Path(given or PROJECT_FILE)
    return path if path.is_absolute() else session.root() / path


def doctor(session: Session, argument: NoArguments) -> Answer:
    """What works here and what to do next: `{checks: [{state, name, detail, next}], text}`."""

    async def later() -> dict[str, Any]:
        checks = await checks_of(session)
        checks.append({"state": "ok", "name": "editor", "detail": _editor(session), "next": ""})
        lines = ["# Backburner doctor", ""]
        for row in checks:
            following = f" Next: {row['next']}" if row["next"] else ""
            lines.append(f"- **{row['name']}** ({row['state']}): {row['detail']}{following}")
        # Settings of a project are quoted in it.
        text = inert_document("\n".join(lines) + "\n")
        await session.letters.text("doctor.md", text, "What works here:")
        return {"checks": checks, "text": text}

    return later()


def _editor(session: Session) -> str:
    client = session.client
    if client.command_line:
        return "the command line"
    parts = [f"{client.name or 'unnamed'} {client.version}".strip()]
    parts += ["takes edits" if client.apply_edit else "takes no edits: files must be closed or saved to accept"]
    parts += [] if client.show_document else ["cannot open documents: paths are told instead"]
    return ", ".join(parts)


def practise(session: Session, argument: NoArguments) -> Answer:
    """Make the sample project, whose agent is the canned one, and open it."""

    async def later() -> dict[str, Any]:
        folder = paths.make_state_dir().parent / "practise"
        name, text = practice_sample()
        await asyncio.to_thread(_make, folder, name, text)
        line = next((number for number, line in enumerate(text.split("\n")) if line.startswith("def ")), 0)
        uri = (folder / name).as_uri()
        await session.reveal(uri, line, "Practise here:")
        sentence = (
            f"Practise in {folder / name}: three places are marked. The agent is canned; nothing leaves this machine."
        )
        return {"folder": str(folder), "uri": uri, "line": line, "sentence": sentence}

    return later()


def _make(folder: Path, name: str, text: str) -> None:
    """A fresh sample each time; what was tried before is kept beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    if file.exists() and file.read_text() != text:
        number = 1
        while (folder / f"{file.stem}-{number}{file.suffix}").exists():
            number += 1
        file.rename(folder / f"{file.stem}-{number}{file.suffix}")
    file.write_text(text)
    (folder / PROJECT_FILE).write_text(PRACTICE_SETTINGS)
