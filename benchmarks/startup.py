"""Spawn to the answer of `initialize`, through a warm daemon, beside an empty console script and other language servers.

    .venv/bin/python benchmarks/startup.py [--rounds 15]

The programs take turns within one round, so that a busy moment of the machine hits all of them. Other servers are measured
when they are installed in `.venv-benchmark` (`benchmarks/others` makes it) or on PATH.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OTHERS = {
    "jedi-language-server": ["jedi-language-server"],
    "python-lsp-server": ["pylsp"],
    "basedpyright": ["basedpyright-langserver", "--stdio"],
    "ruff server": ["ruff", "server"],
}


def initialize(argv: list[str], env: dict[str, str]) -> float:
    """Milliseconds from the spawn to the first whole answer."""
    body = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {"processId": os.getpid(), "rootUri": ROOT.as_uri(), "capabilities": {}},
        }
    ).encode()
    start = time.perf_counter()
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    child.stdin.flush()
    while True:
        length = 0
        while line := child.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not length:
            child.kill()
            raise RuntimeError(f"{argv[0]} ended before it answered")
        if b'"capabilities"' in child.stdout.read(length):
            break
    took = (time.perf_counter() - start) * 1000
    child.kill()
    child.wait()
    return took


def run_empty(argv: list[str], env: dict[str, str]) -> float:
    """Milliseconds that a console script which does nothing takes to be born and to die."""
    start = time.perf_counter()
    subprocess.run(argv, env=env, check=True)
    return (time.perf_counter() - start) * 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    binaries = Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="bb-") as home:
        env = {**os.environ, "BACKBURNER_HOME": home}
        empty = Path(home) / "empty"
        # The same wrapper that an installer writes for a console script, around nothing.
        empty.write_text(f"#!{sys.executable}\nimport sys\nif __name__ == '__main__':\n    sys.exit(0)\n")
        empty.chmod(0o755)
        path = f"{ROOT / '.venv-benchmark' / 'bin'}{os.pathsep}{env['PATH']}"
        found = {name: [shutil.which(argv[0], path=path), *argv[1:]] for name, argv in OTHERS.items()}
        servers = {"backburner (warm daemon)": [str(binaries / "backburner"), "lsp"]}
        servers |= {name: [str(word) for word in argv] for name, argv in found.items() if argv[0]}
        missing = [name for name, argv in found.items() if not argv[0]]
        took: dict[str, list[float]] = {name: [] for name in ("empty console script", *servers)}
        initialize(servers["backburner (warm daemon)"], env)
        for _ in range(rounds):
            took["empty console script"].append(run_empty([str(empty)], env))
            for name, argv in servers.items():
                took[name].append(initialize(argv, env))
        subprocess.run([str(binaries / "backburner"), "daemon", "stop"], env=env, check=False, capture_output=True)
    floor = statistics.median(took["empty console script"])
    print(f"| spawn to `initialize`, {rounds} interleaved rounds | median ms | min ms | × empty script |")
    print("| --- | --- | --- | --- |")
    for name, times in took.items():
        median = statistics.median(times)
        print(f"| {name} | {median:.0f} | {min(times):.0f} | {median / floor:.2f} |")
    for name in missing:
        print(f"| {name} | not installed | | |")


if __name__ == "__main__":
    main()
