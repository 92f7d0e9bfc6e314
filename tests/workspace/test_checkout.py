"""Real files for commands, and what comes back from them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backburner.workspace import folders
from backburner.workspace.checkout import IDLE, MARKER, Checkout, leftovers, materialise, remove_leftover
from backburner.workspace.removing import remove
from backburner.workspace.shadow import Shadow
from backburner.workspace.tree import Workspace

Make = Callable[[], Awaitable[Workspace]]


@pytest.fixture
def workspace_of(project, opened, tmp_path: Path) -> Make:
    async def make() -> Workspace:
        shadow: Shadow = await opened(project.root)
        trees = tmp_path / "state" / "trees"
        return await Workspace.open(shadow, await shadow.snapshot(), project.root, trees, run="12.2")

    return make


def act(checkout: Checkout, script: str) -> None:
    """What a command would do, without a sandbox."""
    checkout.ran = True
    subprocess.run(["sh", "-ec", script], cwd=checkout.files, check=True, capture_output=True)


def on_disk(checkout: Checkout) -> set[str]:
    found = {str(path.relative_to(checkout.files)) for path in checkout.files.rglob("*") if not path.is_dir()}
    return found - {".git"}


async def test_the_files_are_those_of_the_workspace(project, workspace_of: Make) -> None:
    project.write("run.sh", "ls\n").chmod(0o755)
    project.write("src/a.py", "a\n")
    (project.root / "link").symlink_to("src/a.py")
    project.write(os.fsdecode(b"caf\xe9"), "odd\n")
    workspace = await workspace_of()
    workspace.write("src/a.py", b"A\n")
    workspace.write("new/b.py", b"b\n")
    checkout = await materialise(workspace)
    assert on_disk(checkout) == {"run.sh", "src/a.py", "link", os.fsdecode(b"caf\xe9"), "new/b.py"}
    assert (checkout.files / "src/a.py").read_bytes() == b"A\n"
    assert os.access(checkout.files / "run.sh", os.X_OK)
    assert os.readlink(checkout.files / "link") == "src/a.py"
    workspace.write("new/b.py", None)
    workspace.write("c.py", b"c\n")
    assert await materialise(workspace) is checkout
    assert on_disk(checkout) == {"run.sh", "src/a.py", "link", os.fsdecode(b"caf\xe9"), "c.py"}


async def test_what_a_command_changed_comes_back(project, workspace_of: Make) -> None:
    project.write(".gitignore", "*.log\n")
    for name in ("edited.py", "gone.py", "run.py", "kept.py"):
        project.write(name, "x\n")
    workspace = await workspace_of()
    workspace.write("kept.py", b"by tool\n")
    checkout = await materialise(workspace)
    act(
        checkout,
        "echo more >> edited.py; rm gone.py; chmod +x run.py; mkdir d; echo n > d/new.py; echo l > x.log;"
        "ln -s /etc/passwd out; mkdir __pycache__; echo p > __pycache__/a.pyc; echo k > .env",
    )
    await checkout.collect()
    assert await workspace.read("edited.py") == b"x\nmore\n"
    assert await workspace.read("gone.py") is None
    assert await workspace.mode("run.py") == folders.EXECUTABLE
    assert await workspace.read("d/new.py") == b"n\n"
    assert await workspace.read(".env") == b"k\n"
    assert {changed.path for changed in await workspace.changes()} == {
        *("edited.py", "gone.py", "run.py", "kept.py", "d/new.py", "out", ".env"),
    }
    proposal, problems = await workspace.proposal("1.1")
    assert {file.path for file in proposal.files} == {
        *("edited.py", "gone.py", "run.py", "kept.py", "d/new.py", ".env"),
    }
    assert problems == ("left out out: a link cannot be proposed",)


async def test_line_ends_go_out_and_come_back_as_the_project_says(project, workspace_of: Make) -> None:
    project.write(".gitattributes", "*.bat text eol=crlf\n*.u16 working-tree-encoding=UTF-16LE-BOM\n")
    project.write("a.bat", b"one\r\n")
    project.write("b.txt", b"one\r\n")
    project.write("c.u16", "\ufeffeins\n".encode("utf-16-le"))
    workspace = await workspace_of()
    assert await workspace.read("a.bat") == b"one\n"
    checkout = await materialise(workspace)
    assert (checkout.files / "a.bat").read_bytes() == b"one\r\n"
    assert (checkout.files / "b.txt").read_bytes() == b"one\r\n"
    assert (checkout.files / "c.u16").read_bytes() == "\ufeffeins\n".encode("utf-16-le")
    act(checkout, "printf 'two\\r\\n' >> a.bat; touch b.txt")
    await checkout.collect()
    assert [(changed.path) for changed in await workspace.changes()] == ["a.bat"]
    assert await workspace.read("a.bat") == b"one\ntwo\n"


async def test_a_trial_leaves_nothing(project, workspace_of: Make) -> None:
    project.write(".gitignore", "build/\n")
    project.write("a.py", "a\n")
    workspace = await workspace_of()
    checkout = await materialise(workspace)
    act(checkout, "echo x > a.py; mkdir -p build deep/er; echo c > build/cache; echo j > deep/er/junk; git init -q sub")
    checkout = await materialise(workspace)
    assert (checkout.files / "a.py").read_bytes() == b"a\n"
    assert not (checkout.files / "deep/er/junk").exists()
    assert not (checkout.files / "sub/.git").exists()
    assert (checkout.files / "build/cache").exists()
    await checkout.collect()
    assert await workspace.changes() == ()


async def test_a_directory_used_again_holds_nothing_of_the_run_before(project, workspace_of: Make) -> None:
    project.write(".gitignore", "build/\n")
    project.write("a.py", "a\n")
    first = await workspace_of()
    checkout = await materialise(first)
    act(
        checkout,
        "echo x > a.py; mkdir -p build/deep; echo evil > build/deep/x; chmod 0 build; rm .git; mkdir .git; touch .git/x;"
        f"echo hook > {checkout.git_dir}/hook; git init -q nested; ln -s / everything",
    )
    await first.close()
    project.write("b.py", "b\n")
    second = await workspace_of()
    again = await materialise(second)
    assert again is checkout
    assert on_disk(again) == {"a.py", ".gitignore", "b.py"}
    assert (again.files / "a.py").read_bytes() == b"a\n"
    assert not (again.git_dir / "hook").exists()
    assert (again.files / ".git").is_file()


async def test_repositories_that_a_command_made_are_taken_by_hand(project, workspace_of: Make) -> None:
    project.write("a.py", "a\n")
    project.write("dir/tracked.py", "t\n")
    workspace = await workspace_of()
    checkout = await materialise(workspace)
    act(
        checkout,
        "mkdir app; cd app; git init -q; echo m > main.py; mkdir -p src node_modules/x; echo s > src/s.py;"
        "echo d > node_modules/x/d.js; git add .; git -c user.name=a -c user.email=b commit -qm x; cd ..;"
        "cd dir; git init -q; echo n > new.py",
    )
    await checkout.collect()
    assert {changed.path for changed in await workspace.changes()} == {"app/main.py", "app/src/s.py", "dir/new.py"}
    assert await workspace.read("app/src/s.py") == b"s\n"


async def test_nothing_of_the_agents_configuration_runs(project, workspace_of: Make, tmp_path: Path) -> None:
    """Our own git on the agent's tree must not run its monitor, filters, external diff or hooks."""
    project.write("a.py", "a\n")
    workspace = await workspace_of()
    checkout = await materialise(workspace)
    witness = tmp_path / "witness"
    act(
        checkout,
        f"""
        printf '#!/bin/sh\\ntouch {witness}\\ncat\\n' > evil; chmod +x evil
        for where in {checkout.git_dir}/config .gitconfig; do
            printf '[core]\\n fsmonitor = %s\\n hooksPath = hooks\\n' "$PWD/evil" >> $where
            printf '[diff]\\n external = %s\\n' "$PWD/evil" >> $where
            printf '[filter "e"]\\n clean = %s\\n smudge = %s\\n required\\n' "$PWD/evil" "$PWD/evil" >> $where
        done
        mkdir hooks; cp evil hooks/post-index-change; cp evil hooks/post-checkout
        printf '* filter=e diff=e\\n' > .gitattributes
        printf '[submodule "x"]\\n path = x\\n url = ext::%s\\n update = !%s\\n' "$PWD/evil" "$PWD/evil" > .gitmodules
        rm .git; cp -r {checkout.git_dir} .git
        echo b >> a.py
        """,
    )
    await checkout.collect()
    await workspace.proposal("1.1")
    await materialise(workspace)
    await workspace.search("b")
    await workspace.close()
    assert not witness.exists()
    assert await workspace.read("a.py") == b"a\nb\n"


