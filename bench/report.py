"""The table of a side-by-side run: medians, ratios, budgets."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
from dataclasses import dataclass, field


@dataclass
class Row:
    """One path: figures per server and round, and what the daemon must reach."""

    name: str
    unit: str
    more_is_better: bool
    against: str = "floor"        # what the budget is relative to: floor, memcpy or absolute
    budget: float | None = None   # ratio to `against`, or the absolute value
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, server: str, value: float) -> None:
        self.rounds.setdefault(server, []).append(value)

    def median(self, server: str) -> float | None:
        values = self.rounds.get(server)
        return statistics.median(values) if values else None

    def ratio(self, to: str) -> float | None:
        """The median over the rounds of daemon / to, round by round."""
        pairs = list(zip(self.rounds.get("daemon", []), self.rounds.get(to, [])))
        return statistics.median(a / b for a, b in pairs if b) if pairs else None

    def reached(self) -> bool | None:
        value = self.median("daemon") if self.against == "absolute" else self.ratio(self.against)
        if value is None or self.budget is None:
            return None
        return value >= self.budget if self.more_is_better else value <= self.budget

    def wish(self) -> str:
        if self.budget is None:
            return "-"
        sign = "≥" if self.more_is_better else "≤"
        unit = self.unit if self.against == "absolute" else f"× {self.against}"
        return f"{sign} {self.budget:g} {unit}"


def number(value: float | None) -> str:
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value else "0"


def machine() -> str:
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}"


def table(rows: list[Row], rounds: int, title: str) -> str:
    lines = [f"# {title}", "",
             f"{datetime.date.today()}, {machine()}. Median of {rounds} alternating rounds; "
             "ratios are the median of the rounds' ratios.", "",
             "| path | unit | daemon | floor | peer | to floor | to peer | memcpy | budget | met |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        met = {True: "yes", False: "NO", None: "-"}[row.reached()]
        cells = [row.name, row.unit, number(row.median("daemon")), number(row.median("floor")),
                 number(row.median("peer")), number(row.ratio("floor")),
                 number(row.ratio("peer")), number(row.median("memcpy")), row.wish(), met]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
