"""Which metric families an expression reads, and what Grafana makes of its variables."""

from __future__ import annotations

import re

SUFFIX = re.compile(r"_(bucket|sum|count)$")
NOT_NAMES = re.compile(r'"(?:[^"\\]|\\.)*"|\{[^}]*\}|\[[^]]*\]|\b(?:by|on|without)\s*\([^)]*\)')
FAMILY = re.compile(r"\b((?:lmcache|gen_ai|process|otel|target)_\w+|up)\b(?!\s*\()")
VARIABLES = {"$__rate_interval": "1m", "$__interval": "5s", "$__range": "1h"}


def substituted(expression: str) -> str:
    """The expression as Prometheus gets it."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def families(expression: str) -> set[str]:
    """Names of the metrics in it, those of histograms without their suffix."""
    return {SUFFIX.sub("", name) for name in FAMILY.findall(NOT_NAMES.sub("", expression))}
