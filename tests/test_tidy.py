"""The rules of the house that a machine can check: who may import whom, how long a file may be, what may not be written.

Fails with the offending line. Each rule is one small function over the syntax trees of `server/backburner`.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SERVER = ROOT / "server" / "backburner"
MODULES = sorted(SERVER.rglob("*.py"))

MAY_IMPORT: dict[str, set[str]] = {
    "lib": set(),
    "model": {"lib"},
    "store": {"lib", "model"},
    "workspace": {"lib", "model"},
    "providers": {"lib", "model"},
    "review": {"lib", "model"},
    "agent": {"lib", "model", "workspace", "providers", "store.settings"},
    "worker": {"lib", "model", "workspace", "providers", "agent", "store.settings", "store.paths"},
    "engine": {"lib", "model", "store", "workspace", "review"},
    "lsp": {"lib", "model", "store", "workspace", "review", "engine"},
    "cli": {"lib", "model", "store.paths"},
}
ONLY_IN: dict[str, tuple[str, ...]] = {
    "pygls": ("lsp/",),
    "lsprotocol": ("lsp/",),
    "cattrs": ("lsp/",),
    "anthropic": ("providers/anthropic",),
    "openai": ("providers/openai_responses", "providers/chat_completions", "providers/openai_"),
    "sqlite3": ("store/",),
    "watchfiles": ("workspace/watch.py",),
    "subprocess": ("lib/process.py",),
    "uuid": ("lib/clock.py", "engine/"),
    "random": ("lib/clock.py", "engine/"),
    "rich": ("cli/",),
}
LAZY = ("anthropic", "openai", "genai_prices", "acp", "rich", "keyring")
"""Slow to import: only inside a function."""
NO_ASYNCIO = ("model/", "review/")
CLOCKS = ("lib/clock.py", "engine/")


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in MODULES:
        yield path.relative_to(SERVER).as_posix(), ast.parse(path.read_text(), path.name)


def imports(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Line, module, and whether it stands at the top level (not inside a function, not for types only)."""
    lazy: set[int] = set()
    for node in ast.walk(tree):
        inside_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if inside_function or for_types:
            lazy.update(id(inner) for inner in ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, id(node) not in lazy
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module, id(node) not in lazy
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}", id(node) not in lazy


def test_packages_import_only_from_their_left() -> None:
    wrong: list[str] = []
    for file, tree in trees():
        package = file.split("/")[0]
        if package not in MAY_IMPORT:
            continue
        for line, module, _ in imports(tree):
            if not module.startswith("backburner."):
                continue
            parts = module.split(".")[1:]
            allowed = MAY_IMPORT[package] | {package}
            if parts[0] not in allowed and ".".join(parts[:2]) not in allowed and not parts[0].startswith("__"):
                wrong.append(f"{file}:{line} imports {module}")
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_libraries_stay_where_they_belong() -> None:
    wrong: list[str] = []
    for file, tree in trees():
        for line, module, top in imports(tree):
            name = module.split(".")[0]
            if name in ONLY_IN and not file.startswith(ONLY_IN[name]):
                wrong.append(f"{file}:{line} imports {name}")
            if name in LAZY and top:
                wrong.append(f"{file}:{line} imports {name} outside a function")
            if name == "asyncio" and file.startswith(NO_ASYNCIO):
                wrong.append(f"{file}:{line} imports asyncio")
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_child_tasks_have_a_parent() -> None:
    wrong = [
        f"{file}:{node.lineno} {ast.unparse(node.func)}"
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("create_task", "ensure_future")
        and ast.unparse(node.func.value) in ("asyncio", "loop", "asyncio.get_running_loop()", "self._loop")
    ]
    assert not wrong, "\n".join(wrong)


def test_clocks_are_read_in_one_place() -> None:
    wrong = [
        f"{file}:{node.lineno} {ast.unparse(node)}"
        for file, tree in trees()
        if not file.startswith(CLOCKS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("time.time", "datetime.now", "datetime.datetime.now", "datetime.today")
    ]
    assert not wrong, "\n".join(wrong)


def test_child_processes_start_in_one_place() -> None:
    wrong = [
        f"{file}:{node.lineno} {ast.unparse(node.func)}"
        for file, tree in trees()
        if file != "lib/process.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func)
        in ("asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "os.system", "os.popen", "os.fork")
    ]
    assert not wrong, "\n".join(wrong)


def test_the_bridge_imports_almost_nothing() -> None:
    path = SERVER / "lsp" / "bridge.py"
    top = {module.split(".")[0] for _, module, top in imports(ast.parse(path.read_text())) if top}
    assert top <= {"__future__", "_socket", "select", "posix", "sys", "errno", "backburner"}, top


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SERVER).as_posix())
def test_a_file_fits_in_a_head(path: Path) -> None:
    limit = 150 if path.name == "loop.py" else 400
    assert len(path.read_text().splitlines()) <= limit


def test_every_module_says_what_it_is() -> None:
    silent = [file for file, tree in trees() if not ast.get_docstring(tree)]
    assert not silent, silent


def test_the_architecture_page_names_every_module() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    names = [path.relative_to(SERVER).as_posix() for path in MODULES if path.name != "__init__.py"]
    assert not [name for name in names if f"`{name}`" not in page]


def test_every_test_that_holds_a_promise_exists() -> None:
    page = (ROOT / "docs" / "promises.md").read_text()
    gone: list[str] = []
    for named in re.findall(r"^- `(tests/[^`]+)`$", page, re.MULTILINE):
        path, _, test = named.partition("::")
        file = ROOT / path
        if not file.is_file() or f"def {test}(" not in f"{file.read_text()}def (":
            gone.append(named)
    assert not gone, gone
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert [section.split(".", 1)[0] for section in sections] == [str(number) for number in range(1, 12)]
    assert not [section for section in sections if "\n- `tests/" not in section]


def test_todos_have_an_issue_number() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in MODULES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"#\s*(TODO|FIXME|XXX)\b(?!\s*\(#?\d+\))", line)
    ]
    assert not wrong, wrong


def test_the_project_speaks_of_the_project_alone() -> None:
    """No path of a machine and no package registry's host name in any file that Git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    hosts = "registry.npm" + "js.org", "files.python" + "hosted.org", "pypi" + ".org", "deb.deb" + "ian.org"
    places = "/wo" + "rk/", "/home/" + "user/", "/ro" + "ot/"
    wrong: list[str] = []
    for name in listed.decode().split("\0"):
        path = ROOT / name
        if not name or not path.is_file() or path.suffix in (".png", ".svg", ".gif"):
            continue
        text = path.read_text("utf-8", "replace")
        wrong += [f"{name}: {word}" for word in (*hosts, *places) if word in text]
    assert not wrong, "\n".join(wrong)
