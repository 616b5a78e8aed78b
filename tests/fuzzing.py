"""Messages nearly right: each valid one of the contract with something changed, so that they get past the first check.

Knows the shapes that clients send. The same seed makes the same messages.
"""

from __future__ import annotations

import json
import random
from typing import Any

VALID: list[dict[str, Any]] = [
    {"type": "offer", "to": 1, "sdp": "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\n"},
    {"type": "answer", "to": 1, "sdp": "v=0\r\n", "restart": True},
    {"type": "ice", "to": 1, "candidate": {"candidate": "c", "sdpMid": "0", "sdpMLineIndex": 0}},
    {"type": "ice", "to": 1, "candidate": "c", "usernameFragment": "u"},
    {"type": "chat.typing", "is_typing": True},
    {"type": "chat.message", "text": "hello", "cid": "c"},
    {"type": "chat.message.enc", "algo": "A256GCM", "ciphertext_b64": "AAAA", "key_epoch": 0},
    {"type": "media.self", "mic_muted": False, "cam_off": True},
    {"type": "hand.raise", "cid": "h"}, {"type": "hand.lower", "user_id": 1},
    {"type": "state.set", "topic": "Tea", "is_locked": False, "mute_all": False},
    {"type": "record.start"}, {"type": "record.stop"},
    {"type": "sync.sub", "after_seq": 0, "limit": 5, "epoch": "e"},
    {"type": "ping", "cid": "p"},
]
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("/api/chat/{slug}", {"text": "hello", "cid": "c"}),
    ("/api/state/{slug}/set_topic", {"topic": "Tea"}),
    ("/api/state/{slug}/set_mute_all", {"value": False}),
    ("/api/participants/{slug}/join", {"invite_key": None}),
    ("/api/rooms", {"title": "Room", "is_private": False}),
    ("/api/auth/guest", {"nickname": "Ann"}),
    ("/api/moderation/{slug}/speak", {"user_id": 3, "can_speak": True}),
    ("/api/moderation/{slug}/kick", {"user_id": 3, "ban_sec": 0, "reason": "r"}),
]
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 2**53, 2**63, 2**64, -2**63, 10**30, "", " ", "0", "a" * 5000, "\0", "\u202e",
    "\ud7ff", "\U0001f600" * 50, "щ" * 2000, [], {}, [[]], [None] * 100, {"type": "ping"}, {"": ""}, "null", "../..",
    "=", "A=", "%s%n", "' OR 1=1", "NaN", "\u2028", "\r\n", "__proto__",
]
PIECES = [b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\u0000", b"\\ud800", b"NaN", b"Infinity", b"-", b"1e999",
          b"/*", b"\n", b"\0", b"\xef\xbb\xbf", b"[" * 2000, b'{"a":' * 500, b"9" * 400, b"null", b"'"]


def mutated(valid: dict[str, Any], chance: random.Random) -> bytes:
    """Never a `leave` (which ends the stay as it should), and always UTF-8 (a text that is not is a violation)."""
    message = dict(valid)
    for _ in range(chance.randrange(3)):
        _change(message, chance)
    text = json.dumps(message, ensure_ascii=chance.random() < 0.5).encode()
    for _ in range(chance.choice((0, 0, 1, 3))):
        text = _bend(text, chance)
    text = text[:60_000].decode(errors="replace").encode()[:60_000].decode(errors="ignore").encode()
    return b"{}" if is_leave(text) else text


def is_leave(text: bytes) -> bool:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and message.get("type") == "leave"


def _change(message: dict[str, Any], chance: random.Random) -> None:
    key = chance.choice([*message]) if message else "type"
    match chance.randrange(5):
        case 0:
            message.pop(key, None)
        case 1 | 2:
            message[key] = chance.choice(ODD)
        case 3:
            message[chance.choice([*chance.choice(VALID), "seq", "user", "__class__"])] = chance.choice(ODD)
        case _:
            other = chance.choice(VALID)
            message[key] = other.get(key, other["type"])


def _bend(text: bytes, chance: random.Random) -> bytes:
    at, to = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    match chance.randrange(5):
        case 0:
            return text[:at] + text[to:]
        case 1:
            return text[:at] + chance.choice(PIECES) + text[at:]
        case 2:
            return text[:to] + text[at:]
        case 3:
            return text[:at]
        case _:
            return text[:at] + bytes([chance.randrange(256)]) + text[at + 1:]
