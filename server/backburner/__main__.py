"""The front door: `backburner VERB ...`. Looks at the verb and imports what that verb needs, nothing else.

`lsp` is on the way of every editor's start, so it comes first and imports next to nothing. This file may also be run by
its path, with `python -I -S`, where not even the site's packages are looked up.
"""

import sys

HELP = """\
backburner: delegate code to slow models from any editor, and judge what comes back.

  backburner lsp [--alone]             the language server, for an editor to start
  backburner daemon [run|status|stop]  the process behind all editors; starts by itself
  backburner delegate FILE:LINE "..."  the same from a shell; then list, show, diff, accept, reject ...
  backburner demo                      watch it work, without a key
  backburner doctor                    what works here and what to do next
  backburner VERB --help               more on one verb; `backburner --help-all` lists all of them
"""


def main(argv: "list[str] | None" = None) -> int:
    """Run one verb; its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    verb = arguments[0] if arguments else ""
    if verb == "lsp":
        if len(arguments) == 1 or arguments[1:] == ["--stdio"]:
            # Some language clients add --stdio to every command; it is what we do anyway.
            from backburner.lsp import bridge

            return _leave(bridge.main(__file__))
        if arguments[1:] == ["--alone"] or arguments[1:] == ["--alone", "--stdio"]:
            from backburner.alone import main as alone

            return alone()
        return _usage("backburner lsp [--alone]", arguments)
    if verb == "daemon":
        if arguments[1:] == ["run", "--detached"]:
            return _daemon("run", detached=True)
        rest = [argument for argument in arguments[1:] if argument != "--json"]
        if rest in (["status"], ["stop"]) and len(arguments) == 3:
            return _daemon(rest[0], detached=False, as_json=True)
        if len(arguments) <= 2 and (arguments[1:] or ["run"])[0] in ("run", "status", "stop"):
            return _daemon((arguments[1:] or ["run"])[0], detached=False)
        return _usage("backburner daemon [run|status [--json]|stop [--json]]", arguments)
    if verb == "worker":
        from backburner.lib.log import set_up
        from backburner.worker.main import main as worker

        # Its standard error is a log file of the daemon's choosing.
        set_up(None)
        return worker(arguments[1:])
    if verb in ("--version", "-V", "version"):
        from backburner import __version__

        sys.stdout.write(f"backburner {__version__}\n")
        return 0
    if verb in ("", "--help", "-h", "help"):
        sys.stdout.write(HELP)
        return 0 if verb else 2
    from backburner.cli import main as cli

    return cli(["--help"] if verb == "--help-all" else arguments)


def _daemon(verb: str, *, detached: bool, as_json: bool = False) -> int:
    if verb == "run":
        from backburner.lsp.daemon import run

        return run(__file__, detached=detached)
    from backburner.lsp.daemon_client import status, stop

    return status(as_json=as_json) if verb == "status" else stop(as_json=as_json)


def _usage(usage: str, arguments: "list[str]") -> int:
    if arguments[1:] in (["--help"], ["-h"]):
        sys.stdout.write(f"usage: {usage}\n")
        return 0
    sys.stderr.write(f"backburner: wrong usage. It is: {usage}\n")
    return 2


def _leave(code: int) -> int:
    """End the bridge without the interpreter's own clean-up, which takes as long as starting did."""
    import posix

    posix._exit(code)  # pyright: ignore[reportPrivateUsage]


if __name__ == "__main__":
    if not __package__:
        # Run by path: the package's folder is not on the path yet. Last, so that nothing beside it hides a library.
        _home = __file__.rpartition("/")[0].rpartition("/")[0]
        if _home not in sys.path:
            sys.path.append(_home)
    sys.exit(main())
