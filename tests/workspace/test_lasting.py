"""Snapshots outlive what the person does to their repository, and what fails is said and never stale."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from backburner.model.anchor import text_id
from backburner.model.task import Snapshot
from backburner.workspace.git import GitFailed
from backburner.workspace.shadow import Shadow


def clean_up(project) -> None:
    """The hardest clean-up that git knows."""
    project.git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    project.git("gc", "-q", "--prune=now")


async def texts(shadow: Shadow, snapshot: Snapshot) -> dict[str, bytes | None]:
    return {path: await shadow.get(entry.id) for path, entry in (await shadow.list(snapshot.commit)).items()}


def reasons(snapshot: Snapshot) -> dict[str, str]:
    return {item.path: item.reason for item in snapshot.left_out}


async def test_snapshot_survives_reset_and_clean_up(project, opened) -> None:
    project.write("a.txt", "first\n")
    project.commit()
    project.write("a.txt", "second\n")
    project.write("b.txt", "b\n" * 1000)
    project.commit()
    shadow: Shadow = await opened(project.root)
    snapshot = await shadow.snapshot()
    project.git("reset", "-q", "--hard", "HEAD~")
    clean_up(project)
    assert await texts(shadow, snapshot) == {"a.txt": b"second\n", "b.txt": b"b\n" * 1000}
    assert await shadow.is_whole(snapshot)


@pytest.mark.parametrize("packed", [False, True])
async def test_a_blob_that_was_only_staged_survives(project, opened, packed: bool) -> None:
    """Git did not write it again for us, because the person's repository had it."""
    project.write("a.txt", "a\n")
    project.commit()
    project.write("staged/s.txt", "only staged\n")
    project.git("add", "staged/s.txt")
    project.git("write-tree")
    shadow: Shadow = await opened(project.root)
    snapshot = await shadow.snapshot()
    if packed:
        await shadow.pack(snapshot)
    project.git("rm", "-qf", "staged/s.txt")
    clean_up(project)
    assert project.git("cat-file", "-e", text_id("only staged\n"), ok=False) == ""
    assert await texts(shadow, snapshot) == {"a.txt": b"a\n", "staged/s.txt": b"only staged\n"}
    assert await shadow.is_whole(snapshot)


async def test_files_of_another_branch_survive_its_end(project, opened) -> None:
    """Content that equals another branch's is in the person's repository too, and goes with that branch."""
    project.write("a.txt", "a\n")
    project.commit()
    project.git("checkout", "-q", "-b", "other")
    project.write("dir/b.txt", "of the other branch\n")
    project.commit()
    project.git("checkout", "-q", "main")
    project.write("dir/b.txt", "of the other branch\n")
    shadow: Shadow = await opened(project.root)
    snapshot = await shadow.snapshot()
    project.git("branch", "-qD", "other")
    shutil.rmtree(project.root / "dir")
    clean_up(project)
    assert (await texts(shadow, snapshot))["dir/b.txt"] == b"of the other branch\n"
    assert await shadow.is_whole(snapshot)


async def test_a_repository_that_cannot_take_a_pin_is_copied_whole(project, opened) -> None:
    project.write("a.txt", "a\n")
    project.commit()
    project.write(".git/refs/backburner", "in the way\n")
    shadow: Shadow = await opened(project.root)
    snapshot = await shadow.snapshot({"b.txt": "b\n"})
    shutil.rmtree(project.root / ".git/objects")
    assert await texts(shadow, snapshot) == {"a.txt": b"a\n", "b.txt": b"b\n"}


async def test_a_lost_base_is_noticed(project, opened) -> None:
    project.write("a.txt", "a\n")
    project.commit()
    shadow: Shadow = await opened(project.root)
    snapshot = await shadow.snapshot()
    assert await shadow.is_whole(snapshot)
    shutil.rmtree(project.root)
    assert not await shadow.is_whole(snapshot)
    entry = (await shadow.list(snapshot.commit))["a.txt"] if (await _listed(shadow, snapshot)) else None
    assert entry is None or await shadow.get(entry.id) is None


async def _listed(shadow: Shadow, snapshot: Snapshot) -> bool:
    try:
        await shadow.list(snapshot.commit)
    except GitFailed:
        return False
    return True


