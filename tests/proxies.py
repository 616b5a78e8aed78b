"""Real proxies before a real server: nginx and Caddy with the files of scripts/deploy, on free ports of this machine.

Knows the two programs and which addresses and paths have to be others in a test; nothing of the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import _tools
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from harness import ROOT

DEPLOY = ROOT / "scripts" / "deploy"
NGINX_AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
worker_processes 1;
{user}
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/axenix.conf;
}}
"""
CADDY_AROUND = """
{{
    admin off
    skip_install_trust
    http_port {plain}
    https_port {port}
    default_bind 127.0.0.1
    storage file_system {folder}/caddy
}}
"""


def program(name: str) -> str:
    """The path of a program that scripts/test.py installs where it can."""
    path = _tools.find_program(name)
    if path is None and not _tools.is_debian(or_its_kin=True):
        pytest.skip(f"{name} is not installed, and is installed by itself only on Debian and its kin")
    assert path is not None, f"{name} is not there; python scripts/test.py installs {_tools.PROGRAMS[name][0]}"
    return path


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Proxy:
    """A proxy that runs. `url` is https; `plain` is where http is answered, if anywhere; `log` all it has said."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.port, self.plain_port = free_port(), free_port()
        self.url, self.plain = f"https://localhost:{self.port}", f"http://localhost:{self.plain_port}"

    def log(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))


@asynccontextmanager
async def nginx(folder: Path, server_port: int, change: tuple[str, str] = ("", "")) -> AsyncIterator[Proxy]:
    """With the shipped file; `change` is a place in it and what stands there in this test."""
    proxy = Proxy("nginx", folder)
    certificate(folder / "cert.pem", folder / "key.pem")
    site = shipped("nginx.conf", {
        "listen 80;": f"listen 127.0.0.1:{proxy.plain_port};", "listen [::]:80;": "",
        "listen 443 ssl": f"listen 127.0.0.1:{proxy.port} ssl", "listen [::]:443 ssl http2;": "",
        "https://$host$request_uri": f"https://$host:{proxy.port}$request_uri",
        "127.0.0.1:8088": f"127.0.0.1:{server_port}", "meet.example.org;": "localhost;",
        "/etc/letsencrypt/live/meet.example.org/fullchain.pem": f"{folder}/cert.pem",
        "/etc/letsencrypt/live/meet.example.org/privkey.pem": f"{folder}/key.pem",
        "/var/log/nginx/axenix.log": f"{folder}/access.log",
    } | ({change[0]: change[1]} if change[0] else {}))
    (folder / "axenix.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX_AROUND.format(folder=folder, user=user))
    command = [program("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    async with running(command, folder, proxy.port, tls=True):
        yield proxy


@asynccontextmanager
async def caddy(folder: Path, server_port: int, change: tuple[str, str] = ("", "")) -> AsyncIterator[Proxy]:
    """With the shipped file; the certificate is Caddy's own, as always for localhost."""
    proxy = Proxy("caddy", folder)
    site = shipped("Caddyfile", {
        "127.0.0.1:8088": f"127.0.0.1:{server_port}", "\nmeet.example.org {": "\nlocalhost {",
    } | ({change[0]: change[1]} if change[0] else {}))
    around = CADDY_AROUND.format(folder=folder, port=proxy.port, plain=proxy.plain_port)
    (folder / "Caddyfile").write_text(around + site)
    command = [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    async with running(command, folder, proxy.port, tls=True):
        yield proxy


BOTH = {"nginx": nginx, "caddy": caddy}


def shipped(name: str, others: dict[str, str]) -> str:
    """The file as it is shipped, with other words in these places, each of which must be there."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for place, word in others.items():
        assert place in text, f"{name} does not say {place!r} any more"
        text = text.replace(place, word)
    return text


def certificate(cert: Path, key: Path) -> None:
    """For localhost, signed by itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(
        name, name, private.public_key(), x509.random_serial_number(), now - datetime.timedelta(days=1),
        now + datetime.timedelta(days=1),
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    cert.write_bytes(made.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    key.write_bytes(private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


@asynccontextmanager
async def running(
    command: list[str], folder: Path, port: int, environment: Mapping[str, str] = os.environ, *, tls: bool = False,
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """The program until the end of the block, from when it listens on the port; what it says goes into a file."""
    words = folder / "words.log"
    environment = {**environment, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with words.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT)
    try:
        await listens(process, port, words, blind() if tls else None)
        yield process
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 5)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait, 5)


def blind() -> ssl.SSLContext:
    """Believes every certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def listens(process: subprocess.Popen[bytes], port: int, words: Path, tls: ssl.SSLContext | None) -> None:
    """Returns when somebody answers there; Caddy listens a moment before it has its certificate."""
    for _ in range(600):
        assert process.poll() is None, words.read_text(errors="replace")
        with contextlib.suppress(OSError):
            name = None if tls is None else "localhost"
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"does not listen on {port}:\n{words.read_text(errors='replace')}")


def directives(name: str) -> dict[str, list[str]]:
    """What an ini-like file (a unit of systemd's) says, by name."""
    said: dict[str, list[str]] = {}
    for name_, value in re.findall(r"^(\w+)=(.*)$", (DEPLOY / name).read_text(encoding="utf-8"), re.MULTILINE):
        said.setdefault(name_, []).append(value)
    return said


def has(name: str) -> bool:
    return shutil.which(name) is not None
