"""Every option, once: its name, its default, what it means and what may be written there.

`--help`, the environment (`AXENIX_*`), the tables in the documentation and the typed values that the program uses all
come from the fields of `Config`. Knows the command line and the environment; opens no file. How values are written
is known in written.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from axenix import written as w
from axenix.stderr import refuse
from axenix.written import MIN_SECRET_BYTES, Bucket, Network, Rate

T = TypeVar("T")


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

    host: str = _option("127.0.0.1", w.text, "address to listen on")
    port: int = _option("8088", w.whole(0, 65535), "port to listen on; 0 takes any free one")
    data_dir: Path = _option("data", w.path, "folder for the database, the secret and the files of users")
    public_url: str | None = _option(
        "", w.public_url, "address under which people reach the server, used in links; empty: as the request says")
    jwt_secret: bytes | None = _option(
        "", w.secret, f"what signs the tokens, at least {MIN_SECRET_BYTES} bytes; empty: made once and kept in the "
        "data folder. Better in the environment than on the command line, which every process can read", secret=True)
    token_ttl: int = _option("2592000", w.whole(1, 10**9), "seconds until a token runs out (30 days)")
    foreign_secret: bytes | None = _option(
        "", w.secret, f"what another site signs tokens of its own people with (HS256), at least {MIN_SECRET_BYTES} "
        "bytes", secret=True)
    foreign_jwks: Path | None = _option(
        "", w.maybe_path, "file with the public keys of that site, a JSON Web Key Set (EdDSA, ES256, RS256); read "
        "again when it changes")
    allowed_origins: tuple[str, ...] = _option(
        "", w.origins, "origins of other sites' pages that may use this server, with commas between; * is all. "
        "Its own page always may")
    trusted_proxies: tuple[Network, ...] = _option(
        "", w.networks,
        "addresses or networks of proxies whose X-Forwarded-For, -Proto and -Host are believed, with commas between")
    chat_rate: Rate | None = _option("5/10", w.rate, "chat messages/seconds for each member of a room; 0: off")
    message_rate: Bucket | None = _option(
        "50/100", w.bucket, "messages a second/burst on a connection, signals not counted; and requests of one user "
        "that change something; 0: off")
    signal_rate: Bucket | None = _option(
        "200/1000", w.bucket, "signals (offer, answer, ice, typing) a second/burst on a connection; 0: off")
    guest_rate: int = _option("600", w.whole(0, 10**6), "new guests a minute from one address; 0: off")
    connections_per_address: int = _option(
        "1000", w.whole(0, 10**6), "sockets open at once from one address, and as many other connections; 0: off")
    connections_per_user: int = _option("100", w.whole(0, 10**6), "sockets open at once by one user; 0: off")
    rooms_per_user: int = _option("100", w.whole(0, 10**6), "rooms that one user may own; 0: off")
    max_behind: int = _option(
        "1048576", w.whole(1, 2**30), "bytes that may wait for a slow reader before its connection is closed")
    reconnect_grace: float = _option("10", w.seconds, "seconds for which a lost member keeps the place in the room")
    banned_words: tuple[str, ...] = _option(
        "", w.words, "words that chat may not contain, not even inside others, with commas between; case is ignored")
    event_retention: int = _option("0", w.whole(0, 10**15), "events of a room that can be synced, the latest; 0: all")
    max_recording_mb: int = _option("2048", w.whole(0, 10**9), "MiB that a recording may have; 0: no limit")
    room_quota_mb: int = _option(
        "10240", w.whole(0, 10**9), "MiB that all recordings of a room may have together; 0: no limit")
    recording_ttl_days: float = _option(
        "30", w.days, "days after which a recording is deleted, new ones only; 0: never")
    stun_urls: tuple[str, ...] = _option(
        "stun:stun.l.google.com:19302", w.list_of(r"stuns?:\S+", "addresses such as stun:stun.example.org:3478"),
        "STUN servers that tell browsers their public address, with commas between; empty: none")
    turn_urls: tuple[str, ...] = _option(
        "", w.list_of(r"turns?:\S+", "addresses such as turn:turn.example.org:3478"),
        "TURN servers that relay media where no direct way exists, with commas between")
    turn_secret: str | None = _option(
        "", w.maybe, "the secret shared with the TURN servers (coturn's static-auth-secret)", secret=True)
    ice_policy: str = _option(
        "all", w.one_of("all", "relay"),
        "all: browsers take any way to each other; relay: only by TURN, which hides their addresses")
    log_format: str = _option("text", w.one_of("text", "json"), "how the log on stderr is written: text or json")
    log_level: str = _option(
        "info", w.one_of("debug", "info", "warning", "error"),
        "the least that is logged: debug (each request), info (what changes or is refused), warning or error")

    webhook_url: str | None = _option("", w.hook_url, "address that is told of everything that happens in the rooms")
    webhook_secret: bytes | None = _option(
        "", w.secret, f"what signs the requests of the webhook, at least {MIN_SECRET_BYTES} bytes", secret=True)
    webhook_patience: float = _option("86400", w.seconds, "seconds after which the webhook gives up what is not taken")

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
            refuse("AXENIX_TURN_URLS needs AXENIX_TURN_SECRET: browsers accept no TURN server without credentials")
        if config.ice_policy == "relay" and not config.turn_urls:
            refuse("AXENIX_ICE_POLICY=relay needs AXENIX_TURN_URLS: without a TURN server there would be no calls")
        if config.foreign_secret and config.foreign_secret == config.jwt_secret:
            refuse("AXENIX_FOREIGN_SECRET must not be AXENIX_JWT_SECRET: each side signs with a secret of its own")
        if config.webhook_url and not config.webhook_secret:
            refuse("AXENIX_WEBHOOK_URL needs AXENIX_WEBHOOK_SECRET: who is told must be able to know that it is us")
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
        refuse(f"{message}; --help lists the options")


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
        refuse(f"{source}: {given} will not do; it takes {wrong}")
