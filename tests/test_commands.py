"""`python -m axenix` and its words: what is named is done, and what is not is said."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

from axenix.commands import COMMANDS

ROOT = Path(__file__).parents[1]


def axenix(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "axenix", *argv], cwd=ROOT, capture_output=True, text=True, timeout=30)


def test_help_lists_every_command_and_the_options() -> None:
    told = axenix("--help")
    assert told.returncode == 0 and "--data-dir" in told.stdout
    for name, what in [("serve", "run the server, as without any word"), *COMMANDS.items()]:
        assert f"  {name}  {what}\n" in told.stdout


def test_every_command_has_a_module_with_a_main() -> None:
    for name in COMMANDS:
        assert callable(importlib.import_module(f"axenix.commands.{name.replace('-', '_')}").main)


def test_serve_is_what_is_done_without_a_word() -> None:
    told = axenix("serve", "--port", "many")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == "axenix: --port: 'many' will not do; it takes a whole number from 0 to 65535\n"


def test_what_is_no_command_is_refused_with_where_to_look() -> None:
    told = axenix("bakcup")
    assert (told.returncode, told.stderr) == (2, "axenix: there is no command 'bakcup'; --help lists them\n")
