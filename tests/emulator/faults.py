"""Everything that goes wrong with a provider, by name.

At once: `limited`, `ramp`, `spend`, `overloaded`, `server_error`, `unavailable`, `too_large`, `bad_key`, `forbidden`,
`no_model`, `too_long`, `policy`, `tool_use_failed`, `html_error` answer with an error status; `html` and `json` with 200
and no stream; `empty` with an empty stream; `refuse` closes the connection. In the middle of an answer: `stream_error`,
`stream_limited`, `stall`, `cut` (the connection breaks inside a frame), `short` (the stream ends without its last event),
`garbage` (a frame that is no JSON).
"""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

MIDDLE = frozenset({"stream_error", "stream_limited", "stall", "cut", "short", "garbage"})


class Status(NamedTuple):
    status: int
    anthropic: str
    """Its `error.type` there."""
    openai: str
    """Its `error.code` elsewhere."""
    message: str


STATUSES: dict[str, Status] = {
    "limited": Status(429, "rate_limit_error", "rate_limit_exceeded", "Too many requests."),
    "ramp": Status(429, "rate_limit_error", "rate_limit_exceeded", "Your usage grows too fast."),
    "spend": Status(429, "rate_limit_error", "insufficient_quota", "You exceeded your current quota."),
    "overloaded": Status(529, "overloaded_error", "server_error", "Overloaded"),
    "server_error": Status(500, "api_error", "server_error", "Internal server error"),
    "unavailable": Status(503, "api_error", "server_error", "Service unavailable"),
    "too_large": Status(413, "request_too_large", "request_too_large", "Request exceeds the maximum size"),
    "bad_key": Status(401, "authentication_error", "invalid_api_key", "Incorrect API key provided: {key}."),
    "forbidden": Status(403, "permission_error", "permission_denied", "Your key may not use this."),
    "no_model": Status(404, "not_found_error", "model_not_found", "model: {model}"),
    "too_long": Status(
        400, "invalid_request_error", "context_length_exceeded", "prompt is too long: 9 tokens > 8 maximum"
    ),
    "policy": Status(400, "invalid_request_error", "content_policy_violation", "This goes against our usage policies."),
    "tool_use_failed": Status(400, "invalid_request_error", "tool_use_failed", "Failed to call a function."),
}
CODES = {"ramp": "ramp_limit_exceeded", "spend": "enforced_spend_limit_reached"}


class Refused(Exception):
    """A request that the real API would refuse: status, kind, message."""

    def __init__(self, message: str, *, fault: str = "", status: int = 400) -> None:
        self.message = message
        self.fault = fault
        self.status = status
        super().__init__(message)


def error_body(
    wire: str, fault: str, *, key: str = "", model: str = "", message: str = ""
) -> tuple[int, dict[str, object]]:
    """Status and body of an error, as this wire format writes it."""
    row = STATUSES.get(fault, Status(400, "invalid_request_error", "invalid_request_error", message))
    text = message or row.message.format(key=key, model=model)
    if wire == "anthropic":
        error: dict[str, object] = {"type": row.anthropic, "message": text}
        if fault in CODES:
            error["details"] = {"error_code": CODES[fault]}
        return row.status, {"type": "error", "error": error, "request_id": "req_01"}
    kind = "invalid_request_error" if row.status < 429 else row.openai
    return row.status if row.status != 529 else 503, {
        "error": {"message": text, "type": kind, "param": None, "code": row.openai}
    }


def whole_answer(fault: str) -> web.Response | None:
    """Answers that are no API error and no stream."""
    match fault:
        case "html":
            page = "<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Hello</body></html>"
            return web.Response(text=page, content_type="text/html")
        case "html_error":
            page = "<html><head><title>502 Bad Gateway</title></head></html>"
            return web.Response(text=page, content_type="text/html", status=502)
        case "json":
            return web.json_response({"hello": "world"})
        case "empty":
            return web.Response(body=b"", content_type="text/event-stream")
        case _:
            return None
