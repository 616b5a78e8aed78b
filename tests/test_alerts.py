"""The rules that wake people: promtool makes each of them fire, and shows that it does not when all is well."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import _tools
import pytest
import yaml

DEPLOY = Path(__file__).parents[1] / "scripts" / "deploy"
RULES: dict[str, Any] = yaml.safe_load((DEPLOY / "alerts.yml").read_text())
ALERTS: dict[str, Any] = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
STEP, AT = 60, 35 * 60
"""Seconds between two samples, and when it is looked at."""
STEPS = AT // STEP
BUCKETS = "0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 5.0 10.0 +Inf".split()

Series = dict[str, str]
"""Values in promtool's way of writing, by metric and labels."""


def always(value: float) -> str:
    return f"{value}x{STEPS}"


def growing(step: float, start: float = 0) -> str:
    return f"{start}{step:+}x{STEPS}"


def lately(value: float, before: float, seconds: int) -> str:
    """It became so that long before it is looked at."""
    return f"{before}x{STEPS - seconds // STEP - 1} {value}x{seconds // STEP}"


def histogram(name: str, slower: float) -> Series:
    """Ten a step, all of them at most 1 ms but for the part that takes 0.4 s."""
    found = {}
    for bound in BUCKETS:
        part = 10.0 if bound == "+Inf" or float(bound) >= 0.5 else 10 * (1 - slower)
        found[f'{name}_bucket{{le="{bound}"}}'] = growing(part)
    return found


class Case(NamedTuple):
    fires: Series
    quiet: Series
    summary: str | None = None
    """Where it has a figure in it."""


GIB = 2**30
REFUSALS = 'axenix_refusals_total{reason="%s"}'
FAILED, DONE = 'axenix_uploads_total{outcome="failed"}', 'axenix_uploads_total{outcome="done"}'
CASES = {
    "AxenixDown": Case({"up": lately(0, 1, 60)}, {"up": lately(0, 1, 0)}),
    "AxenixRestarting": Case(
        {"process_start_time_seconds": f"1x{STEPS - 20} 2x4 3x4 4x4 5x4"},
        {"process_start_time_seconds": f"1x{STEPS - 10} 2x4 3x4"},
        "The server has been started again 4 times within half an hour."),
    "AxenixStorageRefuses": Case(
        {"axenix_storage_refusing": lately(1, 0, 60)}, {"axenix_storage_refusing": lately(1, 0, 0)}),
    "AxenixStorageSilent": Case(
        {"axenix_storage_answering": lately(0, 1, 60)}, {"axenix_storage_answering": lately(0, 1, 0)}),
    "AxenixDiskFillsUp": Case(
        {"axenix_storage_free_bytes": always(1.9 * GIB)}, {"axenix_storage_free_bytes": always(2.1 * GIB)}),
    "AxenixDiskFullSoon": Case(
        {"axenix_storage_free_bytes": growing(-0.08 * GIB, 100 * GIB)},
        {"axenix_storage_free_bytes": growing(-0.06 * GIB, 100 * GIB)}),
    "AxenixLogGrows": Case(
        {"axenix_storage_wal_bytes": always(0.6 * GIB)}, {"axenix_storage_wal_bytes": lately(0.6 * GIB, 0, 300)}),
    "AxenixCommitsSlow": Case(
        histogram("axenix_commit_seconds", 0.2), histogram("axenix_commit_seconds", 0.005),
        "One commit in a hundred takes 487.5ms; everyone waits for that before they see a message."),
    "AxenixLoopLate": Case(
        histogram("axenix_loop_lag_seconds", 0.2), histogram("axenix_loop_lag_seconds", 0.04),
        "The event loop is late by 437.5ms; the process is full."),
    "AxenixInboxDeep": Case(
        {"axenix_inbox_depth_max": lately(2500, 3, 60)}, {"axenix_inbox_depth_max": lately(2500, 3, 0)},
        "A room has 2500 commands waiting; at 10000 it refuses more."),
    "AxenixFaults": Case(
        {REFUSALS % "internal": lately(1, 0, 120)},
        {REFUSALS % "internal": always(1), REFUSALS % "banned": growing(1)}),
    "AxenixOverloaded": Case({REFUSALS % "overloaded": lately(1, 0, 120)}, {REFUSALS % "overloaded": always(1)}),
    "AxenixEvictions": Case(
        {"axenix_evictions_total": growing(2), "axenix_sockets_open": always(100)},
        {"axenix_evictions_total": growing(2), "axenix_sockets_open": always(1000)}),
    "AxenixUploadsFail": Case(
        {FAILED: growing(0.2), DONE: growing(0.1)}, {FAILED: growing(0.1), DONE: growing(0.2)}),
    "AxenixSweepsStopped": Case(
        {'axenix_sweeps_total{kind="rooms"}': lately(900, 900, 0)},
        {'axenix_sweeps_total{kind="rooms"}': growing(15), 'axenix_sweeps_total{kind="database"}': always(1)}),
    "AxenixFilesRunOut": Case(
        {"process_open_fds": always(900), "process_max_fds": always(1000)},
        {"process_open_fds": always(700), "process_max_fds": always(1000)},
        "The process has 90% of the open files that it may have; each socket is one."),
    "AxenixLogLinesLost": Case(
        {"axenix_log_lines_lost_total": lately(7, 0, 120)}, {"axenix_log_lines_lost_total": always(7)}),
}
KEPT = {"AxenixCommitsSlow": {"instance"}, "AxenixLoopLate": {"instance"}, "AxenixFilesRunOut": {"job", "instance"}}
"""Labels that the alert has, where they are not those of its first series."""


