"""What a command can and cannot do. With real bubblewrap; a machine on which it does not work skips the strict part."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backburner.lib import process
from backburner.lib.process import Finished
from backburner.workspace import sandbox, toolchains
from backburner.workspace.checkout import Checkout, materialise
from backburner.workspace.sandbox import Level, Plan, probe, run_command, sandboxed
from backburner.workspace.shadow import Shadow
from backburner.workspace.tree import Workspace

SECRET = "sk-not-a-real-key-but-secret"
Run = Callable[..., Awaitable[Finished]]


@pytest.fixture
async def level() -> Level:
    found = await probe()
    if found.name != "strict":
        pytest.skip(f"no sandbox on this machine: {found.note}")
    return found


@pytest.fixture
async def workspace(project, opened, tmp_path: Path) -> Workspace:
    project.write("a.py", "print('from the snapshot')\n")
    project.write("pyproject.toml", "[project]\n")
    project.write(".gitignore", ".venv/\nnode_modules/\n")
    project.commit()
    shadow: Shadow = await opened(project.root)
    return await Workspace.open(shadow, await shadow.snapshot(), project.root, tmp_path / "home/state/trees")


@pytest.fixture
def run(workspace: Workspace, level: Level) -> Run:
    async def go(command: str | list[str], **more: object) -> Finished:
        checkout = await materialise(workspace)
        argv = ["sh", "-c", command] if isinstance(command, str) else command
        options = {"timeout_s": 20.0, "env": {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}} | more
        return await run_command(checkout, argv, root=workspace.root, level=level, **options)  # type: ignore[arg-type]

    return go


async def test_the_tree_is_seen_at_the_path_of_the_project(run: Run, workspace: Workspace) -> None:
    workspace.write("a.py", b"print('from the agent')\n")
    done = await run(f"pwd; cat a.py {workspace.root}/a.py; echo made > new.txt; ls -a")
    assert done.exit_code == 0
    lines = done.stdout.decode().splitlines()
    assert lines == [
        workspace.root,
        *["print('from the agent')"] * 2,
        *(".", "..", ".git", ".gitignore", "a.py", "new.txt", "pyproject.toml"),
    ]
    checkout = workspace.checkout
    assert isinstance(checkout, Checkout)
    await checkout.collect()
    assert await workspace.read("new.txt") == b"made\n"
    assert not Path(workspace.root, "new.txt").exists()


async def test_installed_dependencies_are_there_and_import_the_agents_files(run: Run, project) -> None:
    """An editable install would otherwise import the person's original, and a passing check would prove nothing."""
    project.write("pkg/__init__.py", "where = 'the original'\n")
    await process.run([sys.executable, "-m", "venv", "--without-pip", str(project.root / ".venv")])
    [site] = (project.root / ".venv/lib").glob("python*/site-packages")
    (site / "editable.pth").write_text(f"{project.root}\n")
    (site / "dependency.py").write_text("version = 7\n")
    done = await run(
        "mkdir pkg; echo \"where = 'the copy'\" > pkg/__init__.py; cd /; "
        f"{project.root}/.venv/bin/python -c 'import pkg, dependency; print(pkg.where, dependency.version)'"
    )
    assert (done.stdout, done.stderr) == (b"the copy 7\n", b"")
    done = await run("echo x > .venv/planted; touch .venv/lib/planted")
    assert done.exit_code != 0
    assert not (project.root / ".venv/planted").exists()


async def test_dependencies_of_a_sub_project_and_links_to_them(run: Run, workspace: Workspace, project) -> None:
    project.write("node_modules/top/x.js", "top\n")
    project.write("web/package.json", "{}\n")
    project.write("elsewhere/lib/y.js", "linked\n")
    (project.root / "web/node_modules").symlink_to(project.root / "elsewhere")
    workspace.write("web/package.json", b"{}\n")
    done = await run("cat node_modules/top/x.js web/node_modules/lib/y.js")
    assert done.stdout == b"top\nlinked\n"


async def test_what_was_made_to_mount_on_is_taken_away(run: Run, workspace: Workspace, project) -> None:
    project.write("node_modules/top/x.js", "top\n")
    project.write("web/package.json", "{}\n")
    project.write("web/node_modules/y.js", "y\n")
    project.write(".pnp.cjs", "p\n")
    workspace.write("web/package.json", b"{}\n")
    assert (await run("cat node_modules/top/x.js web/node_modules/y.js .pnp.cjs")).stdout == b"top\ny\np\n"
    checkout = workspace.checkout
    assert isinstance(checkout, Checkout)
    await checkout.collect()
    assert checkout.is_untouched
    assert project.root.joinpath("web/node_modules/y.js").exists()


