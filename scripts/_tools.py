"""The browser, the Node.js and the npm packages that the tests need: where they are, and how to get what is not there.

Knows package managers and usual places; knows nothing of what the tests do with them.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from _setup import PYTHON, ROOT, VENV, last_lines, say

OLDEST_NODE = 20
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "msedge")
DOWNLOADED_BROWSER = VENV / "axenix-browser.txt"
"""Where Playwright has put the browser that it downloaded for us."""
ASK_PLAYWRIGHT = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""
NO_BROWSER = """No browser was found, and none could be installed: the tests that need one will fail.
Install Chromium, Chrome or Edge, or name one in the environment variable AXENIX_TEST_BROWSER."""
NO_FIREFOX = """No Firefox was found, and none could be installed: the tests that need one will fail.
Install it, but not as a snap, which cannot read the temporary profile of a test."""
PROGRAMS = {
    "nginx": ("nginx-light", "nginx"), "caddy": ("caddy", "caddy"),
    "turnserver": ("coturn", "coturn"), "turnutils_uclient": ("coturn", "coturn"),
    "promtool": ("prometheus", "prometheus"), "systemd-analyze": ("systemd", None), "php": ("php-cli", None),
}
"""Programs that tests start themselves: Debian's package, and the service that it would start with the machine."""
NO_SERVICES = "/usr/sbin/policy-rc.d"
"""While this script answers 101, Debian's packages start no services when they are installed."""
LOCK = ROOT / "tests" / "package-lock.json"
PACKAGES = VENV / "node"
"""Where npm has put what tests/package.json asks for."""
PACKAGES_STAMP = PACKAGES / "axenix-installed.txt"
"""The digest of the lock file that was installed. Written last of all."""
NO_PACKAGES = "What tests/package.json asks for is not in .venv/node: python scripts/test.py installs it."
NO_NODE = f"""No Node.js {OLDEST_NODE} or newer was found, and none could be installed: the JavaScript tests will fail.
Get it at https://nodejs.org/"""


def find_program(name: str) -> str | None:
    """Where a program of the table is; services are often beyond the PATH of people."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def install_programs() -> None:
    """What is missing of the table, without the services that come with it."""
    missing = {entry for name, entry in PROGRAMS.items() if find_program(name) is None}
    root = as_root()
    if not missing or root is None or not is_debian(or_its_kin=True):
        return
    ours = not os.path.exists(NO_SERVICES)
    if ours:
        run_quietly([*root, "sh", "-c", f"printf '#!/bin/sh\\nexit 101\\n' > {NO_SERVICES}; chmod 755 {NO_SERVICES}"])
    try:
        installed = apt_install(*sorted(package for package, _ in missing))
    finally:
        if ours:
            run_quietly([*root, "rm", "-f", NO_SERVICES])
    services = sorted(service for _, service in missing if service)
    if installed and services and shutil.which("systemctl"):
        run_quietly([*root, "systemctl", "disable", *services])


def find_browser() -> str | None:
    """The path of a browser of the Chromium family."""
    if named := os.environ.get("AXENIX_TEST_BROWSER"):
        return named
    for name in BROWSER_NAMES:
        found = shutil.which(name)
        if found and not found.startswith("/snap/"):  # A snap cannot read the temporary profile of a test.
            return found
    return next((str(path) for path in usual_browsers() if path.exists()), None)


def usual_browsers() -> list[Path]:
    places = [Path(f"/Applications/{name}.app/Contents/MacOS/{name}")
              for name in ("Google Chrome", "Chromium", "Microsoft Edge")]
    for variable in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData"):
        folder = Path(os.environ.get(variable, "/nowhere"))
        places += [folder / "Google/Chrome/Application/chrome.exe", folder / "Microsoft/Edge/Application/msedge.exe"]
    if DOWNLOADED_BROWSER.exists():
        places.append(Path(DOWNLOADED_BROWSER.read_text(encoding="utf-8").strip()))
    return places


def install_browser() -> None:
    """Debian has a package; everywhere else (Ubuntu's is a snap) Playwright downloads a browser."""
    if is_debian() and apt_install("chromium", "chromium-sandbox", "fonts-liberation"):
        return
    say("Downloading Chromium with Playwright ...")
    playwright = [str(PYTHON), "-m", "playwright"]
    if is_debian(or_its_kin=True) and as_root() is not None:
        run_quietly([*playwright, "install-deps", "chromium"])
    if run_quietly([*playwright, "install", "chromium"]):
        path = subprocess.check_output([PYTHON, "-c", ASK_PLAYWRIGHT], encoding="utf-8")
        DOWNLOADED_BROWSER.write_text(path, encoding="utf-8")


def find_firefox() -> str | None:
    places = [shutil.which("firefox-esr"), shutil.which("firefox"), "/Applications/Firefox.app/Contents/MacOS/firefox",
              os.path.join(os.environ.get("ProgramFiles", "/nowhere"), "Mozilla Firefox", "firefox.exe")]
    return next((path for path in places if path and not path.startswith("/snap/") and os.path.exists(path)), None)


def install_firefox() -> None:
    if is_debian():
        apt_install("firefox-esr")


def find_node() -> str | None:
    """The path of a Node.js that is new enough."""
    places = [shutil.which("node"), shutil.which("nodejs"), "/usr/local/bin/node", "/opt/homebrew/bin/node",
              os.path.join(os.environ.get("ProgramFiles", "/nowhere"), "nodejs", "node.exe")]
    return next((path for path in places if path and node_version(path) >= OLDEST_NODE), None)


def node_version(node: str) -> int:
    """The major version, or 0 if it does not run."""
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, encoding="utf-8").stdout
        return int(answer.removeprefix("v").split(".")[0])
    except (OSError, ValueError):
        return 0


