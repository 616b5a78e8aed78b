"""The long runs of scripts/soak.py, made short; and that each of them sees what it is to see.

Long: `python scripts/soak.py cycles --times 10000`, and the others that its --help lists.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from soaking import cycles

HERE = Path(__file__).resolve().parent


@pytest.mark.alone
async def test_after_hundreds_of_cycles_of_connect_join_and_leave_the_server_holds_what_it_held_before(
    tmp_path: Path
) -> None:
    assert await cycles.run(tmp_path, 400, print) == []


@pytest.mark.parametrize("leak", ["task", "descriptor", "memory"])
async def test_the_cycles_find_what_is_left_behind(
    leak: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAK", leak)
    [fault] = await cycles.run(tmp_path, 200, print, "leaks", path=HERE)
    assert leak in fault
