"""python -m axenix dead-letters: what the webhook did not take, one line each; with --replay it is sent again.

Works beside a running server, which alone writes its database: the wish is left in the data folder, and the server
looks there every few seconds. Exit code 0: listed, or asked for. 1: the database cannot be read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from axenix.commands import Arguments
from axenix.errors import CannotStart
from axenix.stderr import say
from axenix.store.outbox import Letter, ask_for_replay, dead_letters


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    arguments = Arguments("dead-letters")
    arguments.add_argument("letters", metavar="LETTER", type=int, nargs="*", help="its number; none: all")
    arguments.add_argument("--replay", action="store_true", help="have the server send them again")
    given = arguments.parse_args(argv)
    folder = arguments.config(given, environ).data_dir
    try:
        letters = [each for each in dead_letters(folder) if not given.letters or each.id in given.letters]
        if given.replay and letters:
            ask_for_replay(folder, letters)
    except (sqlite3.Error, OSError, ValueError, CannotStart) as error:
        say(f"the dead letters in {folder} cannot be read, or asked for: {error}")
        return 1
    for letter in letters:
        print(described(letter))
    if given.replay:
        say(f"{len(letters)} will be sent again by the server")
    return 0


def described(letter: Letter) -> str:
    return (f"{letter.id}: {letter.slug} {letter.epoch} events {letter.first} to {letter.last}, "
            f"given up at {letter.died_at}: {letter.why}")