async def test_packing_keeps_everything_and_can_be_repeated(project, opened) -> None:
    project.write("a.txt", "a\n" * 1000)
    (project.root / "gone.txt").write_text("gone\n")
    project.commit()
    (project.root / "gone.txt").unlink()
    shadow: Shadow = await opened(project.root)
    made = [await shadow.snapshot({"a.txt": "a\n" * 1000 + f"{turn}\n"}) for turn in range(5)]
    await shadow.pack(made[0])
    await shadow.pack(*made)
    await shadow.pack(*made)
    assert len(list(shadow.packs.glob("*.pack"))) == 2
    for turn, snapshot in enumerate(made):
        assert await texts(shadow, snapshot) == {"a.txt": b"a\n" * 1000 + b"%d\n" % turn}
    loose = [path for path in (shadow.folder / "objects").glob("??/*")]
    assert len(loose) == len([path for path in loose if path.parent.name != "pack"])
    assert {text_id("a\n" * 1000 + f"{turn}\n") for turn in range(5)}.isdisjoint(
        path.parent.name + path.name for path in loose
    )
    assert shadow.get_sync(text_id("a\n" * 1000 + "3\n")) == b"a\n" * 1000 + b"3\n"


async def test_kept_texts_survive_tidying_of_loose_objects_and_forgotten_ones_do_not(project, opened) -> None:
    project.write("a.txt", "a\n")
    shadow: Shadow = await opened(project.root)
    kept, forgotten = await shadow.put_text("kept\n"), await shadow.put_text("forgotten\n")
    await shadow.keep(1, [kept])
    await shadow.keep(2, [kept, forgotten])
    await shadow.keep(2, [forgotten])
    await shadow.forget(2)
    await shadow.git.run("prune", "--expire=now")
    assert await shadow.get_text(kept) == "kept\n"
    assert shadow.get_text_sync(kept) == "kept\n"
    assert await shadow.get_text(forgotten) is None
    assert shadow.get_sync(forgotten) is None
    await shadow.forget(3)


async def test_text_ids_are_what_the_model_calls_them(project, opened) -> None:
    shadow: Shadow = await opened(project.root)
    for text in ("", "a\n", "é\ud800 lone\n"):
        assert await shadow.put_text(text) == text_id(text)
        assert await shadow.get_text(text_id(text)) == text


async def test_a_reader_that_looked_too_early_sees_what_is_borrowed_later(project, opened) -> None:
    """An editor may want a text before the first snapshot makes the shadow borrow from the person's repository."""
    project.write("a.txt", "a\n")
    project.commit()
    shadow: Shadow = await opened(project.root)
    wanted = text_id("a\n")
    assert await shadow.get(wanted) is None
    assert shadow.get_sync(wanted) is None
    await shadow.snapshot()
    assert not (shadow.folder / "objects" / wanted[:2] / wanted[2:]).exists()
    assert await shadow.get(wanted) == b"a\n"
    assert shadow.get_sync(wanted) == b"a\n"


async def test_readers_come_back_when_their_process_dies(project, opened) -> None:
    project.write("a.txt", "borrowed\n" * 50)
    project.commit()
    project.git("gc", "-q")
    shadow: Shadow = await opened(project.root)
    await shadow.snapshot()
    blob = text_id("borrowed\n" * 50)
    for _ in range(3):
        assert await shadow.get(blob) == b"borrowed\n" * 50
        assert shadow.get_sync(blob) == b"borrowed\n" * 50
        children = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "cat-file"], capture_output=True, check=False)  # noqa: ASYNC221
        for pid in children.stdout.split():
            os.kill(int(pid), signal.SIGKILL)
    assert await shadow.get("0" * 40) is None
    assert await shadow.get("HEAD\nHEAD") is None
    assert shadow.get_sync("not an id") is None


async def test_concurrent_and_cancelled_reads_do_not_mix(project, opened) -> None:
    for number in range(40):
        project.write(f"{number}.txt", f"{number}\n" * 5000)
    project.commit()
    project.git("gc", "-q")
    shadow: Shadow = await opened(project.root)
    files = await shadow.list((await shadow.snapshot()).commit)

    async def read(path: str) -> bool:
        number = path.removesuffix(".txt")
        return await shadow.get(files[path].id) == f"{number}\n".encode() * 5000

    for turn in range(3):
        handles: list[asyncio.Task[bool]] = []
        async with asyncio.TaskGroup() as group:
            for path in files:
                handles.append(group.create_task(read(path)))
            await asyncio.gather(*handles[: turn * 5])
            for handle in handles[turn * 5 + 1 :: 3]:
                handle.cancel()
        assert all(handle.result() for handle in handles if not handle.cancelled())
        assert any(handle.cancelled() for handle in handles) or turn