def install_node() -> None:
    if is_debian(or_its_kin=True):
        apt_install("nodejs")


def install_packages(node: str | None) -> bool:
    """Makes `.venv/node` hold exactly what the lock file says; returns at once when it does already."""
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if PACKAGES_STAMP.exists() and PACKAGES_STAMP.read_text(encoding="utf-8") == wanted:
        return True
    npm = find_npm(node)
    if npm is None and is_debian(or_its_kin=True) and apt_install("npm"):
        npm = find_npm(node)
    if npm is None:
        say("No npm was found, which comes with Node.js (https://nodejs.org/). " + NO_PACKAGES)
        return False
    say("Installing into .venv/node what tests/package.json names ...")
    PACKAGES.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(LOCK.with_name(name), PACKAGES / name)
    if not run_quietly([npm, "ci", "--prefix", str(PACKAGES), "--ignore-scripts", "--no-audit", "--no-fund"]):
        say("The tests that need these packages will fail. If the registry could not be reached: is there a network?")
        return False
    PACKAGES_STAMP.write_text(wanted, encoding="utf-8")
    return True


def find_npm(node: str | None) -> str | None:
    """The npm beside this Node.js, or any."""
    beside = None if node is None else str(Path(node).parent)
    return shutil.which("npm", path=beside) or shutil.which("npm")


def package_file(name: str) -> Path:
    """A file of an installed package, by its path: package_file("axe-core/axe.min.js")."""
    return PACKAGES / "node_modules" / name


def is_debian(or_its_kin: bool = False) -> bool:
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return False
    return system.get("ID") == "debian" or or_its_kin and "debian" in system.get("ID_LIKE", "")


def apt_install(*packages: str) -> bool:
    """Installs packages of Debian's, if we may; whether they are there now."""
    root = as_root()
    if root is None or not shutil.which("apt-get"):
        return False
    say(f"Installing {', '.join(packages)} with apt-get ...")
    apt_get = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    install = [*apt_get, "install", "--no-install-recommends", *packages]
    return run_quietly([*apt_get, "update"]) and run_quietly(install)


def as_root() -> list[str] | None:
    """What to put before a command to run it as root without being asked for a password, or None."""
    if sys.platform == "win32":
        return None
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    return sudo if shutil.which("sudo") and not subprocess.call([*sudo, "true"], stderr=subprocess.DEVNULL) else None


def run_quietly(command: list[str]) -> bool:
    """Says something only if it fails."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    if done.returncode:
        say(f"  {' '.join(command)} failed:\n{last_lines(done.stdout)}")
    return done.returncode == 0
