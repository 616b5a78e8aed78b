"""What `python -m axenix` can do besides serving: one short module for each word, imported when it is asked for.

A command's module has `main(argv, environ) -> int`, which takes what follows its name and answers with the exit code:
0 done; 1 it could not be done, or something is wrong with the data; 2 it was asked in a wrong way; 3 the database
cannot be trusted. What people want to keep goes to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping, Sequence
from typing import NoReturn

from axenix.config import Config
from axenix.stderr import refuse

COMMANDS: dict[str, str] = {
    "backup": "a copy of everything in a folder of its own, made while the server runs",
    "check": "what is wrong with the data folder, or with a backup",
    "export": "all that there is of a person, as JSON",
    "erase-user": "a person's name, messages, recordings and keys are gone for good",
    "dead-letters": "what the webhook did not take; sends it again if asked to",
}
"""What stands on the command line, and what it does. The module has the same name, with _ in place of -."""

SERVE = "serve"
"""What is done when nothing is named."""


def overview() -> str:
    """For `--help`."""
    words = {SERVE: "run the server, as without any word"} | COMMANDS
    return "\n".join(["commands (each has a --help of its own):", *(f"  {word}  {words[word]}" for word in words)])


def named(argv: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The word, and what follows it. What is no command ends the program."""
    if not argv or argv[0].startswith("-"):
        return SERVE, argv
    if argv[0] != SERVE and argv[0] not in COMMANDS:
        refuse(f"there is no command {argv[0]!a}; --help lists them")
    return argv[0], argv[1:]


def run(name: str, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return int(module.main(argv, environ))


class Arguments(argparse.ArgumentParser):
    """What a command takes, the data folder included."""

    def __init__(self, name: str) -> None:
        super().__init__(prog=f"python -m axenix {name}", description=COMMANDS[name], allow_abbrev=False)
        self.add_argument("--data-dir", metavar="VALUE", help="the server's data folder [AXENIX_DATA_DIR]")

    def error(self, message: str) -> NoReturn:
        refuse(f"{message}; {self.prog} --help says more")

    def config(self, given: argparse.Namespace, environ: Mapping[str, str]) -> Config:
        """As the server would be configured that owns the folder."""
        return Config.load(["--data-dir", given.data_dir] if given.data_dir is not None else [], environ)


def number(raw: str) -> int:
    """A user's. Raises ValueError."""
    if not raw.isascii() or not raw.isdigit() or not 0 < len(raw) <= 16 or not int(raw):
        raise ValueError(raw)
    return int(raw)
