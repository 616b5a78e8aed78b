"""Starts Axenix Conference: python scripts/run.py [options of the server; --help lists them].

The first time, and whenever requirements.txt has changed, it first installs what the server needs into `.venv`.
The server's folder is the checkout, wherever this is called from.
"""

import os
import signal
import subprocess
import sys

import _setup


def main() -> None:
    _setup.prepare("requirements.txt")
    os.chdir(_setup.ROOT)
    command = [str(_setup.PYTHON), "-m", "axenix", *sys.argv[1:]]
    if sys.platform != "win32":
        os.execv(command[0], command)
    else:  # There exec would give the console back while the server still runs.
        server = subprocess.Popen(command)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the server too, which ends in its own time.
        sys.exit(server.wait())


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