async def test_mount_points_are_not_taken_away_through_a_link(run: Run, project, workspace: Workspace) -> None:
    """What a command moved away with a mount in it, and replaced by a link, must not lead us out of the tree."""
    project.write("web/package.json", "{}\n")
    project.write("web/node_modules/y.js", "y\n")
    victim = project.root.parent / "victim"
    (victim / "node_modules").mkdir(parents=True)
    workspace.write("web/package.json", b"{}\n")
    assert (await run(f"mv web moved && ln -s {victim} web")).exit_code == 0
    assert (victim / "node_modules").is_dir()


async def test_a_planted_link_at_a_mount_point_reaches_nothing(run: Run, project, tmp_path: Path) -> None:
    (project.root / ".venv").mkdir()
    victim = tmp_path / "victim"
    await run(f"rm -rf .venv; rmdir .venv; ln -s /oldroot{victim} .venv; ls -ld .venv")
    done = await run("ls -ld .venv")
    assert done.exit_code == 0
    assert not victim.exists()


async def test_a_link_of_the_project_that_a_command_took_away_is_not_followed(level: Level, project, opened) -> None:
    """A project may bring links out of itself under the names that are mounted; only their removal is the command's."""
    documents = project.root.parent / "Documents"
    (documents / "node_modules").mkdir(parents=True)
    for path in ("paper", "node_modules/paper"):
        (documents / path).write_text(SECRET)
    for link, target in (("vendor", "../Documents"), (".pnp.cjs", "../Documents/paper"), ("web", "../Documents")):
        (project.root / link).symlink_to(target)
    project.commit()
    shadow: Shadow = await opened(project.root)
    trees = project.root.parent / "state/trees"
    workspace = await Workspace.open(shadow, await shadow.snapshot(), project.root, trees)
    checkout = await materialise(workspace)
    env = {"PATH": "/usr/bin:/bin"}

    async def go(command: str) -> Finished:
        await materialise(workspace)
        argv = ["sh", "-c", command]
        done = await run_command(checkout, argv, root=workspace.root, timeout_s=20, env=env, level=level)
        await checkout.collect()
        return done

    assert (await go("rm vendor .pnp.cjs web; mkdir web; echo '{}' > web/package.json")).exit_code == 0
    done = await go("cat vendor/paper .pnp.cjs web/node_modules/paper")
    assert (done.stdout, done.stderr.count(b"No such file")) == (b"", 3)


async def test_no_secret_of_the_environment_is_readable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    done = await run("env; cat /proc/*/environ | tr '\\0' '\\n'; cat /proc/1/environ | tr '\\0' '\\n'")
    assert SECRET.encode() not in done.stdout + done.stderr
    assert b"LANG=C.UTF-8" in done.stdout


async def test_homes_state_and_other_projects_are_not_there(run: Run, person: Path, tmp_path: Path, project) -> None:
    (person / ".ssh").mkdir()
    (person / ".ssh/id_rsa").write_text(SECRET)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text(SECRET)
    project.write(".env", SECRET)
    done = await run(
        f"cat {person}/.ssh/id_rsa {person}/.gitconfig {tmp_path}/other/file {project.root}/.env; ls ~ {person}"
    )
    assert SECRET.encode() not in done.stdout
    assert done.stderr.count(b"No such file") == 4
    done = await run("cat /etc/shadow; ls /etc/ssh /root /home | grep -v ':$'")
    assert done.stdout.split() == []


async def test_the_machine_cannot_be_written_to(run: Run, tmp_path: Path) -> None:
    done = await run(
        "for d in / /usr /etc /opt /var; do touch $d/planted 2>/dev/null && echo $d; done; "
        f"touch {tmp_path}/planted; touch /tmp/ok ~/ok && echo home and tmp"
    )
    assert done.stdout == b"home and tmp\n"
    assert not (tmp_path / "planted").exists()


