"""`backburner lsp`: standard input and output on one side, the daemon's socket on the other, bytes in between.

Spawned for every editor and window, so it imports almost nothing and never looks into the bytes it carries. It never
writes to standard output what did not come from the daemon, and it never blocks one direction for the other.
"""

import posix
import select

from backburner import __version__
from backburner.lib import handshake, reach

CHUNK = 65536
SAFE_WRITE = 4096
"""What a pipe that says it is writable takes without blocking (POSIX: PIPE_BUF). The editor's pipe stays in the mode in
which the editor made it, because the other end of it may be a terminal that we share."""
GONE = "the daemon is gone. Restart the language server: tasks are kept, and go on."


def main(door: str) -> int:
    """Pump until one side ends. 0: the editor left; 1: the daemon did, with one line on standard error.

    `door` is the path of the package's `__main__.py`, by which a missing daemon is started.
    """
    try:
        reached = reach.reach(
            dict(posix.environ), __version__, handshake.EDITOR, reach.daemon_program(door), posix.getcwdb()
        )
    except (reach.Unreachable, FileNotFoundError) as error:
        _say(str(error))
        return 1
    if reached.rest == handshake.BUSY:
        _say(
            f"the daemon is version {reached.version} and has work to do; this is {__version__}. "
            "It is replaced when its work is done, or now with: backburner daemon stop"
        )
    try:
        return _pump(reached.socket)
    except KeyboardInterrupt:
        return 130


def _pump(daemon: "reach.Connected") -> int:
    daemon.setblocking(False)
    number = daemon.fileno()
    to_daemon, to_editor = b"", b""
    editor_is_open = True
    last = b""
    poller = select.poll()
    while True:
        # Reading goes on only when what was read before is delivered: memory stays bounded, and a slow side slows the other.
        poller.register(number, (0 if to_editor else select.POLLIN) | (select.POLLOUT if to_daemon else 0))
        # Standard output is watched even when there is nothing to write: its error says that the editor is gone.
        poller.register(1, select.POLLOUT if to_editor else 0)
        if editor_is_open and not to_daemon:
            poller.register(0, select.POLLIN)
        for descriptor, events in poller.poll():
            if descriptor == 0:
                to_daemon = _read_editor()
                poller.unregister(0)
                if to_daemon:
                    last = (last + to_daemon)[-128:]
                else:
                    editor_is_open = False
                    _half_close(daemon)
            elif descriptor == 1:
                if events & (select.POLLERR | select.POLLNVAL):
                    return 0
                if events & select.POLLOUT and to_editor:
                    try:
                        to_editor = to_editor[posix.write(1, to_editor[:SAFE_WRITE]) :]
                    except BlockingIOError:
                        pass
                    except OSError:
                        return 0
            else:
                if events & select.POLLOUT and to_daemon:
                    try:
                        to_daemon = to_daemon[daemon.send(to_daemon) :]
                    except BlockingIOError:
                        pass
                    except OSError:
                        # Its last words may still be there to be read.
                        to_daemon = b""
                if events & ~select.POLLOUT and not to_editor:
                    try:
                        to_editor = daemon.recv(CHUNK)
                    except BlockingIOError:
                        continue
                    except OSError:
                        to_editor = b""
                    if not to_editor:
                        # The daemon closes after `exit`; anything else means that it died.
                        if not editor_is_open or b'"exit"' in last:
                            return 0
                        _say(GONE)
                        return 1


def _read_editor() -> bytes:
    try:
        return posix.read(0, CHUNK)
    except OSError:
        return b""


def _half_close(daemon: "reach.Connected") -> None:
    try:  # noqa: SIM105 (contextlib is slow to import)
        daemon.shutdown(1)
    except OSError:
        pass


def _say(sentence: str) -> None:
    try:  # noqa: SIM105
        posix.write(2, f"backburner: {sentence}\n".encode("utf-8", "replace"))
    except OSError:
        pass
