"""The real front door with one number of the shipped catalog changed: `opus` begins with 256 requests at once.

The throttle begins at 8 and doubles every 10 s, which is for real providers and would be all that a short run measures.
Everything else is the real program.
"""

from __future__ import annotations

import sys

from msgspec.structs import replace

from backburner.model import catalog

real = catalog.shipped()
changed = replace(real, agents={**real.agents, "opus": replace(real.agents["opus"], concurrency=256)})
catalog.shipped = lambda: changed  # before anything that imports it by name

from backburner.__main__ import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
