"""python -m axenix backup DEST: everything the server keeps, in a folder that can be put in the data folder's place.

Exit code 0: the backup is there, and was read again. 1: there is none; or there is one, and it lacks files that the
data folder lacks too, which stderr names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from axenix.commands import Arguments
from axenix.errors import CannotStart
from axenix.stderr import say
from axenix.store.backup import back_up


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    arguments = Arguments("backup")
    arguments.add_argument("place", metavar="DEST", type=Path, help="a folder that is not there yet, or is empty")
    arguments.add_argument("--copy", action="store_true", help="copy the files of users where they could be linked")
    given = arguments.parse_args(argv)
    try:
        made = back_up(arguments.config(given, environ).data_dir, given.place, link=not given.copy)
    except CannotStart as error:
        say(str(error))
        return error.exit_code
    print(f"{given.place}: {made.rooms} rooms, {made.files} files, {made.size} bytes; read again, and sound"
          if not made.flaws else f"{given.place}: {made.rooms} rooms and {made.files} files, not complete")
    for flaw in made.flaws:
        say(flaw)
    return 1 if made.flaws else 0
