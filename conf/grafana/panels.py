"""Pieces of a Grafana dashboard as plain dictionaries: targets, panels, rows, the whole.

Panels are given in reading order with a width; `dashboard` flows them into Grafana's 24 columns.
"""

from __future__ import annotations

PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
TEMPO = {"type": "tempo", "uid": "tempo"}
COLUMNS = 24
INSTANCE = "{{service_instance_id}}"

GREEN_UP = [("red", None), ("yellow", 0.5), ("green", 0.8)]


def rate(metric: str, selector: str = "") -> str:
    return f"rate({metric}{selector}[$__rate_interval])"


def mean(histogram: str) -> str:
    """The mean of what a histogram saw within the interval."""
    return f"{rate(histogram + '_sum')} / {rate(histogram + '_count')}"


def quantile(share: float, histogram: str, by: str = "le") -> str:
    return f"histogram_quantile({share}, sum by ({by}) ({rate(histogram + '_bucket')}))"


def _thresholds(steps: list[tuple[str, float | None]] | None) -> dict:
    return {"mode": "absolute", "steps": [{"color": color, "value": value}
                                          for color, value in steps or [("green", None)]]}


def _panel(kind: str, title: str, description: str, width: int, height: int) -> dict:
    return {"type": kind, "title": title, "description": description,
            "gridPos": {"h": height, "w": width}}


def _targets(queries: list[tuple[str, str]]) -> list[dict]:
    return [{"refId": chr(ord("A") + i), "datasource": PROMETHEUS, "expr": expression,
             "legendFormat": legend, "range": True, "editorMode": "code"}
            for i, (expression, legend) in enumerate(queries)]


def plot(title: str, description: str, queries: list[tuple[str, str]], *, unit: str = "short",
         width: int = 12, height: int = 8, low: float | None = 0, high: float | None = None,
         thresholds: list | None = None, line: bool = False, fill: int = 10,
         stacked: bool = False, units: dict[str, str] | None = None) -> dict:
    """A plot over time. queries: (expression, legend); line: draw the thresholds; units: per
    regular expression on the legend, where a series has another unit than the axis."""
    defaults = {
        "unit": unit, "thresholds": _thresholds(thresholds),
        "color": {"mode": "palette-classic"},
        "custom": {"drawStyle": "line", "lineWidth": 1, "fillOpacity": fill,
                   "showPoints": "never", "spanNulls": False,
                   "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
                   "thresholdsStyle": {"mode": "line" if line else "off"}}}
    if low is not None:
        defaults["min"] = low
    if high is not None:
        defaults["max"] = high
    overrides = [{"matcher": {"id": "byRegexp", "options": pattern},
                  "properties": [{"id": "unit", "value": other},
                                 {"id": "custom.axisPlacement", "value": "right"}]}
                 for pattern, other in (units or {}).items()]
    return {**_panel("timeseries", title, description, width, height),
            "datasource": PROMETHEUS, "targets": _targets(queries),
            "fieldConfig": {"defaults": defaults, "overrides": overrides},
            "options": {"legend": {"displayMode": "table", "placement": "bottom",
                                   "calcs": ["lastNotNull", "max"], "showLegend": True},
                        "tooltip": {"mode": "multi", "sort": "desc"}}}


def number(title: str, description: str, expression: str, *, unit: str = "short",
           legend: str = "", width: int = 6, height: int = 4, thresholds: list | None = None,
           text: str = "auto") -> dict:
    """One large number; text: "name" shows the legend in place of the value."""
    return {**_panel("stat", title, description, width, height),
            "datasource": PROMETHEUS, "targets": _targets([(expression, legend)]),
            "fieldConfig": {"defaults": {"unit": unit, "thresholds": _thresholds(thresholds)},
                            "overrides": []},
            "options": {"reduceOptions": {"calcs": ["lastNotNull"], "values": False},
                        "colorMode": "value", "graphMode": "area", "textMode": text}}


def traces(title: str, description: str, query: str, *, width: int = 24, height: int = 10,
           limit: int = 20) -> dict:
    """A table of traces that a TraceQL query finds."""
    target = {"refId": "A", "datasource": TEMPO, "queryType": "traceql", "query": query,
              "limit": limit, "tableType": "traces"}
    return {**_panel("table", title, description, width, height), "datasource": TEMPO,
            "targets": [target], "fieldConfig": {"defaults": {}, "overrides": []},
            "options": {"showHeader": True, "cellHeight": "sm"}}


def row(title: str, *panels: dict, collapsed: bool = False) -> tuple[str, bool, list[dict]]:
    return title, collapsed, list(panels)


def _flow(panels: list[dict], top: int) -> int:
    """Places panels left to right from line `top` on; returns the line below them."""
    left, line_height = 0, 0
    for panel in panels:
        place = panel["gridPos"]
        if left + place["w"] > COLUMNS:
            top, left, line_height = top + line_height, 0, 0
        place["x"], place["y"] = left, top
        left, line_height = left + place["w"], max(line_height, place["h"])
    return top + line_height


def dashboard(uid: str, title: str, description: str, rows: list, *, tags: list[str],
              version: int = 1) -> dict:
    placed, top, number_of = [], 0, 0
    for name, collapsed, panels in rows:
        head = {"type": "row", "title": name, "collapsed": collapsed,
                "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": top}, "panels": []}
        below = _flow(panels, top + 1)
        if collapsed:
            head["panels"] = panels
        for panel in [head, *panels]:
            number_of += 1
            panel["id"] = number_of
        placed += [head] if collapsed else [head, *panels]
        top = top + 1 if collapsed else below
    return {"uid": uid, "title": title, "description": description, "tags": ["lmcache", *tags],
            "schemaVersion": 39, "version": version, "editable": True, "graphTooltip": 1,
            "refresh": "5s", "time": {"from": "now-1h", "to": "now"}, "timezone": "browser",
            "templating": {"list": []}, "annotations": {"list": []},
            "links": [{"type": "dashboards", "title": "LMCache dashboards", "tags": ["lmcache"],
                       "asDropdown": True, "keepTime": True}],
            "panels": placed}
