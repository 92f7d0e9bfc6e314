"""What is said on the daemon's socket before the first LSP byte, and where that socket is.

A client (the bridge of an editor, the command line) sends one greeting: a line with the protocol and a length, then facts
about itself and its whole environment, NUL-separated. The daemon answers with one line. Both shapes never change, so that
programs of different versions can still tell each other what is wrong.

Imports nothing at the top: the bridge is spawned for every editor and must be up in milliseconds. Paths and environment
are bytes here, as the system has them. Connecting, and starting a daemon, is `lib/reach.py`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

PROTOCOL = 1
MAGIC = b"backburner/"
LARGEST_GREETING = 4 * 1024 * 1024
"""Bytes; an environment is far smaller (the system's own limit for one is 2 MiB)."""
LONGEST_LINE = 256 * 1024
LONGEST_SOCKET_PATH = 100
"""Bytes that fit into a socket's address everywhere."""

EDITOR = "editor"
"""An editor's bridge: LSP follows."""
CLI = "cli"
"""The command line: LSP follows, nothing is shown to it unasked."""
STATUS = "status"
"""Wants the daemon's state as JSON in the answer's rest; nothing follows."""
STOP = "stop"
"""Wants the daemon to end; nothing follows."""

OK = "ok"
RESTART = "restart"
"""The daemon was of another version and idle: it is gone, start another one."""
REFUSED = "refused"
"""The rest of the answer is a sentence for the person."""
BUSY = "busy"
"""Rest of an `ok` from a daemon of another version that has work to do and stays."""


def greeting(version: str, kind: str, environment: "dict[bytes, bytes]", cwd: bytes = b"") -> bytes:
    """The bytes a client sends first."""
    facts = [b"version=" + version.encode(), b"kind=" + kind.encode(), b"cwd=" + cwd]
    variables = [name + b"=" + value for name, value in environment.items()]
    body = b"\0".join([*facts, b"", *variables])
    return MAGIC + b"%d %d\n" % (PROTOCOL, len(body)) + body


def read_greeting_line(line: bytes) -> "tuple[int, int] | None":
    """Protocol and length of the body that follows; None when this is no greeting of ours."""
    parts = line[len(MAGIC) :].split()
    if not line.startswith(MAGIC) or len(parts) != 2 or not all(part.isdigit() and len(part) < 10 for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def read_greeting_body(body: bytes) -> "tuple[dict[str, str], dict[bytes, bytes]]":
    """The facts (`version`, `kind`, `cwd`) and the environment. What has no `=` is left out."""
    facts: dict[str, str] = {}
    environment: dict[bytes, bytes] = {}
    in_facts = True
    for part in body.split(b"\0"):
        if in_facts and not part:
            in_facts = False
            continue
        name, equals, value = part.partition(b"=")
        if not equals or not name:
            continue
        if in_facts:
            facts[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        else:
            environment[name] = value
    return facts, environment


def answer(word: str, version: str, rest: str = "") -> bytes:
    """The line the daemon sends back."""
    text = " ".join((word, version, rest.replace("\n", " "))).rstrip()
    return MAGIC + b"%d " % PROTOCOL + text.encode("utf-8", "replace") + b"\n"


def read_answer(line: bytes) -> "tuple[str, str, str] | None":
    """Word, the daemon's version and the rest; None when this is no answer of ours."""
    text = line.decode("utf-8", "replace").rstrip("\n")
    parts = text.split(" ", 3)
    if not line.startswith(MAGIC) or len(parts) < 3:
        return None
    return parts[1], parts[2], parts[3] if len(parts) > 3 else ""


def socket_path(environment: "dict[bytes, bytes]") -> bytes:
    """Where the daemon of this person listens: a pure function of the environment and of which folders exist.

    `$BACKBURNER_HOME/run`, else `$XDG_RUNTIME_DIR/backburner`, else the system's runtime folder of the person, else
    `/tmp/backburner-UID`; a path too long for a socket is replaced by a hash of it in the last one.
    """
    import posix

    uid = posix.geteuid()
    temporary = b"/tmp/backburner-%d" % uid
    home = environment.get(b"BACKBURNER_HOME", b"")
    runtime = environment.get(b"XDG_RUNTIME_DIR", b"")
    if home:
        folder = (home if home.startswith(b"/") else posix.getcwdb() + b"/" + home).rstrip(b"/") + b"/run"
    elif runtime.startswith(b"/") and _is_own_folder(runtime, uid):
        folder = runtime.rstrip(b"/") + b"/backburner"
    elif _is_own_folder(b"/run/user/%d" % uid, uid):
        # A shell without a session bus (su, cron, ssh) must find the daemon that the desktop's editor started.
        folder = b"/run/user/%d/backburner" % uid
    else:
        folder = temporary
    path = folder + b"/socket"
    if len(path) <= LONGEST_SOCKET_PATH:
        return path
    import hashlib

    return temporary + b"/" + hashlib.sha256(path).hexdigest()[:16].encode() + b".socket"


def make_folder(path: bytes) -> None:
    """Make the socket's folder (0700), and refuse one that somebody else could have made.

    Raises `OSError` with a sentence when it belongs to another user or is open to others.
    """
    import posix

    missing: list[bytes] = []
    folder = path
    while folder:
        try:
            posix.mkdir(folder, 0o700)
            break
        except FileExistsError:
            break
        except FileNotFoundError:
            missing.append(folder)
            folder = folder.rpartition(b"/")[0]
    for folder in reversed(missing):
        try:
            posix.mkdir(folder, 0o700)
        except FileExistsError:
            # Another editor was faster.
            continue
    status = posix.lstat(path)
    name = path.decode("utf-8", "replace")
    if status.st_mode & 0o170000 != 0o040000 or status.st_uid != posix.geteuid():
        raise PermissionError(f"{name} is not a folder of yours")
    if status.st_mode & 0o077:
        raise PermissionError(f"{name} is open to others; make it private with: chmod 700 {name}")


def connect(environment: "Mapping[str, str]") -> "socket.socket":
    """A connection of the command line to the daemon, which is started when there is none; LSP follows.

    Raises `ConnectionError` with a sentence.
    """
    import os
    import socket

    from backburner import __file__ as package
    from backburner import __version__
    from backburner.lib import reach

    variables = {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}
    door = os.path.join(os.path.dirname(package or ""), "__main__.py")
    reached = reach.reach(variables, __version__, CLI, reach.daemon_program(door), os.getcwdb())
    return socket.socket(fileno=reached.socket.detach())


def _is_own_folder(path: bytes, uid: int) -> bool:
    import posix

    try:
        status = posix.stat(path)
    except OSError:
        return False
    return status.st_mode & 0o170000 == 0o040000 and status.st_uid == uid
