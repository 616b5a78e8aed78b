"""JSON: what a client's text means, and what the server's messages look like, each in its frame.

Knows shapes, not sockets. A message to many is encoded once and framed once.
"""

from __future__ import annotations

from typing import Any, Sequence, get_args

import msgspec
import orjson

from axenix.errors import Refused
from axenix.frames import text_frame
from axenix.room.commands import Answer, ClientCommand, Command, Ice, Offer

_command: msgspec.json.Decoder[Command] = msgspec.json.Decoder(ClientCommand)
encode = msgspec.json.Encoder().encode

TYPES: dict[str, type[Command]] = {kind.__struct_config__.tag: kind for kind in get_args(ClientCommand)}
SIGNALS = (Offer, Answer, Ice)
_NEEDS_TO = {kind.__struct_config__.tag for kind in SIGNALS}


class Malformed(Refused):
    """A frame that is no command: told to its sender, with the cid if one can be made out."""

    cid: str | None = None


def parse(frame: bytes) -> Command:
    """The command that a client's text frame holds. Raises Malformed."""
    try:
        return _command.decode(frame)
    except msgspec.ValidationError as error:
        raise explain(frame, str(error)) from None
    except (msgspec.DecodeError, RecursionError):
        raise Malformed("bad_json") from None


def explain(frame: bytes, error: str) -> Malformed:
    """Look again, slowly, for the reason code that says best what is wrong."""
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return Malformed("bad_json")
    if not isinstance(message, dict):
        return Malformed("bad_payload", "A message is a JSON object.")
    kind = message.get("type")
    if not isinstance(kind, str):
        malformed = Malformed("bad_payload", "`type` is needed, a string.")
    elif kind not in TYPES:
        malformed = Malformed("unknown_message_type", f"There is no message of type {kind[:64]!r}.")
    elif kind in _NEEDS_TO and message.get("to") is None:
        malformed = Malformed("missing_to")
    else:
        malformed = Malformed("bad_payload", error.replace("$.", ""))
    cid = message.get("cid")
    malformed.cid = cid if isinstance(cid, str) and 0 < len(cid) <= 64 else None
    return malformed


def message(kind: str, **fields: Any) -> bytes:
    """A framed message that is not an event."""
    return text_frame(encode({"type": kind, **fields}))


def ack(cid: str, seq: int | None) -> bytes:
    return message("ack", cid=cid) if seq is None else message("ack", cid=cid, seq=seq)


def error(refused: Refused, cid: str | None) -> bytes:
    fields = refused.body()
    if cid is not None:
        fields["cid"] = cid
    return message("error", **fields)


def page(items: Sequence[bytes], next_seq: int, floor_seq: int, epoch: str, has_more: bool) -> bytes:
    """The JSON of a page of history: events exactly as they were sent live, joined and not encoded again."""
    rest = encode({"next_seq": next_seq, "floor_seq": floor_seq, "epoch": epoch, "has_more": has_more})
    return b'{"items":[' + b",".join(items) + b"]," + rest[1:]


def reset(reason: str, snapshot: bytes, next_seq: int, floor_seq: int, epoch: str) -> bytes:
    """The JSON of a reset: forget what you have, here is the room as it stands."""
    rest = encode({"next_seq": next_seq, "floor_seq": floor_seq, "epoch": epoch})
    return b'{"reason":"' + reason.encode() + b'","snapshot":' + snapshot + b"," + rest[1:]


def typed(kind: str, body: bytes) -> bytes:
    """A framed message from the JSON of its fields."""
    return text_frame(b'{"type":"' + kind.encode() + b'",' + body[1:])
