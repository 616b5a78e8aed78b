"""Renews what static/vendor/ holds of others' work: python scripts/vendor.py [version]

Takes the package from npm's registry (npm checks its digest), keeps the few files that are served, their licence and
the version. Run it by hand, look at the page /docs, run the tests, commit.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from _setup import ROOT, say
from _tools import find_node, find_npm

PACKAGE = "swagger-ui-dist"
PLACE = ROOT / "static" / "vendor" / "swagger-ui"
SERVED = ("swagger-ui-bundle.js", "swagger-ui.css")
KEPT = (*SERVED, "LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt")
"""Apache 2.0 wants licence and notice to go along; the bundle has works of others in it, named in the last one."""


def main(arguments: list[str]) -> int:
    npm = find_npm(find_node())
    if npm is None:
        say("No npm was found; it comes with Node.js (https://nodejs.org/).")
        return 1
    wanted = f"{PACKAGE}@{arguments[0] if arguments else 'latest'}"
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.check_output(
            [npm, "pack", "--silent", "--ignore-scripts", wanted], cwd=folder, encoding="utf-8").split()[-1]
        unpack(Path(folder) / packed)
    version = packed.removeprefix(f"{PACKAGE}-").removesuffix(".tgz")
    (PLACE / "VERSION").write_text(f"{PACKAGE} {version}\n", encoding="utf-8")
    say(f"{PLACE.relative_to(ROOT)} is {PACKAGE} {version} now.")
    return 0


def unpack(archive: Path) -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as files:
        for name in KEPT:
            file = files.extractfile(f"package/{name}")
            assert file is not None, f"{PACKAGE} has no {name} any more"
            (PLACE / name).write_bytes(without_map(file.read()) if name in SERVED else file.read())


def without_map(text: bytes) -> bytes:
    """Without its last line, which leads to a map that is not served: nothing asks for it in vain."""
    lines = text.rstrip().splitlines(keepends=True)
    return b"".join(lines[:-1] if b"sourceMappingURL=" in lines[-1] else lines).rstrip() + b"\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
