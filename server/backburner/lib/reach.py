"""Getting through to the daemon: connect, greet, and start it when there is none, raced safely by any number of clients.

Only C modules and `lib/handshake.py` are imported: this runs in the bridge, which is spawned for every editor. It starts
the daemon itself with `posix_spawn`, because `lib/process.py` costs a bridge ten times its own start-up.
"""

import _socket
import posix
import select
import sys

from backburner.lib import handshake

TICK_S = 0.02
PATIENCE_TICKS = 1500
"""Half a minute: an import of everything on a cold, busy disk."""
ANSWER_S = 30
STILL_LOCKED = 75
"""Exit code of a daemon that found another one, which may be just leaving: worth another try."""
KEPT = (
    *(b"HOME", b"USER", b"LOGNAME", b"PATH", b"LANG", b"LANGUAGE", b"TZ", b"TMPDIR", b"BACKBURNER_HOME"),
    *(b"DBUS_SESSION_BUS_ADDRESS", b"SSL_CERT_FILE", b"SSL_CERT_DIR"),
    *(b"HTTP_PROXY", b"HTTPS_PROXY", b"ALL_PROXY", b"NO_PROXY"),
    *(b"http_proxy", b"https_proxy", b"all_proxy", b"no_proxy"),
)
KEPT_PREFIXES = (b"LC_", b"XDG_")
"""What the daemon inherits: the person, the keyring's bus, the way out to the network. Keys, virtual environments and
`PYTHON*` of the editor that happened to be first are not among it: each client hands its own environment over."""


Connected = _socket.socket


class Unreachable(ConnectionError):
    """There is no daemon and none can be started; the text is one sentence."""


class Reached:
    """A connection on which the daemon said `ok`."""

    def __init__(self, connected: "Connected", version: str, rest: str) -> None:
        self.socket = connected
        self.version = version
        """The daemon's; another one than ours when it is busy."""
        self.rest = rest


def reach(
    environment: "dict[bytes, bytes]", version: str, kind: str, program: "list[bytes] | None", cwd: bytes = b""
) -> Reached:
    """Connect and greet. With `program` (its argument list) a missing daemon is started.

    Raises `Unreachable`. A daemon that is leaving at this moment, or is of another version and idle, is replaced.
    """
    path = handshake.socket_path(environment)
    try:
        handshake.make_folder(path.rpartition(b"/")[0])
    except OSError as error:
        why = str(error)
        if isinstance(error.filename, bytes):
            why = f"{error.filename.decode('utf-8', 'replace')}: {error.strerror}"
        raise Unreachable(f"No place for a socket: {why}. BACKBURNER_HOME may name a folder of yours.") from None
    if home := environment.get(b"BACKBURNER_HOME"):
        # The daemon starts in `/`: a path from here would be another one there.
        environment = {**environment, b"BACKBURNER_HOME": posix.getcwdb() + b"/" + home if home[:1] != b"/" else home}
    greeting = handshake.greeting(version, kind, environment, cwd)
    for _ in range(5):
        connected = _connect(path)
        if connected is None:
            if program is None:
                raise Unreachable("No daemon runs.")
            connected = _start(path, environment, program)
        answer = _greet(connected, greeting)
        if answer is None or answer[0] == handshake.RESTART:
            # It was leaving when we came; the next turn starts another one.
            connected.close()
            if program is None:
                raise Unreachable("The daemon is leaving.")
            continue
        word, other, rest = answer
        if word == handshake.OK:
            return Reached(connected, other, rest)
        connected.close()
        raise Unreachable(rest or f"The daemon (version {other}) refused the connection.")
    raise Unreachable(f"The daemon does not stay up: {_last_line(path + b'.start.log')}")


def daemon_program(door: str) -> "list[bytes]":
    """The command that starts the daemon; `door` is the path of the package's `__main__.py`.

    By path and with `-P`: it must be found wherever the package lives, and never in a folder that a variable names.
    """
    return [sys.executable.encode(), b"-P", door.encode("utf-8", "surrogateescape"), b"daemon", b"run", b"--detached"]


