"""python -m axenix check [FOLDER]: one sentence for each thing that is wrong, on stdout. Reads only.

Exit code 0: nothing is wrong. 1: something is. The folder may be a backup, or that of a running server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from axenix.commands import Arguments
from axenix.errors import CannotStart
from axenix.stderr import say
from axenix.store.findings import findings


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    arguments = Arguments("check")
    arguments.add_argument("folder", metavar="FOLDER", type=Path, nargs="?", help="a backup; else the data folder")
    arguments.add_argument("--quick", action="store_true", help="do not read the recordings, only look at their sizes")
    given = arguments.parse_args(argv)
    folder = given.folder or arguments.config(given, environ).data_dir
    try:
        flaws = findings(folder, hashes=not given.quick)
    except CannotStart as error:
        say(str(error))
        return 1
    for flaw in flaws or [f"{folder}: nothing is wrong"]:
        print(flaw)
    return 1 if flaws else 0
