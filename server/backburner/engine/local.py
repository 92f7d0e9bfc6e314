"""What this machine offers without anybody handing it over: keys in the keyring, a model server on loopback."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from backburner.model.catalog import shipped

KEYRING = "backburner"
"""The service name under which keys lie in the keyring, as `providers/opening.py` reads them."""
KEYRING_S = 2.0
CONNECT_S = 0.5


async def keys_in_keyring(names: Collection[str]) -> frozenset[str]:
    """Which of these variables have a value in the keyring; none without the `keyring` package or while it is locked."""

    def look() -> frozenset[str]:
        try:
            # Optional: by name, since it may not be installed.
            keyring: Any = importlib.import_module("keyring")
            return frozenset(name for name in names if keyring.get_password(KEYRING, name))
        except Exception:
            # No such package, no keyring here, a locked one, a broken back end: all mean that it has no key.
            return frozenset()

    try:
        async with asyncio.timeout(KEYRING_S):
            return await asyncio.to_thread(look)
    except TimeoutError:
        return frozenset()


async def reachable_agents(variables: Mapping[str, str]) -> frozenset[str]:
    """Agents such as `ollama` whose model server answers on this machine."""
    catalog = shipped()
    found: set[str] = set()
    for name in catalog.first.local:
        endpoint = catalog.endpoints[catalog.agents[name].provider]
        address = urlsplit(variables.get(endpoint.base_url_env, "") or endpoint.base_url)
        port = address.port or (443 if address.scheme == "https" else 80)
        if address.hostname and await _answers(address.hostname, port):
            found.add(name)
    return frozenset(found)


async def _answers(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (TimeoutError, OSError):
        return False
    writer.close()
    return True