async def test_unreadable_files_are_left_out_and_come_back(project, opened, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.getuid() == 0:
        pytest.skip("for another user: root reads everything; see the test of a filter that fails")
    project.write("a.txt", "old\n")
    project.write("b.txt", "b\n")
    project.commit()
    project.write("a.txt", "new\n").chmod(0)
    project.write("c.txt", "c\n").chmod(0)
    shadow: Shadow = await opened(project.root)
    snapshot = await shadow.snapshot({"b.txt": "typed\n"})
    assert await texts(shadow, snapshot) == {"b.txt": b"typed\n"}
    assert set(reasons(snapshot)) == {"a.txt", "c.txt"}
    (project.root / "a.txt").chmod(0o644)
    assert (await texts(shadow, await shadow.snapshot()))["a.txt"] == b"new\n"


async def test_a_failing_filter_leaves_its_files_out_and_no_other(project, opened) -> None:
    """`git add -A` fails as a whole, and `write-tree` would then return the tree from before."""
    project.write(".gitattributes", "*.locked filter=vault\n")
    project.write("plain.txt", "old\n")
    for name in ("one.locked", "two.locked", "three.locked"):
        project.write(name, "old\n")
    project.commit()
    project.git("config", "filter.vault.clean", "false")
    project.git("config", "filter.vault.required", "true")
    project.write("plain.txt", "new\n")
    project.write("new.txt", "new\n")
    project.write("one.locked", "new\n")
    project.write("three.locked", "newer\n")
    project.write("four.locked", "untracked\n")
    shadow: Shadow = await opened(project.root)
    snapshot = await shadow.snapshot({"two.locked": "typed\n"})
    found = await texts(shadow, snapshot)
    assert found["plain.txt"] == b"new\n"
    assert found["new.txt"] == b"new\n"
    assert found["two.locked"] == b"old\n"
    assert not {"one.locked", "three.locked", "four.locked"} & set(found)
    why = reasons(snapshot)
    assert {why[name] for name in ("one.locked", "three.locked", "four.locked")} == {"its filter 'vault' failed"}
    assert why["two.locked"].startswith("has unsaved text that git does not take")
    project.git("config", "filter.vault.clean", "cat")
    assert (await texts(shadow, await shadow.snapshot()))["one.locked"] == b"new\n"


async def test_a_filter_process_that_dies_leaves_its_files_out(project, opened) -> None:
    project.write(".gitattributes", "*.locked filter=vault\n")
    project.write("a.locked", "old\n")
    project.write("plain.txt", "old\n")
    project.commit()
    project.git("config", "filter.vault.process", "no-such-program")
    project.git("config", "filter.vault.required", "true")
    project.write("a.locked", "new\n")
    project.write("plain.txt", "new\n")
    shadow: Shadow = await opened(project.root)
    snapshot = await shadow.snapshot()
    assert (await texts(shadow, snapshot))["plain.txt"] == b"new\n"
    assert reasons(snapshot) == {"a.locked": "its filter 'vault' failed"}


async def test_large_file_storage_that_is_not_installed(project, opened) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    project.write("image.bin", pointer)
    project.write("a.txt", "a\n")
    project.commit()
    project.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    for name, value in (("clean", "git-lfs clean -- %f"), ("process", "git-lfs filter-process"), ("required", "true")):
        project.git("config", f"filter.lfs.{name}", value)
    project.write("image.bin", b"\0raw")
    project.write("new.bin", b"\0new")
    project.write("a.txt", "new\n")
    shadow: Shadow = await opened(project.root)
    snapshot = await shadow.snapshot({"typed.bin": "typed\n"})
    found = await texts(shadow, snapshot)
    assert found["a.txt"] == b"new\n"
    assert snapshot.left_out == ()
    assert (found["image.bin"], found["new.bin"], found["typed.bin"]) == (b"\0raw", b"\0new", b"typed\n")
    assert not (project.root / ".git/lfs").exists()


async def test_mixed_line_ends_do_not_stop_a_snapshot(project, opened) -> None:
    project.git("config", "core.autocrlf", "true")
    project.git("config", "core.safecrlf", "true")
    project.write("a.txt", b"one\r\ntwo\n")
    shadow: Shadow = await opened(project.root)
    snapshot = await shadow.snapshot()
    assert await texts(shadow, snapshot) == {"a.txt": b"one\ntwo\n"}
    assert snapshot.left_out == ()


async def test_a_stale_lock_of_ours_does_not_stop_a_snapshot(project, opened) -> None:
    project.write("a.txt", "a\n")
    project.commit()
    shadow: Shadow = await opened(project.root)
    await shadow.snapshot()
    (shadow.view_folder / "index.lock").touch()
    project.write("a.txt", "b\n")
    assert await texts(shadow, await shadow.snapshot()) == {"a.txt": b"b\n"}


async def test_shallow_clones_and_clones_with_borrowed_objects(project, opened, tmp_path: Path) -> None:
    for turn in range(3):
        project.write("a.txt", f"{turn}\n")
        project.commit()
    for name, options in (("shallow", ("--depth=1",)), ("shared", ("--shared",))):
        project.git("clone", "-q", *options, f"file://{project.root}", str(tmp_path / "home" / name))
        clone = type(project)(tmp_path / "home" / name)
        clone.write("b.txt", "b\n")
        shadow: Shadow = await opened(clone.root, f"{name}.git")
        snapshot = await shadow.snapshot()
        await shadow.pack(snapshot)
        assert await texts(shadow, snapshot) == {"a.txt": b"2\n", "b.txt": b"b\n"}
        assert await shadow.is_whole(snapshot)


async def test_sha256_repositories_are_copied_whole(opened, project, tmp_path: Path) -> None:
    other = type(project)(tmp_path / "home" / "other")
    other.git("init", "-q", "--object-format=sha256")
    other.write("a.txt", "a\n")
    other.write(".gitignore", "b.txt\n")
    other.write("b.txt", "b\n")
    other.commit()
    shadow: Shadow = await opened(other.root, "other.git")
    assert await texts(shadow, await shadow.snapshot()) == {"a.txt": b"a\n", ".gitignore": b"b.txt\n"}


async def test_a_snapshot_that_is_interrupted_leaves_the_next_one_right(project, opened) -> None:
    for number in range(300):
        project.write(f"{number}.txt", "x\n")
    project.commit()
    project.write("new.txt", "new\n")
    shadow: Shadow = await opened(project.root)
    for step in range(16):
        # Each time git hashes a text that nobody has seen before; none of them may be taken for saved later.
        project.write(f"{10 + step}.txt", f"changed in step {step}\n")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(step * 0.006):
                await shadow.snapshot({"1.txt": f"typed {step}\n"})
    project.write("2.txt", "changed\n")
    (project.root / "new.txt").unlink()
    snapshot = await shadow.snapshot()
    shutil.rmtree(shadow.incoming)
    found = await texts(shadow, snapshot)
    assert await shadow.is_whole(snapshot)
    assert found["2.txt"] == b"changed\n"
    assert found["1.txt"] == b"x\n"
    assert [found[f"{10 + step}.txt"] for step in range(16)] == [b"changed in step %d\n" % n for n in range(16)]
    assert "new.txt" not in found
    assert len(found) == 300


async def test_what_git_hashed_for_a_snapshot_is_in_the_shadow_before_it_counts(project, opened) -> None:
    """Nothing is left in the store that was never flushed; a better pack takes the place of the first."""
    project.write("a.txt", "a\n")
    project.write("folder/b.txt", "b\n")
    project.commit()
    shadow: Shadow = await opened(project.root)
    project.write("folder/b.txt", "saved\n")
    project.write("new.txt", "new\n")
    first = await shadow.snapshot({"a.txt": "typed\n"})
    again = await shadow.snapshot({"a.txt": "typed\n"})
    second = await shadow.snapshot({"a.txt": "typed on\n"})
    shutil.rmtree(shadow.incoming)
    assert first.commit == again.commit
    for snapshot, typed in ((first, b"typed\n"), (second, b"typed on\n")):
        assert await shadow.is_whole(snapshot)
        assert await texts(shadow, snapshot) == {"a.txt": typed, "folder/b.txt": b"saved\n", "new.txt": b"new\n"}
        await shadow.pack(snapshot)
    assert len(list(shadow.packs.glob("*.pack"))) == 2
    assert await shadow.is_whole(first)
    assert await shadow.is_whole(second)
