"""What stands on a project's settings file: what waits for approval, with the action on it; and what is wrong in it.

Approval is for exactly the bytes on disk; while the text on the screen is another one, nothing is offered.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backburner.lib.files import read_ordinary
from backburner.model.mark import Action, Mark
from backburner.store.settings import PROJECT_FILE
from backburner.store.trust import LARGEST, digest

if TYPE_CHECKING:
    from backburner.lsp.session import Session

LONGEST = 80


def settings_marks(session: Session, root: Path) -> tuple[Mark, ...]:
    """Marks of `backburner.toml`; a mark of task 0 is about no task."""
    loaded = session.editors.projects.book.loaded(root)
    found = [
        _mark("Not used until you approve it: " + ", ".join(waiting.wants), _approve(session, root, waiting.sha256))
        for waiting in loaded.untrusted
        if Path(waiting.path).name == PROJECT_FILE
    ]
    found += [_mark(problem) for problem in loaded.problems if problem.startswith(PROJECT_FILE)]
    return tuple(found)


def _approve(session: Session, root: Path, sha256: str) -> tuple[Action, ...]:
    path = root / PROJECT_FILE
    uri = session.roots.uri(root, PROJECT_FILE)
    document = session.documents.get(uri)
    try:
        data = read_ordinary(path, LARGEST)
    except OSError:
        return ()
    shown = document is None or document.text.encode("utf-8", "replace") == data.replace(b"\r\n", b"\n")
    if digest(data) != sha256 or not shown:
        return ()
    arguments = {"path": str(path), "sha256": sha256}
    return (
        Action(command="backburner.trust", lens="", title="Backburner: approve these settings", arguments=arguments),
    )


def _mark(text: str, actions: tuple[Action, ...] = ()) -> Mark:
    message = text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"
    return Mark(
        path=PROJECT_FILE,
        line=0,
        start=0,
        end=1,
        span_end=1,
        task=0,
        state="ready",
        actions=actions,
        severity="information",
        message=message,
        hover=text,
    )