def scrubbed(environment: "dict[bytes, bytes]") -> "dict[bytes, bytes]":
    """The part of an environment that the daemon and its worker are started with."""
    return {name: value for name, value in environment.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}


def _connect(path: bytes) -> "Connected | None":
    """A connection to our own daemon; None when nobody listens."""
    connected = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connected.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        connected.close()
        return None
    except OSError as error:
        connected.close()
        raise Unreachable(f"The daemon's socket cannot be opened: {error}.") from None
    if (uid := peer_uid(connected)) not in (None, posix.geteuid()):
        connected.close()
        raise Unreachable(f"The daemon's socket belongs to user {uid}.")
    return connected


def peer_uid(connected: "Connected") -> "int | None":
    """Who is at the other end; None where the system does not say (then the folder's owner must do)."""
    option = getattr(_socket, "SO_PEERCRED", None)
    if option is None:
        return None
    credentials = connected.getsockopt(_socket.SOL_SOCKET, option, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder)


def _greet(connected: "Connected", greeting: bytes) -> "tuple[str, str, str] | None":
    """Send the greeting and read the one line that answers it; None when the daemon left instead."""
    try:
        connected.settimeout(ANSWER_S)
        connected.sendall(greeting)
        line = b""
        # Byte by byte: what follows the line belongs to somebody else.
        while not line.endswith(b"\n") and len(line) < handshake.LONGEST_LINE:
            byte = connected.recv(1)
            if not byte:
                return None
            line += byte
    except TimeoutError:
        raise Unreachable("The daemon does not answer.") from None
    except OSError:
        return None
    connected.settimeout(None)
    answer = handshake.read_answer(line)
    if answer is None:
        raise Unreachable("Something else listens on the daemon's socket.")
    return answer


def _start(path: bytes, environment: "dict[bytes, bytes]", program: "list[bytes]") -> "Connected":
    """Start the daemon unless another client does so at this moment; wait until it listens."""
    log = path + b".start.log"
    lock = posix.open(path + b".start.lock", posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC, 0o600)
    ours = False
    child = 0
    try:
        for _ in range(PATIENCE_TICKS):
            connected = _connect(path)
            if connected is not None:
                return connected
            if not ours:
                ours = _lock(lock)
                if ours:
                    # Whoever had the lock before us may have been just in time.
                    continue
            elif not child:
                child = _spawn(program, environment, log)
            elif (ended := posix.waitpid(child, posix.WNOHANG))[0]:
                if posix.waitstatus_to_exitcode(ended[1]) != STILL_LOCKED:
                    raise Unreachable(f"The daemon did not start: {_last_line(log)}")
                child = 0
            select.select([], [], [], TICK_S)
        raise Unreachable(f"The daemon did not start in time: {_last_line(log)}")
    finally:
        posix.close(lock)


def _lock(descriptor: int) -> bool:
    """A record lock: it goes with its process, so a starter that was killed leaves none behind."""
    try:
        posix.lockf(descriptor, posix.F_TLOCK, 0)
    except OSError:
        return False
    return True


def _spawn(program: "list[bytes]", environment: "dict[bytes, bytes]", log: bytes) -> int:
    """Start the daemon in a session of its own, with none of our descriptors but its log; its process id."""
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC
    try:
        return posix.posix_spawn(
            program[0],
            program,
            scrubbed(environment),
            file_actions=[
                (posix.POSIX_SPAWN_OPEN, 0, b"/dev/null", posix.O_RDONLY, 0),
                (posix.POSIX_SPAWN_OPEN, 1, log, flags, 0o600),
                (posix.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
    except OSError as error:
        raise Unreachable(f"The daemon cannot be started: {error}.") from None


def _last_line(log: bytes) -> str:
    try:
        descriptor = posix.open(log, posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            size = posix.fstat(descriptor).st_size
            posix.lseek(descriptor, max(0, size - 4096), 0)
            text = posix.read(descriptor, 4096).decode("utf-8", "replace")
        finally:
            posix.close(descriptor)
    except OSError:
        text = ""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing."
