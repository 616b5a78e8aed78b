"""python -m axenix export USER_ID DEST: all that there is of a person, as JSON; `-` is stdout. Beside a running server.

Profile, rooms, memberships and bans, every message, and the recordings, with the paths of their files in the data
folder. Exit code 0: it is written. 1: it is not; nobody has this number, or DEST is there already.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import orjson

from axenix.commands import Arguments, number
from axenix.errors import CannotStart, Refused
from axenix.stderr import say
from axenix.store.archive import reading
from axenix.store.dossier import export


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    arguments = Arguments("export")
    arguments.add_argument("user_id", metavar="USER_ID", type=number, help="the person's number")
    arguments.add_argument("place", metavar="DEST", help="a file that is not there yet, or - for stdout")
    given = arguments.parse_args(argv)
    try:
        with reading(arguments.config(given, environ).data_dir) as db:
            told = orjson.dumps(export(db, given.user_id), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        write(given.place, told)
    except (CannotStart, Refused, OSError) as error:
        said = f"there is no user {given.user_id}" if isinstance(error, Refused) else error
        say(str(said))
        return 1
    return 0


def write(place: str, told: bytes) -> None:
    """For our eyes only, and over nothing that is there."""
    if place == "-":
        sys.stdout.buffer.write(told)
        return
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(told)
