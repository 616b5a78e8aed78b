"""python -m axenix erase-user USER_ID: a person is gone: name, picture, keys, messages, recordings, tokens.

Rooms live in the memory of a running server, so the server is asked to do it, in the person's own name; where none
runs, the same code is run here. Exit code 0: gone. 1: not, or not yet; stderr says why.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from axenix import tokens
from axenix.app import furnish
from axenix.commands import Arguments, number
from axenix.config import Config
from axenix.errors import CannotStart, Refused
from axenix.stderr import say
from axenix.store.archive import reading
from axenix.store.database import Database
from axenix.store.folder import ADDRESS, load_or_make_secret, take
from axenix.web.erasure import erase

TOKEN_SECONDS = 60
PATIENCE = aiohttp.ClientTimeout(total=3600)
"""All of history is looked through."""
LATER = """; the last traces, in unused bytes of the database, go within a minute,
or with the next start of the server if the database is big"""
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
"""Whoever listens on all addresses is asked at its own."""


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    arguments = Arguments("erase-user")
    arguments.add_argument("user_id", metavar="USER_ID", type=number, help="the person's number")
    given = arguments.parse_args(argv)
    config = arguments.config(given, environ)
    try:
        if is_erased(config.data_dir, given.user_id):
            print(f"user {given.user_id} is erased already")
            return 0
        way = by_the_server if is_owned(config.data_dir) else by_ourselves
        gone = asyncio.run(way(config, given.user_id))
    except (CannotStart, Refused, OSError, aiohttp.ClientError) as error:
        said = error.detail if isinstance(error, Refused) else error
        say(f"user {given.user_id} is not erased: {said}")
        return 1
    print(f"user {given.user_id} is erased{'' if gone else LATER}")
    return 0


def is_erased(folder: Path, user_id: int) -> bool:
    """At least for the eyes of everybody; what is left of it goes by itself. Raises Refused."""
    with reading(folder) as db:
        column = "erased" if db.execute("PRAGMA user_version").fetchone()[0] >= 3 else "0"
        row = db.execute(f"SELECT {column} FROM people WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        raise Refused("user_not_found")
    return bool(row[0])


def is_owned(folder: Path) -> bool:
    """By a server that runs."""
    try:
        os.close(take(folder))
    except CannotStart:
        return True
    return False


# ---- the server does it ----------------------------------------------------------------------------------------------


async def by_the_server(config: Config, user_id: int) -> bool:
    secret = config.jwt_secret or load_or_make_secret(config.data_dir)
    token = tokens.issue(secret, user_id, time.time(), TOKEN_SECONDS)
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        async with session.delete(
            f"{address(config.data_dir)}/api/users/me", headers={"Authorization": f"Bearer {token}"}
        ) as response:
            told: dict[str, Any] = await response.json()
    if response.status == 401:
        raise CannotStart("the server does not take our token; AXENIX_JWT_SECRET must be the same as the server's")
    if response.status != 200:
        raise CannotStart(f"the server says: {told['detail']} ({told['reason']})")
    return bool(told["complete"])


def address(folder: Path) -> str:
    path = folder / ADDRESS
    if not path.exists():
        raise CannotStart(f"the data folder is in use, but there is no {path} that says where; try again soon")
    scheme, _, rest = path.read_text().strip().partition("://")
    host, _, port = rest.rpartition(":")
    return f"{scheme}://{EVERYWHERE.get(host, host)}:{port}"


# ---- nobody else does it ---------------------------------------------------------------------------------------------


async def by_ourselves(config: Config, user_id: int) -> bool:
    database = await Database.open(config.data_dir, on_fatal=lambda line, code: say(line))
    try:
        house = furnish(config, database)
        house.files.prepare()
        house.partials.load()
        gone = await erase(house, user_id)
        house.rooms.drain()
        await house.journal.flushed()
    finally:
        await database.close()
    return gone
