"""Every option, once: its name, its default, what it means and what may be written there.

`--help`, the environment (`AXENIX_*`), the tables in the documentation and the typed values that the program uses all
come from the fields of `Config`. Knows the command line and the environment; opens no file and knows no other module.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

T = TypeVar("T")
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


# ---- what may be written: each parser says in its ValueError what would have been right ------------------------------


def _text(raw: str) -> str:
    if not raw.strip():
        raise ValueError("something that is not empty")
    return raw.strip()


def _maybe(raw: str) -> str | None:
    return raw.strip() or None


def _path(raw: str) -> Path:
    return Path(_text(raw))


def _maybe_path(raw: str) -> Path | None:
    return Path(raw.strip()) if raw.strip() else None


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", raw.strip()) or not least <= int(raw) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(raw)
    return parse


def _seconds(raw: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", raw.strip()):
        raise ValueError("seconds, such as 10 or 2.5")
    return float(raw)


def _days(raw: str) -> float:
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,9})?", raw.strip()):
        raise ValueError("days, such as 30 or 0.5")
    return float(raw)


def _pair(raw: str, meaning: str) -> tuple[int, int] | None:
    if raw.strip() == "0":
        return None
    written = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", raw.strip())
    if not written or not int(written[1]) or not int(written[2]):
        raise ValueError(f"two numbers from 1 on, {meaning}; or 0 for no limit")
    return int(written[1]), int(written[2])


def _rate(raw: str) -> Rate | None:
    pair = _pair(raw, "messages/seconds, such as 5/10")
    return pair and Rate(*pair)


def _bucket(raw: str) -> Bucket | None:
    pair = _pair(raw, "per second/burst, such as 50/100")
    return pair and Bucket(*pair)


def _words(raw: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in raw.split(",") if word.strip())


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw.strip().lower() not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return raw.strip().lower()
    return parse


def _list_of(pattern: str, meaning: str) -> Callable[[str], tuple[str, ...]]:
    def parse(raw: str) -> tuple[str, ...]:
        if not all(re.fullmatch(pattern, word, re.IGNORECASE) for word in _words(raw)):
            raise ValueError(f"{meaning}, with commas between")
        return _words(raw)
    return parse


def _origins(raw: str) -> tuple[str, ...]:
    parse = _list_of(r"\*|[a-z][a-z0-9+.-]*://[^/\s?#@]+/?", "origins such as https://meet.example.org, or *")
    return tuple(origin.rstrip("/").lower() for origin in parse(raw))  # browsers send origins in lower case


def _networks(raw: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(word, strict=False) for word in _words(raw))
    except ValueError:
        raise ValueError("addresses or networks such as 127.0.0.1 or 10.0.0.0/8, with commas between") from None


def _public_url(raw: str) -> str | None:
    url = raw.strip().rstrip("/")
    if url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise ValueError("an address such as https://meet.example.org")
    return url or None


def _hook_url(raw: str) -> str | None:
    if raw.strip() and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s#]*)?", raw.strip()):
        raise ValueError("an address such as https://example.org/hook")
    return raw.strip() or None


def _secret(raw: str) -> bytes | None:
    secret = raw.encode("utf-8", "surrogateescape")
    if raw and len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"at least {MIN_SECRET_BYTES} bytes")
    return secret or None


# ---- the options -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Option:
    name: str
    default: str
    """As one would write it."""
    parse: Callable[[str], object]
    meaning: str
    secret: bool

    @property
    def env(self) -> str:
        return f"AXENIX_{self.name.upper()}"

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"


def _option(default: str, parse: Callable[[str], T], meaning: str, *, secret: bool = False) -> T:
    about = {"default": default, "parse": parse, "meaning": meaning, "secret": secret}
    return field(default=parse(default), repr=not secret, metadata=about)


@dataclass(frozen=True)
class Config:
    """How this server was told to run. Made by `load`; tests make their own by naming what differs."""

    host: str = _option("127.0.0.1", _text, "address to listen on")
    port: int = _option("8088", _whole(0, 65535), "port to listen on; 0 takes any free one")
    data_dir: Path = _option("data", _path, "folder for the database, the secret and the files of users")
    public_url: str | None = _option(
        "", _public_url, "address under which people reach the server, used in links; empty: as the request says")
    jwt_secret: bytes | None = _option(
        "", _secret, f"what signs the tokens, at least {MIN_SECRET_BYTES} bytes; empty: made once and kept in the data "
        "folder. Better in the environment than on the command line, which every process can read", secret=True)
    token_ttl: int = _option("2592000", _whole(1, 10**9), "seconds until a token runs out (30 days)")
    foreign_secret: bytes | None = _option(
        "", _secret, f"what another site signs tokens of its own people with (HS256), at least {MIN_SECRET_BYTES} "
        "bytes", secret=True)
    foreign_jwks: Path | None = _option(
        "", _maybe_path, "file with the public keys of that site, a JSON Web Key Set (EdDSA, ES256, RS256); read again "
        "when it changes")
    allowed_origins: tuple[str, ...] = _option(
        "", _origins, "origins of other sites' pages that may use this server, with commas between; * is all. "
        "Its own page always may")
    trusted_proxies: tuple[Network, ...] = _option(
        "", _networks,
        "addresses or networks of proxies whose X-Forwarded-For, -Proto and -Host are believed, with commas between")
    chat_rate: Rate | None = _option("5/10", _rate, "chat messages/seconds for each member of a room; 0: off")
    message_rate: Bucket | None = _option(
        "50/100", _bucket, "messages a second/burst on a connection, signals not counted; and requests of one user "
        "that change something; 0: off")
    signal_rate: Bucket | None = _option(
        "200/1000", _bucket, "signals (offer, answer, ice, typing) a second/burst on a connection; 0: off")
    guest_rate: int = _option("600", _whole(0, 10**6), "new guests a minute from one address; 0: off")
    connections_per_address: int = _option(
        "1000", _whole(0, 10**6), "sockets open at once from one address, and as many other connections; 0: off")
    connections_per_user: int = _option("100", _whole(0, 10**6), "sockets open at once by one user; 0: off")
    rooms_per_user: int = _option("100", _whole(0, 10**6), "rooms that one user may own; 0: off")
    max_behind: int = _option(
        "1048576", _whole(1, 2**30), "bytes that may wait for a slow reader before its connection is closed")
    reconnect_grace: float = _option("10", _seconds, "seconds for which a lost member keeps the place in the room")
    banned_words: tuple[str, ...] = _option(
        "", _words, "words that chat may not contain, not even inside others, with commas between; case is ignored")
    event_retention: int = _option("0", _whole(0, 10**15), "events of a room that can be synced, the latest; 0: all")
    max_recording_mb: int = _option("2048", _whole(0, 10**9), "MiB that a recording may have; 0: no limit")
    room_quota_mb: int = _option(
        "10240", _whole(0, 10**9), "MiB that all recordings of a room may have together; 0: no limit")
    recording_ttl_days: float = _option(
        "30", _days, "days after which a recording is deleted, new ones only; 0: never")
    stun_urls: tuple[str, ...] = _option(
        "stun:stun.l.google.com:19302", _list_of(r"stuns?:\S+", "addresses such as stun:stun.example.org:3478"),
        "STUN servers that tell browsers their public address, with commas between; empty: none")
    turn_urls: tuple[str, ...] = _option(
        "", _list_of(r"turns?:\S+", "addresses such as turn:turn.example.org:3478"),
        "TURN servers that relay media where no direct way exists, with commas between")
    turn_secret: str | None = _option(
        "", _maybe, "the secret shared with the TURN servers (coturn's static-auth-secret)", secret=True)
    ice_policy: str = _option(
        "all", _one_of("all", "relay"),
        "all: browsers take any way to each other; relay: only by TURN, which hides their addresses")
    log_format: str = _option("text", _one_of("text", "json"), "how the log on stderr is written: text or json")
    log_level: str = _option(
        "info", _one_of("debug", "info", "warning", "error"),
        "the least that is logged: debug (each request), info (what changes or is refused), warning or error")

    webhook_url: str | None = _option("", _hook_url, "address that is told of everything that happens in the rooms")
    webhook_secret: bytes | None = _option(
        "", _secret, f"what signs the requests of the webhook, at least {MIN_SECRET_BYTES} bytes", secret=True)
    webhook_patience: float = _option("86400", _seconds, "seconds after which the webhook gives up what is not taken")

    @classmethod
    def load(cls, argv: Sequence[str], environ: Mapping[str, str], overview: str = "") -> Config:
        """The command line wins over the environment. What is wrong ends the program: one line, exit code 2.

        `overview` is what `--help` says besides.
        """
        flags = vars(_parser(overview).parse_args(argv))
        values: dict[str, Any] = {}
        for option in OPTIONS:
            if flags[option.name] is not None:
                values[option.name] = _read(option, option.flag, flags[option.name])
            elif option.env in environ:
                values[option.name] = _read(option, option.env, environ[option.env])
        config = cls(**values)
        if config.turn_urls and not config.turn_secret:
            _refuse("AXENIX_TURN_URLS needs AXENIX_TURN_SECRET: browsers accept no TURN server without credentials")
        if config.ice_policy == "relay" and not config.turn_urls:
            _refuse("AXENIX_ICE_POLICY=relay needs AXENIX_TURN_URLS: without a TURN server there would be no calls")
        if config.foreign_secret and config.foreign_secret == config.jwt_secret:
            _refuse("AXENIX_FOREIGN_SECRET must not be AXENIX_JWT_SECRET: each side signs with a secret of its own")
        if config.webhook_url and not config.webhook_secret:
            _refuse("AXENIX_WEBHOOK_URL needs AXENIX_WEBHOOK_SECRET: who is told must be able to know that it is us")
        return config


OPTIONS = tuple(Option(name=each.name, **each.metadata) for each in fields(Config))


def markdown_table() -> str:
    """The options as the documentation shows them."""
    rows = ["| environment | command line | default | |", "|---|---|---|---|"]
    for each in OPTIONS:
        default = f"`{each.default}`" if each.default else ""
        rows.append(f"| `{each.env}` | `{each.flag}` | {default} | {each.meaning} |")
    return "\n".join(rows)


# ---- the command line ------------------------------------------------------------------------------------------------


class _Formatter(argparse.HelpFormatter):
    """Lines of the description stay lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in text.splitlines())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _refuse(f"{message}; --help lists the options")


def _parser(overview: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m axenix", usage="%(prog)s [command] [options]", allow_abbrev=False,
        description=f"Axenix Conference: online meetings.\n\n{overview}".strip(),
        epilog="Every option may be given in the environment instead; the command line wins.",
        formatter_class=_Formatter,
    )
    for each in OPTIONS:
        about = f"{each.meaning} [{each.env}; default: {each.default or 'empty'}]"
        parser.add_argument(each.flag, dest=each.name, metavar="VALUE", help=about.replace("%", "%%"))
    return parser


def _read(option: Option, source: str, raw: str) -> object:
    try:
        return option.parse(raw)
    except ValueError as wrong:
        given = "what is given" if option.secret else ascii(raw)
        _refuse(f"{source}: {given} will not do; it takes {wrong}")


def _refuse(line: str) -> NoReturn:
    print(f"axenix: {line}", file=sys.stderr)
    raise SystemExit(2)
