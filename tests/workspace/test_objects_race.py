"""Writing objects while Git tidies the folder up."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from backburner.workspace.objects import Loose


def test_an_object_is_written_although_git_removes_the_empty_folder_at_that_moment(tmp_path: Path) -> None:
    """`prune-packed` removes empty folders; it ran between making one and writing into it."""
    done = threading.Event()

    def prune() -> None:
        while not done.is_set():
            for folder in list(tmp_path.iterdir()):
                with contextlib.suppress(OSError):
                    folder.rmdir()

    pruning = threading.Thread(target=prune)
    pruning.start()
    try:
        ids = Loose(tmp_path).write("blob", [b"%d" % number for number in range(1000)], durable=False)
    finally:
        done.set()
        pruning.join()
    assert [identity for identity in ids if Loose(tmp_path).read(identity) is None] == []
