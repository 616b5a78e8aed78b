"""A stranger reads /openapi.json, is given a token, and tries everything: nothing may come that is not said there.

schemathesis makes up the requests, in order and out of order, right and wrong. `AXENIX_REQUESTS=100000` asks for about
so many; without it, for few.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest
from harness import ServerProcess

from axenix.client import Api

REQUESTS = int(os.environ.get("AXENIX_REQUESTS", "2000"))
OF_COVERAGE, OPERATIONS = 2000, 60
"""Requests that are made whatever the number of examples, and what the others are for."""
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method,ignored_auth"
)
"""Not that whatever fits the schema is accepted: that a name is visible, or a key a key, no schema can say.
Nor use_after_free: `exists` is there to say of a deleted room that it is no more, with 200."""

EXPECTED = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 426, 429, 460, 503, 507]
"""
"""tus refuses with 412 what does not name its version, and with 460 what its checksum is not of; the socket with 426
what is no handshake."""


@pytest.mark.timeout(120 + REQUESTS / 20)
async def test_a_stranger_hears_nothing_that_the_document_does_not_say(
    server: ServerProcess, api: Api, tmp_path: Path,
) -> None:
    ann, olga = await api.guest("Ann"), await api.guest("Olga")
    for slug, private, role in (("lab", False, "admin"), ("hall", False, "guest"), ("den", True, "admin")):
        await olga.create_room(slug=slug, title=slug, is_private=private, create_invite=True)
        key = (await olga.get(f"/api/rooms/{slug}"))["invite_key"]
        await ann.post(f"/api/participants/{slug}/join", invite_key=key)
        if role == "admin":
            await olga.moderate(slug, "promote_admin", ann.id)
    examples = max(2, (REQUESTS - OF_COVERAGE) // OPERATIONS)
    code, said = await stranger(
        tmp_path, server.url + "/openapi.json", f"--header=Authorization: Bearer {ann.token}", "--seed=7",
        f"--max-examples={examples}", f"--checks={CHECKS}", "--continue-on-failure", "--warnings=off", "--no-color",
        "--suppress-health-check=all", "--request-timeout=20", rooms="lab,hall,den")
    assert code == 0, said[-20_000:]
    found = re.search(r"(\d+) generated", said)
    assert found and int(found[1]) > 1000, said[-2000:]
    print(found[0])


async def stranger(folder: Path, *arguments: str, rooms: str) -> tuple[int | None, str]:
    (folder / "schemathesis.toml").write_text(EXPECTED)
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "strangers", "AXENIX_TEST_ROOMS": rooms, "COLUMNS": "160",
                   "PYTHONPATH": str(Path(__file__).parent)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "run", *arguments, cwd=folder, env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said.decode(errors="replace")
