"""The configuration of Prometheus and the alert rules, judged by Prometheus's own tool."""

from __future__ import annotations

import pathlib
import re
import subprocess
import unittest

from .conf_files import CONF, ROOT, alerts, load

RULE_TESTS = pathlib.Path(__file__).with_name("alerts.test.yml")
SEVERITIES = {"warning", "critical"}


class Rules(unittest.TestCase):
    def promtool(self, *words: object) -> None:
        done = subprocess.run(["promtool", *map(str, words)], text=True, timeout=120, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_configuration_is_valid(self):
        self.promtool("check", "config", CONF / "prometheus" / "prometheus.yml")

    def test_the_rules_are_valid(self):
        self.promtool("check", "rules", CONF / "prometheus" / "alerts.yml")

    def test_alerts_fire_when_they_should_and_not_otherwise(self):
        self.promtool("test", "rules", RULE_TESTS)

    def test_each_alert_is_tested_both_ways(self):
        cases = [case for test in load(RULE_TESTS)["tests"] for case in test["alert_rule_test"]]
        for rule in alerts():
            own = [case["exp_alerts"] for case in cases if case["alertname"] == rule["alert"]]
            self.assertTrue(any(own), f"{rule['alert']}: no test in which it fires")
            self.assertTrue(not all(own), f"{rule['alert']}: no test in which it is silent")

    def test_each_alert_says_for_how_long_how_bad_what_and_what_to_do(self):
        runbook = (ROOT / "docs" / "operations" / "runbook.md").read_text(encoding="utf-8")
        anchors = {heading.lower() for heading in re.findall(r"^## (\w+)$", runbook, re.M)}
        for rule in alerts():
            with self.subTest(rule["alert"]):
                self.assertRegex(rule["for"], r"^\d+[mh]$")
                self.assertIn(rule["labels"]["severity"], SEVERITIES)
                self.assertTrue(rule["annotations"]["summary"])
                page, anchor = rule["annotations"]["runbook"].split("#")
                self.assertEqual(page, "docs/operations/runbook.md")
                self.assertEqual(anchor, rule["alert"].lower())
                self.assertIn(anchor, anchors)

    def test_the_runbook_knows_no_other_alert(self):
        runbook = (ROOT / "docs" / "operations" / "runbook.md").read_text(encoding="utf-8")
        self.assertEqual({rule["alert"] for rule in alerts()},
                         set(re.findall(r"^## (\w+)$", runbook, re.M)))