async def test_no_network_and_no_sockets_of_the_machine(run: Run, tmp_path: Path) -> None:
    """A socket in the file system stays connectable when only the network is cut off."""
    paths = [tmp_path / "s", Path("/tmp") / f"backburner-test-{os.getpid()}"]
    listeners: list[socket.socket] = []
    try:
        for path in paths:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen()
            listeners.append(listener)
        tcp = socket.create_server(("127.0.0.1", 0))
        listeners.append(tcp)
        abstract = socket.socket(socket.AF_UNIX)
        name = f"\0backburner-{os.getpid()}"
        abstract.bind(name)
        abstract.listen()
        listeners.append(abstract)
        script = f"""
import socket
for family, address in [(socket.AF_UNIX, {str(paths[0])!r}), (socket.AF_UNIX, {str(paths[1])!r}),
                        (socket.AF_UNIX, {name!r}), (socket.AF_INET, {tcp.getsockname()!r})]:
    try:
        socket.socket(family).connect(address)
        print("reached", address)
    except OSError as error:
        print("refused")
"""
        done = await run(["python3", "-c", script])
        assert done.stdout.split() == [b"refused"] * 4, done.stderr
    finally:
        for listener in listeners:
            listener.close()
        paths[1].unlink(missing_ok=True)


class Witness:
    """A pipe in the tree that every process of a command holds open: its end says that all of them are gone."""

    def __init__(self, checkout: Checkout) -> None:
        path = checkout.files / "witness"
        os.mkfifo(path)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reading, True)
        # Until the first byte there must be a writer, or reading would end at once.
        self._holding = os.open(path, os.O_WRONLY)
        self._file = os.fdopen(reading, "rb")

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._file.read, 1) == b"s"
        os.close(self._holding)

    async def all_gone(self) -> None:
        assert await asyncio.to_thread(self._file.read) == b""
        self._file.close()


FOREVER = "exec 9>witness; setsid sleep 1000 & (setsid setsid sleep 1000 &); printf s >&9; echo begun;"


@pytest.fixture
async def witness(workspace: Workspace) -> Witness:
    return Witness(await materialise(workspace))


async def test_children_in_a_session_of_their_own_end_with_the_command(run: Run, witness: Witness) -> None:
    done = await run(FOREVER)
    assert (done.stdout, done.timed_out) == (b"begun\n", False)
    await witness.begun()
    await witness.all_gone()


async def test_a_time_out_ends_everything(run: Run, witness: Witness) -> None:
    done = await run(FOREVER + "exec sleep 1000", timeout_s=1.5)
    assert (done.stdout, done.timed_out) == (b"begun\n", True)
    await witness.begun()
    await witness.all_gone()


async def test_cancelling_ends_everything(run: Run, witness: Witness) -> None:
    async with asyncio.TaskGroup() as group:
        handle = group.create_task(run(FOREVER + "exec sleep 1000"))
        await witness.begun()
        handle.cancel()
    await witness.all_gone()


async def test_the_death_of_the_worker_ends_everything(workspace: Workspace, level: Level, witness: Witness) -> None:
    """`kill -9` leaves no process behind."""
    checkout = await materialise(workspace)
    plan = Plan(level.program, checkout, Path(workspace.root), {"PATH": "/usr/bin:/bin"}, ())
    argv = sandboxed(plan, ["sh", "-c", FOREVER + "exec sleep 1000"])
    program = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True); sys.stdin.read()"
    parent = subprocess.Popen([sys.executable, "-c", program, *argv], stdin=subprocess.PIPE)  # noqa: ASYNC220
    await witness.begun()
    parent.kill()
    await witness.all_gone()
    parent.communicate()


async def test_output_is_capped_and_exit_codes_come_back(run: Run) -> None:
    done = await run("yes | head -c 1000000; exit 7", output_cap=1000)
    assert done.exit_code == 7
    assert len(done.stdout) < 1100
    assert done.dropped_bytes == 999_000
    with pytest.raises(FileNotFoundError):
        await run(["no-such-program"])


async def test_the_agents_git_works_inside_and_stays_inside(run: Run, workspace: Workspace, project) -> None:
    before = project.git("rev-parse", "HEAD")
    done = await run(
        "echo b >> a.py; git status --porcelain && git log --format=%s && git commit -qam mine && git log --oneline"
    )
    assert done.stderr == b""
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == b" M a.py"
    assert b"change" in done.stdout
    assert project.git("rev-parse", "HEAD") == before
    assert project.git("status", "--porcelain") == ""


