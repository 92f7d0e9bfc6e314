"""`python -m emulator --port 0 --script FILE`: prints the URL and serves until it is ended.

With `--until-eof` it ends with its input. `GET /_emulator` gives the counters.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from emulator.buckets import Limits
from emulator.server import Emulator


async def serve(options: argparse.Namespace) -> None:
    limits = Limits(options.rpm, options.itpm, options.otpm) if options.rpm or options.itpm or options.otpm else None
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if options.until_eof:
        loop.add_reader(sys.stdin, lambda: None if sys.stdin.read(1) else ended.set())
    emulator = Emulator(
        options.script,
        chunking=options.chunking,
        limits=limits,
        latency_s=options.latency,
        port=options.port,
        key=options.key,
    )
    async with emulator:
        print(emulator.base_url, flush=True)
        await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="emulator")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path)
    parser.add_argument(
        "--latency", type=float, default=0.0, help="seconds a turn takes, where the script says nothing"
    )
    parser.add_argument("--chunking", choices=("plain", "hostile"), default="plain")
    parser.add_argument("--key", default="", help="the only key that is taken")
    parser.add_argument("--rpm", type=float)
    parser.add_argument("--itpm", type=float)
    parser.add_argument("--otpm", type=float)
    parser.add_argument("--until-eof", action="store_true")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
