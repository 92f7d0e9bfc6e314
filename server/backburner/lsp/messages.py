"""JSON-RPC messages: bytes to a checked envelope, answers and errors to bytes. Knows no method and keeps no state."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, cast

import cattrs
import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from pygls.exceptions import JsonRpcException

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NOT_INITIALIZED = -32002
REQUEST_CANCELLED = -32800
REQUEST_FAILED = -32803

Id = int | str


class Malformed(Exception):
    """What came is no JSON-RPC message; `id` is the one to answer to."""

    def __init__(self, code: int, sentence: str, id: Id | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.id = id


class Message(Struct):
    """One message of a client. Parts stay undecoded, because their types hang on the method."""

    jsonrpc: Any = None
    id: Any = UNSET
    method: Any = UNSET
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Any = UNSET

    @property
    def is_request(self) -> bool:
        return self.method is not UNSET and self.id is not UNSET


_decoder = msgspec.json.Decoder(Message)


def read(body: bytes) -> Message:
    """A checked message. Raises `Malformed`."""
    try:
        message = _decoder.decode(body)
    except msgspec.ValidationError:
        raise Malformed(INVALID_REQUEST, _why_not(body)) from None
    except RecursionError:
        raise Malformed(PARSE_ERROR, "The message is nested too deeply.") from None
    except msgspec.DecodeError as error:
        message = _read_leniently(body, error)
    id = message.id
    id_is_good = id is UNSET or (isinstance(id, int | str) and not isinstance(id, bool))
    known_id = cast(Id, id) if id_is_good and id is not UNSET else None
    if message.jsonrpc != "2.0":
        raise Malformed(INVALID_REQUEST, 'Expected "jsonrpc": "2.0".', known_id)
    if message.method is not UNSET:
        if not isinstance(message.method, str):
            raise Malformed(INVALID_REQUEST, "`method` must be a string.", known_id)
        if not id_is_good:
            raise Malformed(INVALID_REQUEST, "`id` must be a number without fraction or a string.")
    elif message.result is UNSET and message.error is UNSET:
        raise Malformed(INVALID_REQUEST, "Neither a method nor a result.", known_id)
    return message


def plain(raw: Raw | UnsetType) -> Any:
    """Undecoded JSON as dicts, lists, strings ...; None when there was none. Raises `Malformed`."""
    if isinstance(raw, UnsetType):
        return None
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise Malformed(PARSE_ERROR, f"Not JSON: {error}.") from None


def wrong_shape(error: Exception) -> str:
    """One sentence on why params could not be read; nothing in it but names and types."""
    if isinstance(error, msgspec.ValidationError):
        return str(error).replace("$", "params", 1) + "."
    if isinstance(error, cattrs.ClassValidationError):
        problems = cattrs.transform_error(error, path="params")
        return _camel("; ".join(problems[:3])) + "."
    return "The params have the wrong shape."


def encode_result(id: Id, result: Any) -> bytes:
    return b'{"jsonrpc":"2.0","id":' + to_json(id) + b',"result":' + to_json(result) + b"}"


def encode_error(id: Id | None, code: int, sentence: str, data: Any = None) -> bytes:
    error: dict[str, Any] = {"code": code, "message": sentence}
    if data is not None:
        error["data"] = data
    return to_json({"jsonrpc": "2.0", "id": id, "error": error})


def encode_call(method: str, params: Any, id: Id | None = None) -> bytes:
    """A request (with an id) or a notification. `params` None: there are none."""
    head = b'{"jsonrpc":"2.0",' + (b"" if id is None else b'"id":' + to_json(id) + b",")
    tail = b"" if params is None else b',"params":' + to_json(params)
    return head + b'"method":' + to_json(method) + tail + b"}"


def to_json(value: Any) -> bytes:
    """JSON of plain values, structs and enumerations."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        # A lone surrogate, such as JavaScript's strings may hold, can only be written as an escape.
        return json.dumps(msgspec.to_builtins(value)).encode()


def client_error(error: Any) -> JsonRpcException:
    """What a client answered in place of a result, whatever shape it has."""
    fields = cast(dict[str, Any], error) if isinstance(error, dict) else {}
    code = fields.get("code")
    return JsonRpcException(
        str(fields.get("message", "the client refused")),
        code if isinstance(code, int) else REQUEST_FAILED,
        fields.get("data"),
    )


def _read_leniently(body: bytes, error: msgspec.DecodeError) -> Message:
    """Take escapes of lone surrogates, which are JSON but no Unicode; re-raise everything else as `Malformed`."""
    if b"\\u" not in body:
        raise Malformed(PARSE_ERROR, f"Not JSON: {error}.") from None
    try:
        value = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Malformed(PARSE_ERROR, f"Not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise Malformed(INVALID_REQUEST, _why_not(body))
    fields = cast(dict[str, Any], _without_lone_surrogates(value))
    parts = {name: fields[name] for name in ("jsonrpc", "id", "method", "error") if name in fields}
    raws = {name: Raw(msgspec.json.encode(fields[name])) for name in ("params", "result") if name in fields}
    return Message(**parts, **raws)


def _without_lone_surrogates(value: Any) -> Any:
    """The same JSON with each lone surrogate replaced by U+FFFD, which has the same length in UTF-16."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in cast(list[Any], value)]
    if isinstance(value, dict):
        items = cast(dict[str, Any], value).items()
        return {_without_lone_surrogates(name): _without_lone_surrogates(item) for name, item in items}
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _why_not(body: bytes) -> str:
    if body.lstrip()[:1] == b"[":
        return "Batches are not part of the protocol; send one message at a time."
    return "A message must be a JSON object with sane fields."


def _camel(text: str) -> str:
    return re.sub(r"(?<=[a-z])_([a-z])", lambda match: match[1].upper(), text)


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
}
_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`(?: - at `\$\.?(?P<where>[^`]*)`)?")
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]+)`(?: - at `\$\.?(?P<where>[^`]*)`)?")


def misfit(name: str, error: str) -> str:
    """What is wrong with a command's argument, as a sentence, from the decoder's own words."""
    if expected := _EXPECTED.fullmatch(error):
        wanted = " or ".join(_KINDS.get(kind.strip(), kind.strip()) for kind in expected["wanted"].split("|"))
        got = _KINDS.get(expected["got"], expected["got"])
        where = f"`{expected['where']}`" if expected["where"] else "the argument"
        return f"{name}: {where} must be {wanted}, not {got}."
    if missing := _MISSING.fullmatch(error):
        where = f"{missing['where']}." if missing["where"] else ""
        return f"{name}: `{where}{missing['field']}` is missing."
    return f"{name}: {error}."
