"""A workspace is the snapshot and what an agent changed, without a file on disk."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backburner.lib.files import OutsideRoot
from backburner.model.anchor import text_id
from backburner.model.result import Changed, FileChange, Proposal
from backburner.workspace import folders
from backburner.workspace.folders import Entry
from backburner.workspace.shadow import Shadow
from backburner.workspace.tree import Workspace

Make = Callable[..., Awaitable[Workspace]]


@pytest.fixture
def workspace_of(project, opened, tmp_path: Path) -> Make:
    async def make(**files: str | bytes) -> Workspace:
        for path, data in files.items():
            project.write(path.replace("__", "/").replace("_py", ".py").replace("_txt", ".txt"), data)
        shadow: Shadow = await opened(project.root)
        return await Workspace.open(shadow, await shadow.snapshot(), project.root, tmp_path / "state" / "trees")

    return make


def by_path(proposal: Proposal) -> dict[str, FileChange]:
    return {file.path: file for file in proposal.files}


async def text(workspace: Workspace, identity: str | None) -> str | None:
    return None if identity is None else await workspace.shadow.get_text(identity)


async def test_writes_are_read_listed_and_found_again(workspace_of: Make) -> None:
    workspace = await workspace_of(a_py="alpha\n", src__b_py="beta\n", src__c_txt="gamma\n")
    assert await workspace.list() == ("a.py", "src/")
    assert await workspace.list("src") == ("b.py", "c.txt")
    workspace.write("src/new/d.py", b"delta alpha\n")
    workspace.write("src/b.py", b"BETA\n")
    workspace.write("src/c.txt", None)
    assert await workspace.read("src/new/d.py") == b"delta alpha\n"
    assert await workspace.read("src/b.py") == b"BETA\n"
    assert await workspace.read_base("src/b.py") == b"beta\n"
    assert await workspace.read("src/c.txt") is None
    assert await workspace.list("src/") == ("b.py", "new/")
    assert await workspace.glob("*.py") == ("a.py", "src/b.py", "src/new/d.py")
    assert await workspace.glob("src/**/*.py") == ("src/b.py", "src/new/d.py")
    assert await workspace.glob("src/**") == ("src/b.py", "src/new/d.py")
    hits = await workspace.search("al.ha$")
    assert [(hit.path, hit.line, hit.text) for hit in hits] == [
        ("a.py", 1, "alpha"),
        ("src/new/d.py", 1, "delta alpha"),
    ]
    assert [hit.path for hit in await workspace.search("a", "src/**/*.py")] == ["src/new/d.py"]
    assert [hit.path for hit in await workspace.search("alpha", "a.py")] == ["a.py"]
    assert await workspace.search("gamma") == ()


async def test_reading_what_is_not_there(workspace_of: Make) -> None:
    workspace = await workspace_of(a_py="a\n")
    assert await workspace.read("b.py") is None
    assert await workspace.mode("b.py") is None
    assert await workspace.list("nowhere") == ()
    assert await workspace.read("a.py/deeper") is None
    for path in ("../a.py", "/etc/passwd", ".git/config", "src/.GIT/hooks/x"):
        with pytest.raises(OutsideRoot):
            await workspace.read(path)
        with pytest.raises(OutsideRoot):
            workspace.write(path, b"x")


async def test_patterns_that_cannot_be_used_are_refused(workspace_of: Make) -> None:
    workspace = await workspace_of(a_py="a" * 60 + "!\n")
    for pattern in ("(", "[", "(a+)+$"):
        with pytest.raises(ValueError, match=r"\w"):
            await workspace.search(pattern)


async def test_search_understands_letters_beyond_ascii(workspace_of: Make) -> None:
    workspace = await workspace_of(a_py="café!\n")
    assert [hit.text for hit in await workspace.search("^caf.!$")] == ["café!"]


async def test_links_are_followed_inside_and_never_written_through(project, workspace_of: Make) -> None:
    (project.root / "inside").symlink_to("src")
    (project.root / "outside").symlink_to("/etc")
    (project.root / "above").symlink_to("../secret")
    (project.root / "circle").symlink_to("circle")
    workspace = await workspace_of(src__a_py="a\n")
    assert await workspace.read("inside/a.py") == b"a\n"
    assert await workspace.list("inside") == ("a.py",)
    for path in ("outside/hostname", "above", "circle", "circle/x"):
        assert await workspace.read(path) is None
    for path in ("inside/a.py", "inside", "outside/x", "src", "src/a.py/x"):
        with pytest.raises(OutsideRoot):
            workspace.write(path, b"x")


async def test_changes_can_be_restored_in_another_workspace(project, workspace_of: Make) -> None:
    workspace = await workspace_of(a_py="a\n", b_py="b\n", c_py="c\n")
    workspace.write("a.py", b"A\n")
    workspace.write("b.py", None)
    workspace.write("run.sh", b"ls\n", folders.EXECUTABLE)
    workspace.write("c.py", b"C\n")
    workspace.write("c.py", b"c\n")
    changes = await workspace.changes()
    assert [(changed.path, changed.blob is None, changed.mode) for changed in changes] == [
        ("a.py", False, 0o100644),
        ("b.py", True, 0o100644),
        ("c.py", False, 0o100644),
        ("run.sh", False, 0o100755),
    ]
    other = await Workspace.open(workspace.shadow, workspace.snapshot, project.root, workspace.trees)
    other.write("dropped.py", b"x")
    await other.restore(changes)
    assert await other.read("a.py") == b"A\n"
    assert await other.read("b.py") is None
    assert await other.mode("run.sh") == 0o100755
    assert await other.read("dropped.py") is None
    assert await other.tree() == await workspace.tree()
    await other.restore(())
    assert await other.tree() == await workspace.shadow.git.line("rev-parse", workspace.snapshot.commit + "^{tree}")


async def test_a_file_may_become_a_folder_and_a_folder_a_file(workspace_of: Make) -> None:
    workspace = await workspace_of(a_py="a\n", src__b_py="b\n")
    workspace.write("a.py", None)
    workspace.write("a.py/x.py", b"x\n")
    workspace.write("src/b.py", None)
    assert await workspace.list() == ("a.py/",)
    workspace.write("src", b"now a file\n")
    assert await workspace.list() == ("a.py/", "src")
    proposal, problems = await workspace.proposal("1.1")
    assert problems == ()
    assert {"a.py/x.py", "src"} <= set(by_path(proposal))


async def test_the_tree_is_the_one_that_git_would_make(project, workspace_of: Make) -> None:
    """Names sort as git sorts them: a folder as if it ended with a slash."""
    workspace = await workspace_of(a_txt="1", a__b="2", a0="3")
    workspace.write("a-b", b"4")
    workspace.write("deep/er/x", b"5", folders.EXECUTABLE)
    workspace.write("a/b", None)
    tree = await workspace.tree()
    await workspace.shadow.git.run("fsck", "--strict", tree)
    project.write("a-b", "4")
    project.write("deep/er/x", "5").chmod(0o755)
    (project.root / "a/b").unlink()
    assert await workspace.shadow.git.line("rev-parse", (await workspace.shadow.snapshot()).commit + "^{tree}") == tree


async def test_proposal_has_base_and_proposed_text_of_each_file(workspace_of: Make) -> None:
    workspace = await workspace_of(a_py="one\ntwo\nthree\n", b_py="b\n", same_py="same\n")
    workspace.write("a.py", b"one\n2\nthree\nfour\n")
    workspace.write("b.py", None)
    workspace.write("new.py", b"new\n", folders.EXECUTABLE)
    workspace.write("same.py", b"same\n")
    proposal, problems = await workspace.proposal("12.2")
    assert problems == ()
    files = by_path(proposal)
    assert list(files) == ["a.py", "b.py", "new.py"]
    edited = files["a.py"]
    assert edited.base_id == text_id("one\ntwo\nthree\n")
    assert await text(workspace, edited.proposed_id) == "one\n2\nthree\nfour\n"
    assert [hunk.id for hunk in edited.hunks] == ["12.2/a.py:1", "12.2/a.py:2"]
    assert (edited.added, edited.removed) == (2, 1)
    assert (files["b.py"].proposed_id, files["b.py"].hunks[0].kind) == (None, "delete")
    assert (files["new.py"].base_id, files["new.py"].mode) == (None, 0o100755)
    assert await text(workspace, files["new.py"].proposed_id) == "new\n"


async def test_renames_modes_and_binaries_in_a_proposal(workspace_of: Make) -> None:
    body = "".join(f"line {number}\n" for number in range(30))
    workspace = await workspace_of(old_py=body, run_py="ls\n", image=b"\0\1\2", gone=b"\0\3")
    workspace.write("old.py", None)
    workspace.write("src/new.py", body.replace("line 7\n", "line seven\n").encode())
    workspace.write("run.py", b"ls\n", folders.EXECUTABLE)
    workspace.write("image", b"\0\1\2\3")
    workspace.write("gone", None)
    proposal, problems = await workspace.proposal("1.1")
    assert problems == ()
    files = by_path(proposal)
    assert set(files) == {"src/new.py", "run.py", "image", "gone"}
    moved = files["src/new.py"]
    assert (moved.renamed_from, [hunk.kind for hunk in moved.hunks]) == ("old.py", ["rename", "edit"])
    assert (moved.added, moved.removed) == (1, 1)
    assert [hunk.kind for hunk in files["run.py"].hunks] == ["mode"]
    assert (files["run.py"].base_mode, files["run.py"].mode) == (0o100644, 0o100755)
    assert files["image"].binary
    assert [hunk.kind for hunk in files["image"].hunks] == ["binary"]
    assert await workspace.shadow.get(files["image"].proposed_id or "") == b"\0\1\2\3"
    assert files["gone"].proposed_id is None


@pytest.mark.parametrize(
    "data",
    [
        b"one\r\ntwo\r\n",
        "eins\nzwei\n".encode("utf-16"),
        b"\xef\xbb\xbfbom\n",
        b"no end",
    ],
)
async def test_proposals_are_about_text_not_about_line_ends(workspace_of: Make, data: bytes) -> None:
    """An agent that writes LF and no mark into such a file has not changed it."""
    from backburner.model.text import decode

    workspace = await workspace_of(a_py=data)
    decoded = decode(data)
    assert decoded is not None
    workspace.write("a.py", decoded.text.encode())
    assert await workspace.proposal("1.1") == (Proposal(()), ())
    workspace.write("a.py", (decoded.text + "more\n").encode())
    [file] = (await workspace.proposal("1.1"))[0].files
    assert file.base_id == text_id(decoded.text)
    assert file.style == decoded.style


async def test_what_a_proposal_cannot_hold_is_said(workspace_of: Make) -> None:
    workspace = await workspace_of(readme_txt="x\n", src__a_py="a\n")
    shadow = workspace.shadow
    target = await shadow.put_bytes(b"/etc/passwd")
    plain = Entry(folders.FILE, await shadow.put_bytes(b"x"))
    workspace.put("link", Entry(folders.LINK, target))
    workspace.put("sub", Entry(folders.REPOSITORY, workspace.snapshot.commit))
    workspace.put(os.fsdecode(b"caf\xe9"), plain)
    workspace.write("README.txt", b"y\n")
    workspace.write("Src/b.py", b"b\n")
    workspace.put("two\nlines", plain)
    workspace.put("\x1b[2Jred\u202eyp.x", plain)
    workspace.write("kept.py", b"kept\n")
    proposal, problems = await workspace.proposal("1.1")
    assert set(by_path(proposal)) == {"kept.py"}
    assert sorted(problems) == [
        "left out README.txt: on some file systems it is the same as readme.txt",
        "left out Src/b.py: on some file systems it is the same as src",
        "left out \\x1b[2Jred\\u202eyp.x: its name holds control characters",
        "left out caf\\xe9: its name is not UTF-8",
        "left out link: a link cannot be proposed",
        "left out sub: it is a repository of its own",
        "left out two lines: its name holds control characters",
    ]


@pytest.mark.parametrize(
    ("before", "after", "unseen"),
    [
        ("a\n", "a  # \u202e } \u2066if is_admin\n", True),
        ("a\n", "print('\x1b[2J')\n", True),
        ("a\u202e\n", "b\u202e\n", False),
        ("a\u202e\n", "a\n", False),
        ("a\n", "\tcaf\xe9 \u05d0 \U0001f469\u200d\U0001f4bb\n", False),
    ],
)
async def test_characters_that_hide_what_a_text_says_are_noticed(
    workspace_of: Make, before: str, after: str, unseen: bool
) -> None:
    workspace = await workspace_of(a_py=before)
    workspace.write("a.py", after.encode())
    [file] = (await workspace.proposal("1.1"))[0].files
    assert file.unseen is unseen


@pytest.mark.parametrize("path", ["d/" * 600 + "f", "n" * 256, "a\nb", "\x1b[2J", "a\u202eyp.b", "\udcff"])
async def test_a_path_that_could_not_be_shown_or_made_is_refused(workspace_of: Make, path: str) -> None:
    workspace = await workspace_of(a_py="a\n")
    with pytest.raises(OutsideRoot):
        workspace.write(path, b"x")
    await workspace.tree()
    assert workspace.changed_paths == ()


async def test_a_rename_by_case_alone_is_refused_but_an_edit_is_not(workspace_of: Make) -> None:
    workspace = await workspace_of(readme_txt="x\n")
    workspace.write("readme.txt", b"y\n")
    proposal, problems = await workspace.proposal("1.1")
    assert set(by_path(proposal)) == {"readme.txt"}
    assert problems == ()


async def test_hundreds_of_workspaces_share_processes(project, opened, tmp_path: Path) -> None:
    project.write("a.py", "a\n")
    first = await opened(project.root)
    snapshot = await first.snapshot()
    assert await opened(project.root) is first
    workspaces = [
        await Workspace.open(await opened(project.root), snapshot, project.root, tmp_path) for _ in range(100)
    ]
    for number, workspace in enumerate(workspaces):
        workspace.write("a.py", b"%d\n" % number)
    assert [await workspace.read("a.py") for workspace in workspaces] == [b"%d\n" % number for number in range(100)]
    assert workspaces[0].now is not workspaces[1].now


async def test_changed_blob_ids_are_those_of_git(workspace_of: Make) -> None:
    workspace = await workspace_of(a_py="a\n")
    workspace.write("a.py", "é\n".encode())
    assert await workspace.changes() == (Changed(path="a.py", blob=text_id("é\n")),)
