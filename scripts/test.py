"""Installs what the tests need and runs them all: python scripts/test.py [arguments for pytest, which then runs alone]

The exit code is 0 only if every step passed. pytest comes last, so that its summary closes the output.
"""

import importlib.util
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import _setup
import _tools
from _setup import PYTHON, ROOT, say


def main(arguments: list[str]) -> int:
    node = install()
    if arguments:
        return run_pytest(arguments)
    tsc = [node, str(_tools.package_file("typescript/bin/tsc")), "--project"]
    checks = {
        "flake8": [str(PYTHON), "-m", "flake8", "axenix", "scripts", "tests"],
        "mypy": [str(PYTHON), "-m", "mypy"],
        "tsc": [*tsc, "tests/tsconfig.json"],
        "tsc, where there is no page": [*tsc, "tests/tsconfig.pageless.json"],
        "node --test": [node, "--test", *javascript_tests()],
    }
    passed = [check(name, command) for name, command in checks.items()]
    say("== pytest")
    together = run_pytest(["-n", "2", "--dist", "worksteal", "-m", "not alone"])  # most tests wait most of the time
    say("== pytest, what measures time")
    return run_pytest(["-m", "alone"]) or together or int(not all(passed))


def install() -> str:
    """Everything that the tests need and that is not there yet; answers with Node's path."""
    if importlib.util.find_spec("ensurepip") is None and not _setup.PYTHON.exists() and _tools.is_debian(True):
        _tools.apt_install(_setup.venv_package())
    _setup.prepare("requirements.txt", "tests/requirements.txt")
    found_or_installed(_tools.find_browser, _tools.install_browser, _tools.NO_BROWSER)
    found_or_installed(_tools.find_firefox, _tools.install_firefox, _tools.NO_FIREFOX)
    _tools.install_programs()
    node = found_or_installed(_tools.find_node, _tools.install_node, _tools.NO_NODE)
    _tools.install_packages(node)
    return node or "node"


def found_or_installed(find: Callable[[], str | None], install: Callable[[], None], otherwise: str) -> str | None:
    path = find()
    if path is None:
        install()
        path = find()
    if path is None:
        say(otherwise)
    return path


def javascript_tests() -> list[str]:
    """By name, because versions of Node differ in what a folder or a pattern means."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "js").rglob("*test*.*js"))


def check(name: str, command: list[str]) -> bool:
    say(f"== {name}")
    began = time.monotonic()
    try:
        passed = subprocess.call(command, cwd=ROOT, stdin=subprocess.DEVNULL) == 0
    except FileNotFoundError:
        passed = False
        say(f"   {command[0]} is not there")
    say(f"   {'passed' if passed else 'FAILED'} in {time.monotonic() - began:.1f} s")
    return passed


def run_pytest(arguments: list[str]) -> int:
    pytest = subprocess.Popen([PYTHON, "-m", "pytest", *arguments], cwd=ROOT)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches pytest too, which then says how far it came.
    return pytest.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
