"""The front door of the toy daemon: the real bridge, daemon process and worker around the features of `toy_daemon.py`."""

import sys

if sys.argv[1] == "lsp":
    from backburner.lsp import bridge

    sys.exit(bridge.main(__file__))
if sys.argv[1:2] == ["daemon"] and sys.argv[2] == "run":
    from backburner.lsp.daemon import run

    sys.path.append(__file__.rpartition("/")[0])
    from toy_daemon import open_toys

    sys.exit(run(__file__, detached=sys.argv[3:] == ["--detached"], open_service=open_toys))

from backburner.__main__ import main

sys.exit(main(sys.argv[1:]))