async def test_sixteen_commands_at_once(project, opened, level: Level, tmp_path: Path) -> None:
    project.write("a.py", "a\n")
    shadow: Shadow = await opened(project.root)
    snapshot = await shadow.snapshot()

    async def one(number: int) -> bytes | None:
        workspace = await Workspace.open(shadow, snapshot, project.root, tmp_path / "trees")
        checkout = await materialise(workspace)
        await run_command(
            checkout, ["sh", "-c", f"echo {number} > a.py"], root=workspace.root, timeout_s=60, env={}, level=level
        )
        await checkout.collect()
        text = await workspace.read("a.py")
        await workspace.close()
        return text

    assert await asyncio.gather(*map(one, range(16))) == [f"{number}\n".encode() for number in range(16)]
    assert project.root.joinpath("a.py").read_text() == "a\n"


async def test_probing_says_why_nothing_works(tmp_path: Path) -> None:
    assert await probe("/nowhere") == Level("none", "bubblewrap is not installed")
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    fake.chmod(0o755)
    found = await probe(str(tmp_path))
    assert (found.name, found.note) == (
        "none",
        "bubblewrap does not work here (No permissions to create new namespace)",
    )
    assert found.evidence == "may have tested your original"


async def test_without_a_sandbox_programs_are_not_taken_from_the_project(
    workspace: Workspace, project, tmp_path: Path
) -> None:
    project.write("bin/tool", "#!/bin/sh\necho theirs\n").chmod(0o755)
    checkout = await materialise(workspace)
    bare, env = Level("none", "said so"), {"PATH": f"{project.root}/bin:{os.environ['PATH']}"}

    async def go(*argv: str) -> Finished:
        return await run_command(checkout, argv, root=workspace.root, timeout_s=20, env=env, level=bare)

    with pytest.raises(FileNotFoundError):
        await go("tool")
    done = await go("sh", "-c", "pwd; git status --porcelain; echo x >> a.py; echo $HOME")
    assert done.stdout.decode().splitlines() == [str(checkout.files), os.environ["HOME"]]
    await checkout.collect()
    assert [changed.path for changed in await workspace.changes()] == ["a.py"]


async def test_an_ordinary_user_gets_the_same(workspace: Workspace, level: Level, project) -> None:
    """The sandbox must not lean on the rights of root."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("for another user: the other tests run as an ordinary user already")
    checkout = await materialise(workspace)
    plan = Plan(level.program, checkout, Path(workspace.root), {"PATH": "/usr/bin:/bin"}, ())
    argv = sandboxed(plan, ["sh", "-c", "cat a.py; echo x > new; id -u; touch /etc/x 2>&1"])
    for path in (checkout.place, *checkout.place.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    above = checkout.place.parent
    while above != Path("/"):
        if not above.stat().st_mode & 0o001:
            os.chmod(above, above.stat().st_mode | 0o011)
        above = above.parent
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = await process.run([*become, *argv], env=plan.environment(), cwd="/")
    assert done.stdout.splitlines()[:2] == [b"print('from the snapshot')", b"65534"], done.stderr
    assert b"Read-only" in done.stdout or b"denied" in done.stdout
    assert (checkout.files / "new").exists()


def test_what_is_never_shown(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "home" / "project"
    for place in (".ssh/bin", ".config/tool/bin", ".pyenv/versions/3/bin", ".local/bin", "project/bin", "plain/bin"):
        (home / place).mkdir(parents=True)
    (home / ".pyenv/versions/3/lib").mkdir()
    (home / "sneaky").symlink_to(home / ".ssh")
    path = ":".join(str(home / entry) for entry in (
        *(".ssh/bin", ".config/tool/bin", ".pyenv/versions/3/bin", ".local/bin", "project/bin", "plain/bin"),
        *("sneaky", "missing"),
    ))  # fmt: skip
    shown = toolchains.readable({"PATH": f"{path}:relative:{home}:/"}, home, root, ())
    assert {str(one.relative_to(home)) for one in shown} == {
        *(".pyenv", ".pyenv/versions/3/bin", ".pyenv/versions/3", ".local/bin", "plain/bin"),
    }


def test_limits_fit_those_of_the_machine() -> None:
    assert all(re.fullmatch(r"--\w+=\d+:\d+", limit) for limit in sandbox._limits())
