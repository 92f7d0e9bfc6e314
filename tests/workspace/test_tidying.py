"""Tidying frees what nobody needs, and nothing else."""

from __future__ import annotations

import os
import time

from backburner.workspace.shadow import Shadow
from backburner.workspace.tidying import tidy

LATER = 4_000_000_000.0


def age(shadow: Shadow) -> None:
    """Everything in the shadow is two days old."""
    long_ago = time.time() - 2 * 86_400
    for parent, _, names in os.walk(shadow.folder / "objects"):
        for name in names:
            os.utime(os.path.join(parent, name), (long_ago, long_ago))


def pins(project) -> set[str]:
    return set(project.git("for-each-ref", "--format=%(objectname)", "refs/backburner").split())


async def test_what_a_task_keeps_stays_and_the_rest_goes(project, opened) -> None:
    project.write("a.txt", "first\n")
    first = project.commit()
    shadow: Shadow = await opened(project.root)
    kept = await shadow.snapshot({"b.txt": "kept\n"})
    text, lost = await shadow.put_text("kept text\n"), await shadow.put_text("lost text\n")
    await shadow.keep(1, [kept.commit, text])
    project.write("a.txt", "second\n")
    second = project.commit()
    gone = await shadow.snapshot({"b.txt": "gone\n"})
    assert pins(project) == {first, second}
    age(shadow)
    await tidy(shadow, before=0.0)
    assert await shadow.file_at(gone.commit, "b.txt") == (0o100644, b"gone\n")
    assert await shadow.get_text(lost) is None
    age(shadow)
    await tidy(shadow, before=LATER)
    assert pins(project) == {first}
    assert await shadow.get(gone.commit) is None
    assert await shadow.get_text(text) == "kept text\n"
    assert await shadow.is_whole(kept)
    await shadow.forget(1)
    age(shadow)
    await tidy(shadow, before=LATER)
    assert pins(project) == set()
    assert await shadow.get(kept.commit) is None
    assert await shadow.get_text(text) is None
    again = await shadow.snapshot({"b.txt": "kept\n"})
    assert again.commit != kept.commit
    assert await shadow.is_whole(again)


async def test_young_objects_stay(project, opened) -> None:
    shadow: Shadow = await opened(project.root)
    text = await shadow.put_text("about to be named\n")
    await tidy(shadow, before=LATER)
    assert await shadow.get_text(text) == "about to be named\n"


async def test_many_packs_become_one_and_lean_on_no_base_but_their_own(project, opened) -> None:
    """What another snapshot's base holds may go with that snapshot, so it is packed too."""
    project.write("a.txt", "a\n")
    project.commit()
    shadow: Shadow = await opened(project.root)
    project.write("shared.txt", "in the base of one, dirty in the other\n")
    dirty = await shadow.snapshot()
    project.commit()
    clean = await shadow.snapshot()
    await shadow.keep(1, [dirty.commit])
    await shadow.keep(2, [clean.commit])
    made = [await shadow.snapshot({"typed.txt": f"{turn}\n"}) for turn in range(3)]
    for snapshot in (dirty, *made):
        await shadow.pack(snapshot)
    assert len(list((shadow.folder / "objects/pack").glob("*.pack"))) > 3
    await shadow.keep(3, [made[-1].commit])
    age(shadow)
    await tidy(shadow, before=LATER, packs=1)
    assert len(list((shadow.folder / "objects/pack").glob("*.pack"))) == 1
    await shadow.forget(2)
    await shadow.forget(3)
    age(shadow)
    await tidy(shadow, before=LATER, packs=1)
    project.git("reset", "-q", "--hard", "HEAD~")
    project.git("reflog", "expire", "--expire=now", "--all")
    project.git("gc", "-q", "--prune=now")
    assert await shadow.is_whole(dirty)
    assert await shadow.file_at(dirty.commit, "shared.txt") == (0o100644, b"in the base of one, dirty in the other\n")


async def test_half_written_packs_are_removed_when_they_are_old(project, opened) -> None:
    shadow: Shadow = await opened(project.root)
    half = shadow.folder / "objects/pack/tmp_pack_x"
    half.write_bytes(b"half")
    await tidy(shadow, before=time.time())
    assert half.exists()
    await tidy(shadow, before=LATER)
    assert not half.exists()
