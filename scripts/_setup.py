"""What run.py and test.py share: `.venv`, a Python environment beside the code with what requirements files ask for.

Knows only the standard library, and nothing of servers or tests. Every Python 3 since 3.6 must be able to read this
far, or it could not be told that it is too old: hence no `from __future__` here, and no newer syntax.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit("Axenix Conference needs Python 3.11 or newer, and this is %d.%d: see https://www.python.org/downloads/"
             % sys.version_info[:2])

import hashlib
import importlib.util
import json
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PACKAGE = re.compile(r"(?:Collecting |Processing \S*[/\\])([A-Za-z][\w.]*(?:-[A-Za-z][\w.]*)*)")
"""How pip names what it has found, in an index or in a file."""
STAMP = VENV / "axenix-installed.json"
"""What `.venv` was made from: a digest for each requirements file, and the kind of Python. Written last of all."""

NEEDS_A_COMPILER = re.compile(r"command '.*' failed|[Ff]ailed building wheel|Visual C\+\+ .* is required")
NEEDS_A_FOLDER = "The project must be in a folder where you may write."


def prepare(*requirements: str) -> None:
    """Makes `.venv` hold what these files ask for; returns at once when it does already."""
    wanted = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in requirements}
    wanted["python"] = str(sys.implementation.cache_tag)
    installed = read_stamp()
    if os.access(PYTHON, os.X_OK) and wanted.items() <= installed.items():
        return
    if installed.get("python", wanted["python"]) != wanted["python"] or not has_pip():
        make_venv()
        installed = {}
    if not os.access(VENV, os.W_OK):
        sys.exit(f"Cannot write to {VENV}. {NEEDS_A_FOLDER}")
    install(requirements)
    STAMP.write_text(json.dumps(installed | wanted, indent=1), encoding="utf-8")


def read_stamp() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def has_pip() -> bool:
    """Whether `.venv` can install anything: it may be missing, half made, or its Python may have been removed."""
    pip = [str(PYTHON), "-m", "pip", "--version"]
    return os.access(PYTHON, os.X_OK) and subprocess.run(pip, capture_output=True).returncode == 0


def make_venv() -> None:
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        sys.exit("This Python comes without venv. On Debian and Ubuntu install it with\n"
                 f"    apt-get install -y {venv_package()}\n"
                 "(as root, or with sudo), and start this again.")
    import venv

    say("Making .venv ...")
    try:
        venv.create(VENV, clear=True, symlinks=os.name != "nt", with_pip=True)
    except OSError as error:
        sys.exit(f"Cannot make {VENV}: {error.strerror}. {NEEDS_A_FOLDER}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"Cannot install pip into {VENV}: {last_lines(error.output.decode(errors='replace'))}")


def venv_package() -> str:
    return "python%d.%d-venv" % sys.version_info[:2]


def install(requirements: tuple[str, ...]) -> None:
    """Runs pip, and says one line for each package in place of the many that pip says."""
    say(f"Installing into .venv what {' and '.join(requirements)} name: a minute or two, only this once ...")
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--prefer-binary"]
    for name in requirements:
        command += ["-r", str(ROOT / name)]
    output = ""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", errors="replace") as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            output += line
            package = PACKAGE.match(line)
            if package:
                say(f"  {package[1]}")
            elif line.startswith("Installing collected packages"):
                say("  unpacking ...")
    if pip.returncode:
        sys.exit(f"{why_pip_failed(output)} pip's last words:\n{last_lines(output)}")


def why_pip_failed(output: str) -> str:
    if "connection broken by" in output:
        return "The Python package index cannot be reached: is there a network?"
    if "Permission denied" in output or "Read-only file system" in output:
        return f"Cannot write to {VENV}. {NEEDS_A_FOLDER}"
    if NEEDS_A_COMPILER.search(output):
        return ("A package comes only as source for this Python or system, and cannot be compiled here. Python 3.11 to "
                "3.14 on 64-bit Linux, macOS and Windows needs no compiler.")
    return "pip could not install everything."


def last_lines(output: str) -> str:
    return "\n".join("    " + line[:160] for line in output.strip().splitlines()[-4:])


def say(line: str) -> None:
    print(line, flush=True)