async def test_a_repository_planted_where_a_submodule_belongs_runs_nothing(
    project, workspace_of: Make, tmp_path: Path
) -> None:
    """`git add -u` asks the git of a submodule what changed in it, and that one runs the filters of its configuration."""
    project.write("a.py", "a\n")
    commit = project.commit()
    project.git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib/*sub")
    project.git("commit", "-qm", "a submodule")
    (project.root / "lib/*sub").mkdir(parents=True)
    workspace = await workspace_of()
    checkout = await materialise(workspace)
    witness = tmp_path / "witness"
    act(
        checkout,
        f"""
        mkdir -p 'lib/*sub'; cd 'lib/*sub'; git init -q; echo 1 > f; git add f
        git config filter.e.clean 'touch {witness}; cat'; echo '* filter=e' > .gitattributes
        echo 2 > f; touch -d 2001-01-01 f; echo {commit} > .git/HEAD
        cd "$OLDPWD"; echo b >> a.py; echo new > b.py
        """,
    )
    await checkout.collect()
    assert not witness.exists()
    assert [changed.path for changed in await workspace.changes()] == ["a.py", "b.py"]


@pytest.mark.parametrize("nested", ["", "nest"])
async def test_folders_of_any_depth_are_left_out_and_removed(project, workspace_of: Make, nested: str) -> None:
    """Deeper than Python may call itself, and deeper than a path can say."""
    project.write("a.py", "a\n")
    workspace = await workspace_of()
    checkout = await materialise(workspace)
    place = checkout.place
    deep = "import os\nfor _ in range({}): os.mkdir('d'); os.chdir('d')\nopen('f', 'w')"
    commit = "git -c user.name=x -c user.email=x commit -q --allow-empty -m x"
    act(
        checkout,
        f"""
        test -z "{nested}" || {{ mkdir nest; cd nest; git init -q; {commit}; }}
        python3 -c "{deep.format(3000)}"
        mkdir s; cd s; python3 -c "{deep.format(1500)}"
        cd {checkout.files}; echo b > b.py
        """,
    )
    await checkout.collect()
    proposal, why = await workspace.proposal("1.1")
    assert [file.path for file in proposal.files] == ["b.py"]
    [clause] = why
    assert clause.startswith("left out " + "nest/" * bool(nested) + "s/d/d/")
    assert clause.endswith("…: its path is too long")
    await materialise(workspace)
    await checkout.remove()
    assert not place.exists()


async def test_nothing_outside_the_tree_is_read_or_written(project, workspace_of: Make, tmp_path: Path) -> None:
    project.write("src/a.py", "a\n")
    workspace = await workspace_of()
    checkout = await materialise(workspace)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("theirs\n")
    act(checkout, f"rm -r src; ln -s {outside} src; ln -s {outside}/a.py b.py")
    await checkout.collect()
    assert await workspace.read("src/a.py") is None
    assert await workspace.read("b.py") is None
    workspace.put("src", None)
    workspace.write("src/a.py", b"ours\n")
    await materialise(workspace)
    assert (outside / "a.py").read_text() == "theirs\n"
    assert (checkout.files / "src").is_dir()
    assert not (checkout.files / "src").is_symlink()
    await workspace.close()
    assert (outside / "a.py").read_text() == "theirs\n"


async def test_what_cannot_be_taken_is_said_and_not_taken_for_deleted(project, workspace_of: Make) -> None:
    project.write("a.py", "a\n")
    workspace = await workspace_of()
    checkout = await materialise(workspace)
    act(checkout, "head -c 11000000 /dev/zero > big.bin; mkdir .GIT; echo x > .GIT/config; echo b > b.py")
    await checkout.collect()
    assert {changed.path for changed in await workspace.changes()} == {"b.py"}
    _, problems = await workspace.proposal("1.1")
    assert problems == ("left out big.bin: is larger than 10 MB",)


async def test_the_agents_own_git_works_and_knows_the_history(project, workspace_of: Make) -> None:
    project.write("a.py", "a\n")
    project.write("b.py", "b\n")
    project.commit("The first commit")
    project.write("a.py", "dirty\n")
    workspace = await workspace_of()
    workspace.write("b.py", b"by tool\n")
    checkout = await materialise(workspace)
    objects = os.pathsep.join(
        str(path) for path in (workspace.shadow.folder / "objects", project.root / ".git/objects")
    )

    def git(*arguments: str) -> str:
        env = os.environ | {"GIT_ALTERNATE_OBJECT_DIRECTORIES": objects}
        done = subprocess.run(["git", *arguments], cwd=checkout.files, env=env, capture_output=True, check=True)
        return done.stdout.decode()

    assert git("status", "--porcelain") == " M b.py\n"
    assert "+by tool" in git("diff")
    assert "The first commit" in git("log", "--format=%s")
    git("commit", "-qam", "mine")
    assert project.git("log", "--format=%s", "--all", "--not", "--glob=refs/backburner") == ""
    assert project.git("status", "--porcelain") == "M a.py"


async def test_only_marked_directories_that_nobody_holds_are_removed(
    project, workspace_of: Make, tmp_path: Path
) -> None:
    project.write("a.py", "a\n")
    workspace = await workspace_of()
    checkout = await materialise(workspace)
    trees = workspace.trees
    other = trees / "tree-other"
    other.mkdir()
    (other / "precious").write_text("x")
    link = trees / "tree-link"
    link.symlink_to(tmp_path / "home")
    held = checkout.place
    left = trees / "tree-left"
    left.mkdir()
    (left / MARKER).write_bytes((held / MARKER).read_bytes())
    (left / "files").mkdir()
    (left / "files" / "home").symlink_to(tmp_path / "home")
    assert [(place, marker.run) for place, marker in leftovers(trees)] == [(left, "12.2")]
    assert [remove_leftover(place) for place in (held, other, link, left)] == [False, False, False, True]
    assert sorted(path.name for path in trees.iterdir()) == sorted([held.name, "tree-other", "tree-link"])
    assert project.root.is_dir()


async def used(workspace: Workspace, script: str) -> Checkout:
    """What a run does for each of its commands."""
    checkout = await materialise(workspace)
    act(checkout, script)
    await checkout.collect()
    checkout.leave()
    return checkout


async def test_runs_share_a_directory_in_which_commands_leave_nothing(project, workspace_of: Make) -> None:
    project.write("a.py", "a\n")
    project.write("sub/b.py", "b\n")
    project.commit()
    first, second = await workspace_of(), await workspace_of()
    first.write("a.py", b"first\n")
    first.write("new.py", b"first\n")
    first.write("sub/b.py", None)
    second.write("sub/b.py", b"second\n")
    checkout = await used(first, "test $(cat a.py new.py | grep -c first) = 2; touch a.py; chmod 444 a.py; chmod 500 .")
    modes = "test \"$(stat -c %a . a.py | xargs)\" = '700 644'"
    assert await used(second, f"cat a.py sub/b.py > /dev/null; test ! -e new.py; {modes}") is checkout
    assert await used(first, "test $(cat a.py) = first; test ! -e sub") is checkout
    assert [path.name for path in first.trees.iterdir()] == [checkout.place.name]
    assert [changed.path for changed in await first.changes()] == ["a.py", "new.py", "sub/b.py"]
    assert [changed.path for changed in await second.changes()] == ["sub/b.py"]


async def test_the_agents_git_tells_each_run_its_own_changes(project, workspace_of: Make) -> None:
    for name in ("a.py", "b.py", "c.py"):
        project.write(name, "x\n")
    project.commit()
    first, second = await workspace_of(), await workspace_of()
    first.write("a.py", b"first\n")
    first.write("b.py", None)
    first.write("new.py", b"first\n")
    second.write("c.py", b"second\n")
    directory = await used(first, "true")
    assert await used(second, "true") is directory
    checkout = await materialise(second)
    objects = second.shadow.folder / "objects"
    act(checkout, f"export GIT_ALTERNATE_OBJECT_DIRECTORIES={objects}; test \"$(git status --porcelain)\" = ' M c.py'")


@pytest.mark.parametrize(
    "script",
    [
        "mkdir -p build; echo made > build/out",
        "mkdir empty",
        "git config user.name Other",
        "git add -A; git stash -q || git commit -q --allow-empty -m mine",
        "rm .git; ln -s /etc .git",
        "echo more >> a.py",
        "echo made > untracked.py",
        "chmod +x a.py",
        "git init -q nested",
    ],
)
async def test_a_directory_in_which_a_command_left_something_stays_with_its_run(
    project, workspace_of: Make, script: str
) -> None:
    project.write(".gitignore", "build/\n")
    project.write("a.py", "a\n")
    project.commit()
    first, second = await workspace_of(), await workspace_of()
    kept = await used(first, f"export GIT_ALTERNATE_OBJECT_DIRECTORIES={first.shadow.folder}/objects; {script}")
    other = await used(second, "test -z \"$(ls -A | grep -v -e '^.git$' -e '^.gitignore$' -e '^a.py$')\"; test -f .git")
    assert other is not kept
    assert await materialise(first) is kept


async def test_closing_gives_the_directories_back(project, workspace_of: Make) -> None:
    project.write("a.py", "a\n")
    workspaces = [await workspace_of() for _ in range(IDLE + 2)]
    for workspace in workspaces:
        await materialise(workspace)
    trees = workspaces[0].trees
    assert len(list(trees.iterdir())) == IDLE + 2
    for workspace in workspaces:
        await workspace.close()
    assert len(list(trees.iterdir())) == IDLE
    for _ in workspaces:
        await workspaces[0].shadow.close()
    assert list(trees.iterdir()) == []


def test_removing_deep_wide_and_locked_folders(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    os.chdir(top)
    try:
        for _ in range(3000):
            os.mkdir("deeper")
            os.chdir("deeper")
    finally:
        os.chdir("/")
    for number in range(500):
        (top / f"wide{number}" / "x").mkdir(parents=True)
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    (top / "link").symlink_to(kept)
    (top / "wide1" / "x").chmod(0)
    (top / "wide1").chmod(0)
    remove(top)
    assert not top.exists()
    assert (kept / "file").exists()
    remove(top)


async def test_ignore_rules_from_outside_the_root_count(project, opened, tmp_path: Path, person: Path) -> None:
    (person / ".gitconfig").open("a").write("[core]\n\texcludesFile = ~/ignored\n")
    (person / "ignored").write_text("*.swp\n")
    project.write(".gitignore", "dist/\n/web/out/\n/api/\n")
    project.write("web/a.ts", "a\n")
    project.commit()
    shadow = await opened(project.root / "web")
    workspace = await Workspace.open(shadow, await shadow.snapshot(), project.root / "web", tmp_path / "trees")
    checkout = await materialise(workspace)
    act(checkout, "mkdir dist out api; for f in dist/x out/x api/x a.swp new.ts; do echo x > $f; done")
    await checkout.collect()
    assert {changed.path for changed in await workspace.changes()} == {"api/x", "new.ts"}
