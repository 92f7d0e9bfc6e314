"""A snapshot is what the person sees, and nothing of theirs is different afterwards."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import stat
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backburner.model.task import Snapshot
from backburner.workspace.repository import Refused, head
from backburner.workspace.shadow import Shadow

Open = Callable[[Path], Awaitable[Shadow]]


async def texts(shadow: Shadow, snapshot: Snapshot) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path, entry in (await shadow.list(snapshot.commit)).items():
        data = await shadow.get(entry.id)
        if data is not None:
            found[path] = data
    return found


def reasons(snapshot: Snapshot) -> dict[str, str]:
    return {item.path: item.reason for item in snapshot.left_out}


async def test_tracked_untracked_deleted_and_unsaved_are_all_seen(project, opened: Open) -> None:
    project.write("kept.py", "kept\n")
    project.write("edited.py", "old\n")
    project.write("gone.py", "gone\n")
    project.write(".gitignore", "*.log\n")
    project.commit()
    project.write("edited.py", "new\n")
    (project.root / "gone.py").unlink()
    project.write("new/untracked.py", "untracked\n")
    project.write("noise.log", "ignored\n")
    shadow = await opened(project.root)
    snapshot = await shadow.snapshot({"kept.py": "typed\n", "fresh.py": "never saved\n"}, at=5.0)
    assert await texts(shadow, snapshot) == {
        ".gitignore": b"*.log\n",
        "kept.py": b"typed\n",
        "edited.py": b"new\n",
        "new/untracked.py": b"untracked\n",
        "fresh.py": b"never saved\n",
    }
    assert (snapshot.base, snapshot.branch, snapshot.taken_at) == (project.git("rev-parse", "HEAD"), "main", 5.0)
    assert snapshot.left_out == ()


async def test_a_later_snapshot_forgets_what_is_no_longer_there(project, opened: Open) -> None:
    project.write("a.py", "a\n")
    project.commit()
    project.write("scratch.py", "scratch\n")
    shadow = await opened(project.root)
    first = await shadow.snapshot({"a.py": "typed\n", "b.py": "unsaved\n"})
    assert set(await texts(shadow, first)) == {"a.py", "b.py", "scratch.py"}
    project.write(".gitignore", "scratch.py\n")
    second = await shadow.snapshot({"a.py": None})
    assert set(await texts(shadow, second)) == {".gitignore"}
    third = await shadow.snapshot()
    assert await texts(shadow, third) == {".gitignore": b"scratch.py\n", "a.py": b"a\n"}
    project.git("add", "-f", "scratch.py")
    assert "scratch.py" in await texts(shadow, await shadow.snapshot())


@pytest.mark.parametrize("git", ["with a commit", "without a commit", "none"])
async def test_unsaved_texts_leave_no_trace_in_the_next_snapshot(project, opened: Open, git: str) -> None:
    if git == "none":
        shutil.rmtree(project.root / ".git")
    project.write(".gitignore", "ignored.txt\n")
    project.write("saved.txt", "saved\n")
    project.write("folder/inner.txt", "inner\n")
    if git == "with a commit":
        project.commit()
    project.write("ignored.txt", "ignored\n")
    project.write("scratch.txt", "scratch\n")
    shadow = await opened(project.root)
    plain = await shadow.snapshot()
    seen = [
        {"saved.txt": "typed\n", "folder/inner.txt": "typed\n", "scratch.txt": "typed\n"},
        {"ignored.txt": "typed\n"},
        {"unsaved.txt": "typed\n", "saved.txt": None},
        {"saved.txt/below.txt": "in the way\n", "folder": "in the way\n"},
        {"scratch.txt": None, "folder/inner.txt": None},
    ]
    for frozen in seen:
        found = await texts(shadow, await shadow.snapshot(frozen))
        assert {path: found.get(path) for path in frozen} == {
            path: None if text is None else text.encode() for path, text in frozen.items()
        }
        assert (await shadow.snapshot()).commit == plain.commit


async def test_the_same_files_are_the_same_snapshot(project, opened: Open) -> None:
    project.write("a.py", "a\n")
    project.commit()
    shadow = await opened(project.root)
    assert (await shadow.snapshot({"a.py": "x\n"})).commit == (await shadow.snapshot({"a.py": "x\n"})).commit


@pytest.mark.slow
async def test_an_edit_of_the_same_size_in_the_same_second_is_seen(project, opened: Open) -> None:
    """A copy of the index with a younger time would hide it (30 of 30 times)."""
    shadow = await opened(project.root)
    for turn in range(50):
        old, new = f"{turn:03d} old\n".encode(), f"{turn:03d} new\n".encode()
        file = project.write("racy.txt", old)
        project.git("add", "racy.txt")
        with file.open("r+b") as out:
            out.write(new)
        snapshot = await shadow.snapshot()
        assert await shadow.file_at(snapshot.commit, "racy.txt") == (0o100644, new)


async def test_repository_without_commits(project, opened: Open) -> None:
    project.write("staged.py", "staged\n")
    project.git("add", "staged.py")
    project.write("loose.py", "loose\n")
    shadow = await opened(project.root)
    snapshot = await shadow.snapshot()
    assert snapshot.base == ""
    assert set(await texts(shadow, snapshot)) == {"staged.py", "loose.py"}


async def test_empty_repository_and_empty_folder(project, tmp_path: Path, opened: Open) -> None:
    shadow = await opened(project.root)
    assert await texts(shadow, await shadow.snapshot()) == {}
    (tmp_path / "plain").mkdir()
    shadow = await Shadow.open(tmp_path / "state" / "plain.git", tmp_path / "plain")
    assert await texts(shadow, await shadow.snapshot()) == {}
    await shadow.close()


async def test_line_ends_of_a_buffer_are_those_of_its_file(project, opened: Open) -> None:
    """Without them every line of a CRLF file would count as changed."""
    project.write("dos.txt", b"one\r\ntwo\r\n")
    project.write("wide.txt", "eins\n".encode("utf-16"))
    project.write("marked.txt", b"\xef\xbb\xbfbom\nno end")
    project.commit()
    shadow = await opened(project.root)
    snapshot = await shadow.snapshot({"dos.txt": "one\n2\n", "wide.txt": "zwei\n", "marked.txt": "bom\nno end!"})
    found = await texts(shadow, snapshot)
    assert found["dos.txt"] == b"one\r\n2\r\n"
    assert found["wide.txt"] == "zwei\n".encode("utf-16")
    assert found["marked.txt"] == b"\xef\xbb\xbfbom\nno end!"


async def test_buffers_go_through_the_filters_of_their_path(project, opened: Open) -> None:
    project.write(".gitattributes", "*.txt text eol=crlf\n*.up filter=up\n")
    project.git("config", "filter.up.clean", "tr a-z A-Z")
    project.write("a.txt", b"one\r\n")
    project.write("b.up", b"word\n")
    project.commit()
    shadow = await opened(project.root)
    found = await texts(shadow, await shadow.snapshot({"a.txt": "one\ntwo\n", "b.up": "words\n"}))
    assert found["a.txt"] == b"one\ntwo\n"
    assert found["b.up"] == b"WORDS\n"


async def test_a_buffer_that_is_not_text_on_disk_is_listed(project, opened: Open) -> None:
    project.write("latin.txt", "caf\xe9\n".encode("latin-1"))
    project.commit()
    snapshot = await (await opened(project.root)).snapshot(
        {"latin.txt": "café!\n", "../out.txt": "x", ".git/config": "x"}
    )
    assert set(reasons(snapshot)) == {"latin.txt", "../out.txt", ".git/config"}


async def test_secrets_that_are_not_tracked_are_left_out_and_listed(project, opened: Open) -> None:
    project.write(".env.example", "tracked=1\n")
    project.commit()
    secrets = (".env", ".env.local", "keys/server.pem", "id_ed25519", ".npmrc", ".netrc", ".ssh/config")
    for path in secrets:
        project.write(path, "secret\n")
    project.write("id_map.py", "not a secret\n")
    shadow = await opened(project.root)
    snapshot = await shadow.snapshot({".env": "TOKEN=typed\n"})
    assert set(await texts(shadow, snapshot)) == {".env.example", "id_map.py"}
    assert set(reasons(snapshot)) == set(secrets)
    assert set(reasons(snapshot).values()) == {"looks like a secret"}


async def test_large_files_and_full_folders_are_left_out_and_listed(project, opened: Open) -> None:
    project.write("src/a.py", "a\n")
    project.commit()
    with (project.root / "dump.bin").open("wb") as file:
        file.truncate(11 * 1024 * 1024)
    for number in range(2001):
        project.write(f"src/generated/{number // 1000}/{number}.txt", "x")
    project.write("src/b.py", "b\n")
    shadow = await opened(project.root)
    snapshot = await shadow.snapshot()
    assert set(await texts(shadow, snapshot)) == {"src/a.py", "src/b.py"}
    assert reasons(snapshot) == {
        "dump.bin": "is larger than 10 MB",
        "src/generated/": "holds 2,001 untracked files",
    }


async def test_a_file_that_grows_beyond_the_cap_leaves_the_snapshot(project, opened: Open) -> None:
    shadow = await opened(project.root)
    project.write("log.txt", "small\n")
    assert set(await texts(shadow, await shadow.snapshot())) == {"log.txt"}
    with (project.root / "log.txt").open("r+b") as file:
        file.truncate(11 * 1024 * 1024)
    assert await texts(shadow, await shadow.snapshot()) == {}


async def test_nested_repositories_are_listed(project, opened: Open) -> None:
    project.write("a.py", "a\n")
    project.commit()
    for name, commits in (("empty", False), ("full", True)):
        inner = type(project)(project.root / name).init()
        inner.write("inside.py", "inside\n")
        if commits:
            inner.commit()
    shadow = await opened(project.root)
    snapshot = await shadow.snapshot()
    assert set(await texts(shadow, snapshot)) == {"a.py"}
    assert reasons(snapshot) == {
        "empty/": "is a repository of its own",
        "full/": "is a repository of its own",
    }


async def test_submodules_are_listed(project, tmp_path: Path, opened: Open) -> None:
    other = type(project)(tmp_path / "other").init()
    other.write("s.py", "s\n")
    other.commit()
    project.write("a.py", "a\n")
    project.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.root), "lib/sub")
    project.commit()
    project.write("lib/sub/s.py", "dirty\n")
    snapshot = await (await opened(project.root)).snapshot()
    assert reasons(snapshot) == {"lib/sub": "is a submodule; only its commit is known"}


async def test_files_that_git_was_told_to_overlook_are_seen(project, opened: Open) -> None:
    for name in ("assumed.py", "skipped.py"):
        project.write(name, "old\n")
    project.commit()
    project.git("update-index", "--assume-unchanged", "assumed.py")
    project.git("update-index", "--skip-worktree", "skipped.py")
    for name in ("assumed.py", "skipped.py"):
        project.write(name, "new\n")
    shadow = await opened(project.root)
    assert await texts(shadow, await shadow.snapshot()) == {"assumed.py": b"new\n", "skipped.py": b"new\n"}


async def test_sparse_checkout_keeps_what_is_outside_and_takes_new_files(project, opened: Open) -> None:
    for path in ("in/a.py", "out/b.py"):
        project.write(path, "x\n")
    project.commit()
    project.git("sparse-checkout", "set", "in")
    project.write("out/new.py", "new\n")
    project.write("in/new.py", "new\n")
    shadow = await opened(project.root)
    snapshot = await shadow.snapshot()
    assert set(await texts(shadow, snapshot)) == {"in/a.py", "in/new.py", "out/b.py", "out/new.py"}
    assert snapshot.left_out == ()


async def test_split_index_and_conflicts_work(project, opened: Open) -> None:
    project.write("a.py", "base\n")
    project.commit()
    project.git("update-index", "--split-index")
    project.git("checkout", "-q", "-b", "other")
    project.write("a.py", "theirs\n")
    project.commit()
    project.git("checkout", "-q", "main")
    project.write("a.py", "ours\n")
    project.commit()
    project.git("merge", "-q", "other", ok=False)
    shadow = await opened(project.root)
    found = await texts(shadow, await shadow.snapshot())
    assert found["a.py"] == (project.root / "a.py").read_bytes()
    assert b"<<<<<<<" in found["a.py"]


async def test_links_modes_and_odd_names(project, opened: Open) -> None:
    project.write("run.sh", "#!/bin/sh\n").chmod(0o755)
    (project.root / "link").symlink_to("run.sh")
    (project.root / "outside").symlink_to("/etc/hostname")
    odd = os.fsdecode(b"caf\xe9\n.txt")
    project.write(odd, "odd\n")
    project.commit()
    project.write(os.fsdecode(b"new \xff"), "odd\n")
    os.mkfifo(project.root / "pipe")
    shadow = await opened(project.root)
    listing = await shadow.list((await shadow.snapshot()).commit)
    assert {path: oct(entry.mode) for path, entry in listing.items()} == {
        "run.sh": "0o100755",
        "link": "0o120000",
        "outside": "0o120000",
        odd: "0o100644",
        os.fsdecode(b"new \xff"): "0o100644",
    }


async def test_a_buffer_behind_a_link_is_the_file_it_names(project, tmp_path: Path, opened: Open) -> None:
    project.write("real/a.py", "a\n")
    (project.root / "alias").symlink_to("real")
    (project.root / "leaves").symlink_to(tmp_path)
    project.commit()
    shadow = await opened(project.root)
    snapshot = await shadow.snapshot({"alias/a.py": "typed\n", "leaves/x.py": "typed\n"})
    found = await texts(shadow, snapshot)
    assert found["real/a.py"] == b"typed\n"
    assert found["alias"] == b"real"
    assert reasons(snapshot) == {"leaves/x.py": "lies behind a link that leaves the project"}


async def test_the_executable_bit_of_a_buffer_is_kept(project, opened: Open) -> None:
    project.write("run.sh", "#!/bin/sh\n").chmod(0o755)
    project.commit()
    shadow = await opened(project.root)
    found = await shadow.file_at((await shadow.snapshot({"run.sh": "#!/bin/sh\nls\n"})).commit, "run.sh")
    assert found == (0o100755, b"#!/bin/sh\nls\n")


async def test_sub_folder_of_a_repository_is_a_project_of_its_own(project, opened: Open) -> None:
    project.write("web/src/a.ts", "a\n")
    project.write("api/b.py", "b\n")
    project.write(".gitignore", "dist/\n")
    project.commit()
    project.write("web/src/new.ts", "new\n")
    project.write("web/dist/out.js", "out\n")
    project.write("api/new.py", "new\n")
    shadow = await opened(project.root / "web")
    snapshot = await shadow.snapshot({"src/a.ts": "typed\n"})
    assert await texts(shadow, snapshot) == {"src/a.ts": b"typed\n", "src/new.ts": b"new\n"}
    await shadow.pack(snapshot)
    assert await texts(shadow, snapshot) == {"src/a.ts": b"typed\n", "src/new.ts": b"new\n"}


async def test_a_conflict_elsewhere_does_not_stop_a_sub_folder(project, opened: Open) -> None:
    project.write("api/b.py", "base\n")
    project.write("web/a.ts", "a\n")
    project.commit()
    project.git("checkout", "-q", "-b", "other")
    project.write("api/b.py", "theirs\n")
    project.commit()
    project.git("checkout", "-q", "main")
    project.write("api/b.py", "ours\n")
    project.commit()
    project.git("merge", "-q", "other", ok=False)
    shadow = await opened(project.root / "web")
    assert await texts(shadow, await shadow.snapshot()) == {"a.ts": b"a\n"}


async def test_empty_sub_folder(project, opened: Open) -> None:
    project.write("a.py", "a\n")
    project.commit()
    (project.root / "new").mkdir()
    shadow = await opened(project.root / "new")
    assert await texts(shadow, await shadow.snapshot()) == {}
    assert await texts(shadow, await shadow.snapshot({"x.py": "x\n"})) == {"x.py": b"x\n"}


async def test_linked_worktrees_share_a_shadow(project, tmp_path: Path, opened: Open) -> None:
    project.write("a.py", "a\n")
    project.commit()
    linked = tmp_path / "home" / "linked"
    project.git("worktree", "add", "-q", "-b", "side", str(linked))
    (linked / "a.py").write_text("side\n")
    here, there = await opened(project.root), await opened(linked)
    one, two = await asyncio.gather(here.snapshot(), there.snapshot())
    assert (one.branch, two.branch) == ("main", "side")
    assert await texts(there, one) == {"a.py": b"a\n"}
    assert await texts(here, two) == {"a.py": b"side\n"}
    await here.keep(12, [one.commit])
    await there.keep(12, [two.commit])
    await here.forget(12)
    assert [ref.split("/")[-1] for ref in _refs(here) if "/tasks/" in ref] == [two.commit]


async def test_inherited_git_variables_change_nothing(
    project, tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = type(project)(tmp_path / "other").init()
    project.write("a.py", "a\n")
    project.commit()
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.root / "index"))
    shadow = await opened(project.root)
    assert await texts(shadow, await shadow.snapshot()) == {"a.py": b"a\n"}
    assert not (other.root / "index").exists()


async def test_no_hook_and_no_monitor_of_the_project_runs(project, tmp_path: Path, opened: Open) -> None:
    project.write("a.py", "a\n")
    project.commit()
    witness = tmp_path / "witness"
    for hook in ("post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc"):
        script = project.write(f".git/hooks/{hook}", f"#!/bin/sh\necho {hook} >> {witness}\n")
        script.chmod(0o755)
    monitor = project.write("monitor", f"#!/bin/sh\necho monitor >> {witness}\n")
    monitor.chmod(0o755)
    project.git("config", "core.fsmonitor", str(monitor))
    project.write("a.py", "b\n")
    await (await opened(project.root)).snapshot({"c.py": "c\n"})
    assert not witness.exists()


async def test_git_inside_the_project_is_never_run(
    project, tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = tmp_path / "witness"
    project.write("bin/git", f"#!/bin/sh\ntouch {witness}\n").chmod(0o755)
    project.write("a.py", "a\n")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "git").symlink_to(project.root / "bin" / "git")
    path = os.environ["PATH"]
    project.commit()
    monkeypatch.setenv("PATH", f"{project.root / 'bin'}:.:bin:{tmp_path / 'links'}:{path}")
    shadow = await opened(project.root)
    assert "a.py" in await texts(shadow, await shadow.snapshot())
    assert not witness.exists()


async def test_folder_without_git(tmp_path: Path, project, opened: Open) -> None:
    folder = type(project)(tmp_path / "home" / "plain")
    folder.write("src/a.py", b"one\r\n")
    folder.write("node_modules/left/pad.js", "x\n")
    folder.write(".env", "secret\n")
    folder.write("huge.bin", b"")
    with (folder.root / "huge.bin").open("r+b") as file:
        file.truncate(11 * 1024 * 1024)
    before = contents_of(folder.root)
    shadow = await opened(folder.root)
    snapshot = await shadow.snapshot({"src/a.py": "one\ntwo\n"})
    assert await texts(shadow, snapshot) == {"src/a.py": b"one\r\ntwo\r\n"}
    assert snapshot.base == ""
    assert set(reasons(snapshot)) == {"node_modules/", ".env", "huge.bin"}
    assert contents_of(folder.root) == before
    (folder.root / "src/a.py").unlink()
    folder.write("b.py", "b\n")
    assert await texts(shadow, await shadow.snapshot()) == {"b.py": b"b\n"}


async def test_a_folder_that_becomes_a_repository(tmp_path: Path, project, opened: Open) -> None:
    folder = type(project)(tmp_path / "home" / "plain")
    folder.write("a.py", "a\n")
    shadow = await opened(folder.root)
    await shadow.snapshot()
    folder.init()
    folder.write(".gitignore", "b.py\n")
    folder.write("b.py", "b\n")
    folder.commit()
    assert set(await texts(shadow, await shadow.snapshot())) == {"a.py", ".gitignore"}
    shutil.rmtree(folder.root / ".git")
    assert set(await texts(shadow, await shadow.snapshot())) == {"a.py", ".gitignore"}


async def test_a_project_ignored_by_a_repository_around_it(project, opened: Open) -> None:
    """A home folder under git that ignores everything must not make every project in it empty."""
    project.write(".gitignore", "/*\n!.gitignore\n")
    project.commit()
    project.write("code/a.py", "a\n")
    shadow = await opened(project.root / "code")
    assert await texts(shadow, await shadow.snapshot()) == {"a.py": b"a\n"}


async def test_home_and_the_whole_machine_are_refused(person: Path, tmp_path: Path) -> None:
    for root in (Path("/"), person, person.parent, tmp_path / "missing"):
        with pytest.raises(Refused) as refused:
            await Shadow.open(tmp_path / "state" / "shadow.git", root)
        assert refused.value.sentence.endswith(".")


async def test_a_folder_that_vanishes_is_refused(project, opened: Open) -> None:
    shadow = await opened(project.root)
    shutil.rmtree(project.root)
    with pytest.raises(Refused):
        await shadow.snapshot()


async def test_head_changes_with_commits_branches_and_the_index(project) -> None:
    project.write("a.py", "a\n")
    seen = [head(project.root)]
    commit = project.commit()
    seen.append(head(project.root))
    assert (seen[-1].commit, seen[-1].branch) == (commit, "main")
    project.git("checkout", "-q", "-b", "feature/x")
    project.git("pack-refs", "--all")
    seen.append(head(project.root))
    assert (seen[-1].commit, seen[-1].branch) == (commit, "feature/x")
    project.write("b.py", "b\n")
    project.git("add", "b.py")
    seen.append(head(project.root))
    project.git("checkout", "-q", "--detach")
    seen.append(head(project.root))
    assert (seen[-1].commit, seen[-1].branch) == (commit, "")
    assert len(set(seen)) == len(seen)
    assert head(project.root / "deeper") == seen[-1]


async def test_what_changed_since_the_key_press_is_listed(project, opened: Open) -> None:
    for name in ("a.py", "b.py", "c.py", "d.py"):
        project.write(name, "x\n")
    project.commit()
    project.write("a.py", "edited before\n")
    pressed = head(project.root)
    shadow = await opened(project.root)
    await shadow.snapshot()
    moment = project.write("marker", "x\n").stat().st_ctime_ns / 1e9
    while project.write("marker", "x\n").stat().st_ctime_ns / 1e9 <= moment:
        pass
    (project.root / "marker").unlink()
    project.write("b.py", "edited after\n")
    project.write("d.py", "edited after\n")
    (project.root / "c.py").unlink()
    snapshot = await shadow.snapshot({"d.py": "what they typed\n"}, since=moment, head=pressed)
    assert snapshot.changed_since == ("b.py", "c.py")
    project.git("commit", "-qam", "everything")
    moved = await shadow.snapshot(head=pressed)
    assert set(moved.changed_since) == {"a.py", "b.py", "c.py", "d.py"}


def contents_of(root: Path) -> dict[str, tuple[int, int, bytes]]:
    found: dict[str, tuple[int, int, bytes]] = {}
    for parent, _, names in os.walk(root):
        for name in names:
            path = Path(parent, name)
            status = path.lstat()
            data = path.read_bytes() if stat.S_ISREG(status.st_mode) else os.fsencode(os.readlink(path))
            found[str(path.relative_to(root))] = (status.st_mode, status.st_mtime_ns, data)
    return found


def _refs(shadow: Shadow) -> list[str]:
    done = subprocess.run(
        ["git", "--git-dir", shadow.folder, "for-each-ref", "--format=%(refname)"], capture_output=True, check=True
    )
    return done.stdout.decode().split()


@pytest.mark.slow
async def test_sixty_four_at_once(project, opened: Open) -> None:
    for number in range(300):
        project.write(f"src/{number // 20}/{number}.py", f"{number}\n" * 20)
    project.commit()
    shadow = await opened(project.root)
    random.seed(3)
    asked = [{f"src/0/{random.randrange(20)}.py": f"typed {turn}\n"} for turn in range(64)]
    made = await asyncio.gather(*(shadow.snapshot(frozen) for frozen in asked))
    for frozen, snapshot in zip(asked, made, strict=True):
        [(path, text)] = frozen.items()
        assert await shadow.file_at(snapshot.commit, path) == (0o100644, text.encode())
