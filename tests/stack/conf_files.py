"""What conf/ holds, read once: dashboards with their panels, and alerts."""

from __future__ import annotations

import json
import pathlib

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
DASHBOARDS = CONF / "grafana" / "provisioning" / "dashboards"


def load(path: pathlib.Path):
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def dashboards() -> dict[str, dict]:
    return {path.name: load(path) for path in sorted(DASHBOARDS.glob("*.json"))}


def panels(dashboard: dict) -> list[dict]:
    """Every panel, those in collapsed rows too, without the rows."""
    flat = [p for panel in dashboard["panels"] for p in [panel, *panel.get("panels", [])]]
    return [panel for panel in flat if panel["type"] != "row"]


def targets(kind: str) -> list[tuple[str, dict]]:
    """(dashboard / panel, target) of every query to that kind of datasource."""
    return [(f"{name} / {panel['title']}", target)
            for name, dashboard in dashboards().items() for panel in panels(dashboard)
            for target in panel["targets"] if target["datasource"]["type"] == kind]


def alerts() -> list[dict]:
    return [rule for group in load(CONF / "prometheus" / "alerts.yml")["groups"]
            for rule in group["rules"]]
