"""What the README says is so."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from axenix.config import markdown_table

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = r"(<!-- options:.*?-->\n)", r"(\n<!-- end of options -->)"


def with_options(text: str) -> str:
    return re.sub(f"{BEGIN}.*?{END}", lambda found: found[1] + markdown_table() + found[2], text, flags=re.DOTALL)


def test_the_readme_lists_the_options_that_there_are() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_options(text) == text, "run: python tests/test_readme.py"


def test_every_file_that_the_readme_names_is_there() -> None:
    text = README.read_text(encoding="utf-8")
    root = README.parent
    for name in re.findall(r"`((?:axenix|static|scripts|tests|room|web|store)/[\w./]*)`", text):
        assert (root / name).exists() or (root / "axenix" / name).exists(), name
    for name in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (root / name).exists(), name


if __name__ == "__main__":
    sys.stdout.write("writing the options into README.md\n")
    README.write_text(with_options(README.read_text(encoding="utf-8")), encoding="utf-8")
