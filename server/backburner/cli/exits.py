"""Exit codes, a contract with scripts."""

from __future__ import annotations

DONE = 0
FAILED = 1
"""The task failed (or was cancelled)."""
USAGE = 2
NOT_FOUND = 3
REFUSED = 4
"""Conflict, stale, budget ... nothing was changed."""

INVALID_PARAMS = -32602


class CliError(Exception):
    """Ends the program with a sentence on stderr and an exit code."""

    def __init__(self, sentence: str, code: int, reason: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.reason = reason


def code_of(reason: str, rpc_code: int) -> int:
    """The exit code for a refused command: from the name of its reason, else from the JSON-RPC error code."""
    if reason.startswith(("unknown_", "no_such_")) or reason == "no_agent":
        return NOT_FOUND
    if reason in ("bad_arguments", "usage") or rpc_code == INVALID_PARAMS:
        return USAGE
    return REFUSED if reason else FAILED
