"""Child processes: the only place that starts one.

A child gets its own session, so that a time-out or a cancelled caller takes its whole process group with it. Output is
read to the end but kept only up to a cap: a chatty child neither blocks nor fills memory. Never uses a shell.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK = 65_536
BlockingChild = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Finished:
    """How a child ended. `exit_code` is negative when a signal ended it (as in `subprocess`)."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
    dropped_bytes: int = 0
    """Bytes of output beyond the cap, read and thrown away (the middle; head and tail are kept)."""


async def run(
    argv: Sequence[str],
    *,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    timeout_s: float | None = None,
    output_cap: int = 64 * 1024 * 1024,
    merge_stderr: bool = False,
) -> Finished:
    """Run `argv` to its end and return what it said. Raises `FileNotFoundError` when there is no such program.

    When `timeout_s` passes or the caller is cancelled, the child's process group is killed before this returns.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=None if env is None else dict(env),
        stdin=DEVNULL if stdin is None else PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT if merge_stderr else PIPE,
        start_new_session=True,
    )
    stdout, stderr = Capped(output_cap), Capped(output_cap)
    timed_out = False
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(
                _feed(process, stdin),
                _drain(process.stdout, stdout),
                _drain(process.stderr, stderr),
                process.wait(),
            )
    except TimeoutError:
        timed_out = True
    finally:
        kill_group(process.pid)
        with contextlib.suppress(ProcessLookupError):
            await asyncio.shield(process.wait())
    code = process.returncode if process.returncode is not None else -signal.SIGKILL
    return Finished(code, stdout.value(), stderr.value(), timed_out, stdout.dropped + stderr.dropped)


async def start(
    argv: Sequence[str],
    *,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    pipes: bool = True,
    stderr: int | None = None,
    preexec: Callable[[], None] | None = None,
    limit: int = CHUNK,
) -> Process:
    """Start a long-lived child in its own session; the caller owns it and ends it with `kill_group`.

    `limit`: bytes that its output may hold before a line end, for protocols of one message per line.
    """
    return await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=None if env is None else dict(env),
        stdin=PIPE if pipes else DEVNULL,
        stdout=PIPE if pipes else DEVNULL,
        stderr=stderr,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
        preexec_fn=preexec,
        limit=limit,
    )


def start_blocking(argv: Sequence[str], *, env: Mapping[str, str]) -> BlockingChild:
    """Start a long-lived child that is talked to without a loop (pipes for input and output, errors thrown away).

    For answers that take well under a millisecond; the caller owns it and ends it with `kill_group` and `wait`.
    """
    return subprocess.Popen(
        list(argv),
        cwd="/",
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_group(pid: int) -> None:
    """SIGKILL the group that `pid` leads; nothing happens when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


class Capped:
    """Bytes up to a cap: the first half of the cap and the last half, with a count of what was dropped between."""

    def __init__(self, cap: int) -> None:
        self._half = max(1, cap // 2)
        self._head = bytearray()
        self._tail = bytearray()
        self.dropped = 0

    def add(self, data: bytes) -> None:
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        excess = len(self._tail) - self._half
        if excess > self._half:
            del self._tail[:excess]
            self.dropped += excess

    def value(self) -> bytes:
        excess = len(self._tail) - self._half
        if excess > 0:
            del self._tail[:excess]
            self.dropped += excess
        if not self.dropped:
            return bytes(self._head + self._tail)
        return bytes(self._head) + b"\n[... %d bytes left out ...]\n" % self.dropped + bytes(self._tail)


async def _feed(process: Process, data: bytes | None) -> None:
    if data is None or process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _drain(stream: asyncio.StreamReader | None, into: Capped) -> None:
    if stream is None:
        return
    while data := await stream.read(CHUNK):
        into.add(data)
