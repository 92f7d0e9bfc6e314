"""From what a provider answered (status, headers, error body) to the error of ours that says what to do about it.

One function for all wire formats: their error bodies differ in shape, not in meaning. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from backburner.providers.base import (
    BadAnswer,
    BadKey,
    Limited,
    NoModel,
    Overloaded,
    ProviderError,
    Refused,
    Rejected,
    SpendLimit,
    TooLong,
)
from backburner.providers.loose import table

SPENT = re.compile(
    r"insufficient_quota|spend_limit|billing|credit balance|exceeded your current quota|payment_required|out of credits"
)
LONG = re.compile(
    r"context_length_exceeded|prompt is too long|maximum context length|context window|context size|request_too_large"
    r"|reduce the length|exceeds? the (?:available )?context|string_above_max_length|input is too long"
)
POLICY = re.compile(
    r"content_policy|content_filter|invalid_prompt|cyber_policy|safety_|usage policies|policy_violation"
)
MODEL = re.compile(
    r"model_not_found|model .*(?:not found|does not exist|not exist)|not_found_error|unknown model|no such model"
)

LONGEST_WAIT_S = 86_400.0
"""No provider is taken at its word beyond this."""

STATUS_OF = {
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "context_length_exceeded": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
    "invalid_request_error": 400,
}
"""For errors that come inside a stream whose status was 200."""


def from_status(
    who: str, model: str, status: int, headers: Mapping[str, str], body: bytes, *, now: float
) -> ProviderError:
    """The error for an answer that is not 2xx. `now` (seconds since the epoch) is for a `Retry-After` that is a date."""
    kind, message = read_error(body)
    wait = retry_after(headers, now)
    words = f"{kind} {message}".lower()
    if 300 <= status < 400:
        return Rejected(who, "it sends its callers to another address, which is not followed; check base_url")
    if status == 402 or (status in (400, 403, 429) and SPENT.search(words)):
        return SpendLimit(who, message)
    if status == 401:
        return BadKey(who)
    if status == 429:
        return Limited(who, message, retry_after_s=wait)
    if status in (408, 409, 425) or status >= 500:
        return Overloaded(who, message or f"status {status}", retry_after_s=wait)
    if status == 413 or LONG.search(words):
        return TooLong(who, message)
    if status in (400, 404) and MODEL.search(words):
        return NoModel(who, model)
    if POLICY.search(words):
        return Refused(who, message)
    if status == 403:
        return BadKey(who, message)
    if "tool_use_failed" in words:
        return Garbled(who, "it wrote a tool call that cannot be read")
    if status == 404:
        return Rejected(who, f"nothing answers at this address ({message or 'status 404'}); check base_url")
    return Rejected(who, message or f"status {status}")


def from_event(who: str, model: str, error: Any) -> ProviderError:
    """The error for `{"type"|"code": …, "message": …}` inside a stream."""
    kind, message = read_error(msgspec.json.encode({"error": error}))
    status = next((STATUS_OF[name] for name in kind.split() if name in STATUS_OF), 0)
    return from_status(who, model, status or (400 if POLICY.search(kind) else 500), {}, _again(kind, message), now=0.0)


def from_body(who: str, model: str, body: bytes) -> ProviderError:
    """The error for a whole body that came with a good status in place of a stream."""
    start = body.lstrip()[:1]
    if start == b"{":
        kind, message = read_error(body)
        if kind or message:
            return from_event(who, model, {"type": kind, "message": message})
        return BadAnswer(who, "JSON in place of a stream")
    if start == b"<":
        title = re.search(rb"<title[^>]*>([^<]{1,80})", body, re.IGNORECASE)
        named = f" titled {title.group(1).decode('utf-8', 'replace').strip()!r}" if title else ""
        return BadAnswer(who, f"a web page{named}")
    return BadAnswer(who, "neither a stream nor JSON" if body.strip() else "nothing at all")


class Garbled(BadAnswer):
    """A tool call that the provider itself could not read: the model may do better, once."""

    attempts = 2


def read_error(body: bytes) -> tuple[str, str]:
    """Names (types and codes, space-separated) and message of an error body; empty when it is none of the known shapes."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return "", ""
    outer = table(decoded)
    error = outer.get("error", outer)
    if isinstance(error, str):
        return "", error
    inner = table(error)
    names = [inner.get("code"), table(inner.get("details")).get("error_code"), inner.get("type")]
    message = inner.get("message") or inner.get("detail")
    known = " ".join(name for name in names if isinstance(name, str) and name != "error")
    return known, message if isinstance(message, str) else ""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from `retry-after-ms`, or `retry-after` as seconds or as a date; None: it does not say."""
    milliseconds = headers.get("retry-after-ms", "")
    if milliseconds:
        try:
            return _bounded(float(milliseconds) / 1000)
        except ValueError:
            pass
    text = headers.get("retry-after", "")
    if not text:
        return None
    try:
        return _bounded(float(text))
    except ValueError:
        pass
    try:
        return _bounded(parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def _bounded(seconds: float) -> float:
    """Between none and a day; what is no number is none."""
    return min(max(0.0, seconds), LONGEST_WAIT_S)


def _again(kind: str, message: str) -> bytes:
    return msgspec.json.encode({"error": {"type": kind, "message": message}})
