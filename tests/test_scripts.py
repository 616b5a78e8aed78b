"""What run.py and test.py decide: when to install, what to say, what to pass on. Nothing here installs anything."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import time
import venv
from pathlib import Path
from types import ModuleType, SimpleNamespace

import _setup
import _tools
import pytest
from harness import ROOT

SCRIPTS = ROOT / "scripts"
OLD_PYTHON = """
import runpy, sys
sys.version_info = (3, 10, 13, "final", 0)
sys.path.insert(0, {scripts!r})
runpy.run_path({script!r}, run_name="__main__")
"""
FAKE_SERVER = "import os, sys; print(os.getcwd()); print(*sys.argv[1:], sep='|'); sys.exit(3)"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout for `_setup` to work on, with one requirements file."""
    for name in ("ROOT", "VENV", "PYTHON", "STAMP"):
        monkeypatch.setattr(_setup, name, tmp_path / getattr(_setup, name).relative_to(ROOT))
    (tmp_path / "requirements.txt").write_text("aiohttp\n")
    return tmp_path


@pytest.fixture
def steps(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `prepare` has done, with making and installing replaced by notes."""
    done: list[str] = []

    def make() -> None:
        done.append("make")
        _setup.PYTHON.parent.mkdir(parents=True, exist_ok=True)
        _setup.PYTHON.touch(mode=0o755)

    monkeypatch.setattr(_setup, "make_venv", make)
    monkeypatch.setattr(_setup, "has_pip", _setup.PYTHON.exists)
    monkeypatch.setattr(_setup, "install", lambda names: done.append("install " + " ".join(names)))
    return done


@pytest.fixture
def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("axenix_test_script", SCRIPTS / "test.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", ["run.py", "test.py"])
def test_an_old_python_is_refused_in_one_line(script: str) -> None:
    code = OLD_PYTHON.format(scripts=str(SCRIPTS), script=str(SCRIPTS / script))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "3.11 or newer" in done.stderr and "3.10" in done.stderr


@pytest.mark.parametrize("script", ["run.py", "test.py", "_setup.py"])
def test_an_old_python_can_read_as_far_as_the_refusal(script: str) -> None:
    tree = ast.parse((SCRIPTS / script).read_text(encoding="utf-8"), feature_version=(3, 6))
    assert not [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]


def test_the_first_start_makes_and_installs_and_the_second_does_nothing(steps: list[str]) -> None:
    _setup.prepare("requirements.txt")
    _setup.prepare("requirements.txt")
    assert steps == ["make", "install requirements.txt"]


def test_a_changed_requirements_file_is_installed_again(steps: list[str], checkout: Path) -> None:
    _setup.prepare("requirements.txt")
    (checkout / "requirements.txt").write_text("aiohttp\norjson\n")
    _setup.prepare("requirements.txt")
    assert steps == ["make", "install requirements.txt", "install requirements.txt"]


def test_what_the_tests_installed_is_enough_for_the_server(steps: list[str], checkout: Path) -> None:
    (checkout / "more.txt").write_text("pytest\n")
    _setup.prepare("requirements.txt", "more.txt")
    _setup.prepare("requirements.txt")
    _setup.prepare("more.txt")
    assert steps == ["make", "install requirements.txt more.txt"]


def test_another_python_makes_the_environment_anew(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _setup.prepare("requirements.txt")
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(cache_tag="cpython-399"))
    _setup.prepare("requirements.txt")
    assert steps == ["make", "install requirements.txt"] * 2


def test_an_environment_without_its_python_is_made_anew(steps: list[str]) -> None:
    _setup.prepare("requirements.txt")
    _setup.PYTHON.unlink()
    _setup.prepare("requirements.txt")
    assert steps == ["make", "install requirements.txt"] * 2


def test_a_broken_off_installation_is_taken_up_again(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_off(names: tuple[str, ...]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(_setup, "install", broken_off)
        _setup.prepare("requirements.txt")
    _setup.prepare("requirements.txt")
    assert steps == ["make", "install requirements.txt"]


def test_a_folder_that_cannot_be_written_to_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(venv, "create", refuse)
    with pytest.raises(SystemExit, match=f"Cannot make {checkout}.*Permission denied.*where you may write"):
        _setup.make_venv()


def test_a_python_without_venv_is_told_which_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    package = f"python3.{sys.version_info.minor}-venv"
    with pytest.raises(SystemExit, match=f"apt-get install -y {package}"):
        _setup.make_venv()


@pytest.mark.parametrize(("output", "words"), [
    ("WARNING: Retrying after connection broken by 'NewConnectionError(...)'", "is there a network?"),
    ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'", "may write"),
    ("ERROR: No matching distribution found for aiohttp", "could not install everything"),
])
def test_a_failure_of_pip_is_explained(output: str, words: str) -> None:
    assert words in _setup.why_pip_failed(output)


@pytest.mark.parametrize(("line", "package"), [
    ("Collecting aiohttp<4,>=3.14.5 (from -r requirements.txt (line 4))", "aiohttp"),
    ("Processing /srv/wheels/pytest_aiohttp-1.1.1-py3-none-any.whl", "pytest_aiohttp"),
    (r"Processing c:\wheels\typing-extensions-4.16.0.whl", "typing-extensions"),
])
def test_each_package_is_named_while_it_is_installed(line: str, package: str) -> None:
    found = _setup.PACKAGE.match(line)
    assert found is not None and found[1] == package


def test_run_passes_on_arguments_and_exit_code_at_once_when_all_is_installed(tmp_path: Path) -> None:
    for script in ("run.py", "_setup.py"):
        (tmp_path / "scripts").mkdir(exist_ok=True)
        (tmp_path / "scripts" / script).write_bytes((SCRIPTS / script).read_bytes())
    (tmp_path / "axenix").mkdir()
    (tmp_path / "axenix" / "__main__.py").write_text(FAKE_SERVER)
    (tmp_path / "requirements.txt").write_text("")
    venv.create(tmp_path / ".venv", symlinks=sys.platform != "win32", with_pip=False)
    pretend = "import _setup; _setup.has_pip = lambda: True; _setup.install = print; _setup.prepare('requirements.txt')"
    subprocess.run([sys.executable, "-c", pretend], cwd=tmp_path / "scripts", check=True, capture_output=True)

    began = time.monotonic()
    command = [sys.executable, str(tmp_path / "scripts" / "run.py"), "--title", "two words"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == [str(tmp_path), "--title|two words"], done.stderr
    assert done.returncode == 3
    assert time.monotonic() - began < 3, "even a busy machine starts two Pythons in less"


def test_every_javascript_test_is_run(runner: ModuleType) -> None:
    scripts = (ROOT / "tests" / "js").rglob("*.*js")
    tests = [str(path.relative_to(ROOT)) for path in scripts if "node:test" in path.read_text(encoding="utf-8")]
    assert tests
    assert runner.javascript_tests() == sorted(tests)


STEPS = ["flake8", "mypy", "tsc", "tsc, where there is no page", "node --test", "pytest", "pytest alone"]


@pytest.mark.parametrize("failing", [None, *STEPS])
def test_one_failed_step_is_enough_to_fail(
        runner: ModuleType, monkeypatch: pytest.MonkeyPatch, failing: str | None) -> None:
    ran: list[str] = []

    def passes(name: str, command: list[str]) -> bool:
        ran.append(name)
        return name != failing

    monkeypatch.setattr(runner, "install", lambda: "node")
    monkeypatch.setattr(runner, "check", passes)
    monkeypatch.setattr(runner, "run_pytest", lambda arguments: int(not passes(
        "pytest alone" if arguments == ["-m", "alone"] else "pytest", arguments)))
    assert runner.main([]) == (0 if failing is None else 1)
    assert ran == STEPS


def test_with_arguments_only_pytest_runs(runner: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "install", lambda: "node")
    monkeypatch.setattr(runner, "check", lambda name, command: pytest.fail(f"{name} has run"))
    monkeypatch.setattr(runner, "run_pytest", lambda arguments: 5 if arguments == ["-k", "hands"] else 0)
    assert runner.main(["-k", "hands"]) == 5


def test_a_browser_named_in_the_environment_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXENIX_TEST_BROWSER", "/opt/my/browser")
    assert _tools.find_browser() == "/opt/my/browser"


def test_the_browser_that_playwright_downloaded_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note, browser = tmp_path / "axenix-browser.txt", tmp_path / "chrome"
    note.write_text(f"{browser}\n")
    monkeypatch.setattr(_tools, "DOWNLOADED_BROWSER", note)
    assert browser in _tools.usual_browsers()


def test_an_old_node_or_none_at_all_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tools, "node_version", lambda path: 18)
    assert _tools.find_node() is None
    monkeypatch.undo()
    assert _tools.node_version("/nowhere/node") == 0


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What npm was told to do, for a lock file of our own; it succeeds as long as nobody says otherwise."""
    told: list[list[str]] = []
    monkeypatch.setattr(_tools, "LOCK", tmp_path / "package-lock.json")
    monkeypatch.setattr(_tools, "PACKAGES", tmp_path / "node")
    monkeypatch.setattr(_tools, "PACKAGES_STAMP", tmp_path / "node" / "stamp.txt")
    monkeypatch.setattr(_tools, "find_npm", lambda node: "npm")
    monkeypatch.setattr(_tools, "run_quietly", lambda command: told.append(command) is None)
    (tmp_path / "package.json").write_text("{}")
    _tools.LOCK.write_text("one")
    return told


def test_npm_packages_are_installed_once_and_anew_when_the_lock_file_changes(npm: list[list[str]]) -> None:
    assert _tools.install_packages("node") and _tools.install_packages("node")
    assert [command[:2] for command in npm] == [["npm", "ci"]]
    assert (_tools.PACKAGES / "package-lock.json").read_text() == "one"
    _tools.LOCK.write_text("two")
    assert _tools.install_packages("node") and len(npm) == 2


def test_npm_packages_that_did_not_arrive_are_asked_for_again(
        npm: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(_tools, "run_quietly", lambda command: False)
        assert not _tools.install_packages("node")
    assert "is there a network?" in capsys.readouterr().out
    assert _tools.install_packages("node") and len(npm) == 1


@pytest.mark.parametrize("answers", [True, False])
def test_programs_are_installed_once_and_their_services_neither_start_nor_stay(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: bool) -> None:
    policy, told = tmp_path / "policy-rc.d", []

    def apt_install(*packages: str) -> bool:
        told.append(f"{' '.join(packages)}, services: {subprocess.run([policy]).returncode}")
        return answers

    run_quietly = _tools.run_quietly
    monkeypatch.setattr(_tools, "PROGRAMS", {"here": ("h", "h"), "a": ("ab", "s"), "b": ("ab", "s"), "c": ("c", "c"),
                                             "d": ("d", None)})
    monkeypatch.setattr(_tools, "find_program", lambda name: "/bin/here" if name == "here" else None)
    monkeypatch.setattr(_tools, "NO_SERVICES", str(policy))
    monkeypatch.setattr(_tools, "as_root", lambda: [])
    monkeypatch.setattr(_tools, "is_debian", lambda or_its_kin: True)
    monkeypatch.setattr(_tools, "apt_install", apt_install)
    monkeypatch.setattr(_tools.shutil, "which", lambda name: name)
    monkeypatch.setattr(_tools, "run_quietly", lambda command: told.append(" ".join(command)) is None
                        if command[0] == "systemctl" else run_quietly(command))
    _tools.install_programs()
    assert told == ["ab c d, services: 101"] + ["systemctl disable c s"] * answers
    assert not policy.exists()