@pytest.fixture(scope="module")
def promtool() -> str:
    found = _tools.find_program("promtool")
    if found is None:
        pytest.skip("there is no promtool here, and it is installed by itself only on Debian and its kin")
    return found


def with_target(series: str) -> str:
    """As Prometheus would store it: every series says where it is from."""
    name, _, labels = series.partition("{")
    return f'{name}{{job="axenix",instance="a",{labels or "}"}'


def labels_of(alert: str, series: str) -> dict[str, str]:
    found = dict(re.findall(r'(\w+)="([^"]*)"', with_target(series)))
    kept = KEPT.get(alert, found)
    return {name: value for name, value in found.items() if name in kept} | ALERTS[alert]["labels"]


def trials() -> Iterator[dict[str, Any]]:
    for alert, case in CASES.items():
        notes = ALERTS[alert]["annotations"] | ({"summary": case.summary} if case.summary else {})
        firing = {"exp_labels": labels_of(alert, next(iter(case.fires))), "exp_annotations": notes}
        for series, expected in ((case.fires, [firing]), (case.quiet, [])):
            yield {
                "interval": f"{STEP}s",
                "input_series": [{"series": with_target(one), "values": values} for one, values in series.items()],
                "alert_rule_test": [{"eval_time": f"{AT}s", "alertname": alert, "exp_alerts": expected}],
            }


def tried(promtool: str, folder: Path, rules: object) -> subprocess.CompletedProcess[str]:
    (folder / "rules.yml").write_text(json.dumps(rules))  # JSON is YAML
    test = {"rule_files": ["rules.yml"], "evaluation_interval": f"{STEP}s", "tests": list(trials())}
    (folder / "test.yml").write_text(json.dumps(test))
    return subprocess.run([promtool, "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True)


def test_the_rules_are_valid(promtool: str) -> None:
    checked = subprocess.run([promtool, "check", "rules", str(DEPLOY / "alerts.yml")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_fires_when_it_should_and_only_then(promtool: str, tmp_path: Path) -> None:
    assert CASES.keys() == ALERTS.keys()
    done = tried(promtool, tmp_path, RULES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("broken", ["vector(0) > 1", "vector(1)"], ids=["never", "always"])
def test_an_alert_that_never_or_always_fires_would_be_noticed(broken: str, promtool: str, tmp_path: Path) -> None:
    rules = [{**rule, "expr": broken, "for": "0s"} for rule in ALERTS.values()]
    done = tried(promtool, tmp_path, {"groups": [{"name": "broken", "rules": rules}]})
    assert done.returncode != 0
    assert {name for name in ALERTS if name in done.stdout + done.stderr} == ALERTS.keys()


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in ALERTS.values():
        assert rule["annotations"].keys() == {"summary", "action"} and rule["labels"]["severity"] in ("page", "ticket")


# ---- the dashboard ---------------------------------------------------------------------------------------------------


def questions() -> list[str]:
    """What the dashboard asks, with its variables filled in."""
    panels = json.loads((DEPLOY / "dashboard.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [expr.replace("$instance", ".*").replace("$__rate_interval", "1m") for expr in asked]


def names_of(expr: str) -> set[str]:
    return set(re.findall(r"\b(?:axenix|process)_\w+", expr))


def test_what_the_dashboard_asks_can_be_answered(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"asked:{number}", "expr": expr} for number, expr in enumerate(questions())]
    assert len(rules) > 25
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = subprocess.run([promtool, "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
