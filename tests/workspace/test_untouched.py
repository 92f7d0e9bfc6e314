"""The person's repository is byte-equal around snapshots, but for the pin of the base commit."""

from __future__ import annotations

import os
import random
import stat
import time
from pathlib import Path

import pytest

from backburner.workspace.git import Git, GitFailed
from backburner.workspace.shadow import Shadow


def everything(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, time and bytes of everything below a folder, `.git` with it; our pins without.

    Of objects no times: git marks one as young when it is asked to write it again, and does not write it.
    """
    found: dict[str, tuple[int, int, bytes]] = {}
    for parent, folders, names in os.walk(root):
        for name in [*folders, *names]:
            path = Path(parent, name)
            short = str(path.relative_to(root))
            status = path.lstat()
            if "refs/backburner" in short or short.endswith(".git/refs"):
                continue
            if stat.S_ISDIR(status.st_mode):
                found[short] = (status.st_mode, status.st_mtime_ns, b"")
            else:
                data = os.fsencode(os.readlink(path)) if stat.S_ISLNK(status.st_mode) else path.read_bytes()
                found[short] = (status.st_mode, 0 if ".git/objects/" in short else status.st_mtime_ns, data)
    return found


class Person:
    """Does what a person does between two snapshots."""

    def __init__(self, project, seed: int) -> None:
        self.project = project
        self.chance = random.Random(seed)

    def files(self) -> list[Path]:
        found = [path for path in self.project.root.rglob("*.txt") if ".git" not in path.parts and path.is_file()]
        return sorted(path for path in found if "lib/sub" not in str(path))

    def act(self) -> None:
        chance, project = self.chance, self.project
        some = chance.choice(self.files())
        match chance.randrange(12):
            case 0 | 1 | 2:
                end = chance.choice([b"\n", b"\r\n"])
                some.write_bytes(some.read_bytes() + b"more %d" % chance.randrange(100) + end)
            case 3:
                project.write(f"new/{chance.randrange(50)}.txt", f"new {chance.random()}\n")
            case 4:
                if len(self.files()) > 5:
                    some.unlink()
            case 5:
                project.git("add", "-A")
            case 6:
                project.git("commit", "-qam", "work", ok=False)
            case 7:
                project.git("stash", ok=False)
            case 8:
                project.git("stash", "pop", ok=False)
            case 9:
                project.git("checkout", "-q", chance.choice(["main", "side"]), ok=False)
            case 10:
                project.git("reset", "-q", ok=False)
            case _:
                (project.root / "lib/sub/s.txt").write_text(f"{chance.random()}\n")


@pytest.fixture
def busy(project, tmp_path: Path):
    """A repository with CRLF rules, a submodule, a linked worktree, a stash, links and a config of its own."""
    other = type(project)(tmp_path / "other").init()
    other.write("s.txt", "s\n")
    other.commit()
    project.write(".gitattributes", "*.crlf text eol=crlf\n")
    project.write("a.crlf", b"one\r\ntwo\r\n")
    for number in range(20):
        project.write(f"src/{number % 4}/{number}.txt", f"{number}\n" * 5)
    (project.root / "link").symlink_to("src")
    project.git("config", "core.autocrlf", "input")
    project.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.root), "lib/sub")
    project.commit("first")
    project.git("branch", "side")
    project.git("worktree", "add", "-q", "-b", "linked", str(tmp_path / "home" / "linked"))
    return project


@pytest.mark.slow
async def test_a_hundred_random_snapshots_change_nothing(busy, opened, tmp_path: Path) -> None:
    linked = type(busy)(tmp_path / "home" / "linked")
    shadows: list[Shadow] = [await opened(busy.root), await opened(linked.root), await opened(busy.root / "src")]
    people = [Person(busy, 1), Person(linked, 2)]
    for turn in range(100):
        people[turn % 2].act()
        frozen = {f"{turn % 4}/{turn % 20}.txt": f"typed {turn}\n", "b.crlf": "typed\n"}
        before = everything(busy.root), everything(linked.root)
        await shadows[turn % 3].snapshot(frozen)
        for now, then in zip((everything(busy.root), everything(linked.root)), before, strict=True):
            assert different(now, then) == set(), f"turn {turn}"


def different(one: dict[str, tuple[int, int, bytes]], other: dict[str, tuple[int, int, bytes]]) -> set[str]:
    return {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)}


async def test_the_only_refs_of_ours_are_pins_of_commits_of_theirs(busy, opened) -> None:
    shadow: Shadow = await opened(busy.root)
    seen: set[str] = set()
    for turn in range(3):
        busy.write("src/a.txt", f"{turn}\n")
        seen.add(busy.commit())
        await shadow.snapshot({"b.txt": f"{turn}\n"})
        await shadow.snapshot({"b.txt": f"{turn} again\n"})
    refs = busy.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/backburner").splitlines()
    assert set(refs) == {f"refs/backburner/base/{commit} {commit}" for commit in seen}
    assert set(busy.git("log", "--all", "--format=%H").split()) == set(
        busy.git("log", "--branches", "--format=%H").split()
    )


@pytest.mark.slow
async def test_ten_thousand_files(project, opened) -> None:
    for number in range(10_000):
        project.write(f"d{number // 100}/f{number}.txt", f"{number}\n" * 20)
    project.commit()
    for number in range(0, 10_000, 500):
        project.write(f"d{number // 100}/f{number}.txt", "changed\n")
    project.write("d3/new.txt", "new\n")
    shadow: Shadow = await opened(project.root)
    await shadow.snapshot()
    before = everything(project.root)
    started = time.perf_counter()
    snapshot = await shadow.snapshot({"d5/f501.txt": "typed\n"})
    took = time.perf_counter() - started
    assert different(everything(project.root), before) == set()
    assert took < 5, "a warm snapshot takes a fraction of a second"
    files = await shadow.list(snapshot.commit)
    assert len(files) == 10_001
    assert await shadow.file_at(snapshot.commit, "d5/f501.txt") == (0o100644, b"typed\n")
    assert await shadow.file_at(snapshot.commit, "d5/f500.txt") == (0o100644, b"changed\n")


async def test_no_git_of_ours_talks_to_another_repository(project, tmp_path: Path) -> None:
    """Whatever the configuration of a repository allows: an older git fetches what is missing of a partial clone."""
    witness = tmp_path / "witness"
    project.git("config", "remote.evil.url", f"ext::sh -c 'touch {witness}'")
    project.git("config", "protocol.ext.allow", "always")
    with pytest.raises(GitFailed, match="not allowed"):
        await Git.find().but(cwd=project.root, sealed=False).run("ls-remote", "evil")
    assert not witness.exists()
