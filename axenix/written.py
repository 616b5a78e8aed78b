"""What may be written as the value of an option: each function says in its ValueError what would have been right."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import NamedTuple

Network = IPv4Network | IPv6Network
MIN_SECRET_BYTES = 32


class Rate(NamedTuple):
    """At most `limit` in any `seconds`."""

    limit: int
    seconds: float


class Bucket(NamedTuple):
    """`per_second` in the long run, `burst` at once."""

    per_second: float
    burst: int


def text(raw: str) -> str:
    if not raw.strip():
        raise ValueError("something that is not empty")
    return raw.strip()


def maybe(raw: str) -> str | None:
    return raw.strip() or None


def path(raw: str) -> Path:
    return Path(text(raw))


def maybe_path(raw: str) -> Path | None:
    return Path(raw.strip()) if raw.strip() else None


def whole(least: int, most: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", raw.strip()) or not least <= int(raw) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(raw)
    return parse


def seconds(raw: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", raw.strip()):
        raise ValueError("seconds, such as 10 or 2.5")
    return float(raw)


def days(raw: str) -> float:
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,9})?", raw.strip()):
        raise ValueError("days, such as 30 or 0.5")
    return float(raw)


def pair(raw: str, meaning: str) -> tuple[int, int] | None:
    if raw.strip() == "0":
        return None
    written = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", raw.strip())
    if not written or not int(written[1]) or not int(written[2]):
        raise ValueError(f"two numbers from 1 on, {meaning}; or 0 for no limit")
    return int(written[1]), int(written[2])


def rate(raw: str) -> Rate | None:
    found = pair(raw, "messages/seconds, such as 5/10")
    return found and Rate(*found)


def bucket(raw: str) -> Bucket | None:
    found = pair(raw, "per second/burst, such as 50/100")
    return found and Bucket(*found)


def words(raw: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in raw.split(",") if word.strip())


def one_of(*words: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw.strip().lower() not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return raw.strip().lower()
    return parse


def list_of(pattern: str, meaning: str) -> Callable[[str], tuple[str, ...]]:
    def parse(raw: str) -> tuple[str, ...]:
        if not all(re.fullmatch(pattern, word, re.IGNORECASE) for word in words(raw)):
            raise ValueError(f"{meaning}, with commas between")
        return words(raw)
    return parse


def origins(raw: str) -> tuple[str, ...]:
    parse = list_of(r"\*|[a-z][a-z0-9+.-]*://[^/\s?#@]+/?", "origins such as https://meet.example.org, or *")
    return tuple(origin.rstrip("/").lower() for origin in parse(raw))  # browsers send origins in lower case


def networks(raw: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(word, strict=False) for word in words(raw))
    except ValueError:
        raise ValueError("addresses or networks such as 127.0.0.1 or 10.0.0.0/8, with commas between") from None


def public_url(raw: str) -> str | None:
    url = raw.strip().rstrip("/")
    if url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise ValueError("an address such as https://meet.example.org")
    return url or None


def hook_url(raw: str) -> str | None:
    if raw.strip() and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s#]*)?", raw.strip()):
        raise ValueError("an address such as https://example.org/hook")
    return raw.strip() or None


def secret(raw: str) -> bytes | None:
    secret = raw.encode("utf-8", "surrogateescape")
    if raw and len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"at least {MIN_SECRET_BYTES} bytes")
    return secret or None
