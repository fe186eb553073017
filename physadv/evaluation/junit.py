"""``junit.xml``: one test case a patch, victim and battery, as CI systems read it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from physadv.core.files import write_text
from physadv.core.statistics import Rate
from physadv.evaluation.batteries.battery import Thresholds
from physadv.evaluation.batteries.flags import failures_of
from physadv.evaluation.batteries.summary import Record, Summary
from physadv.evaluation.metrics.measured import Measured

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """A verdict: on what, against whom, what failed in a sentence each, and what else there is to say."""

    name: str
    victim: str
    failures: tuple[str, ...]
    lines: tuple[str, ...]


def write_junit(path: Path, summary: Summary) -> None:
    """Writes the summary's verdicts atomically: a suite a battery; flags go to each case's ``system-out``."""
    suites = {
        battery.name: [
            Case(record.patch, record.victim, record.failures, tuple(_lines(record)))
            for record in summary.records
            if record.battery == battery.name
        ]
        for battery in summary.batteries
    }
    write_cases(path, suites, seconds=summary.provenance.seconds)


def write_cases(path: Path, suites: Mapping[str, Sequence[Case]], *, seconds: float) -> None:
    """Writes suites of cases atomically."""
    root = ElementTree.Element("testsuites", name="physadv")
    for name, cases in suites.items():
        _suite(root, name, cases)
    every = [case for cases in suites.values() for case in cases]
    failed = sum(bool(case.failures) for case in every)
    root.attrib.update(tests=str(len(every)), failures=str(failed), errors="0")
    root.set("time", f"{seconds:.3f}")
    ElementTree.indent(root)
    write_text(path, '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n")


def _suite(root: ElementTree.Element, name: str, cases: Sequence[Case]) -> None:
    failed = str(sum(bool(case.failures) for case in cases))
    suite = ElementTree.SubElement(root, "testsuite", name=_clean(name), tests=str(len(cases)), failures=failed)
    suite.attrib.update(errors="0", skipped="0")
    for case in cases:
        classname = _clean(f"physadv.{name}.{case.victim}")
        made = ElementTree.SubElement(suite, "testcase", classname=classname, name=_clean(case.name), time="0")
        for failure in case.failures:
            ElementTree.SubElement(made, "failure", message=_clean(failure), type="threshold").text = _clean(failure)
        ElementTree.SubElement(made, "system-out").text = _clean("\n".join(case.lines))


def _lines(record: Record) -> list[str]:
    return [f"{one.title}: {figure_words(one)}" for one in record.metrics] + [
        f"{flag.level} {flag.code}: {flag.message}" for flag in record.flags
    ]


def figure_words(figure: Measured) -> str:
    """A figure with its interval and its n, where it has them."""
    if figure.rate is not None:
        return rate_words(figure.rate)
    found = figure.difference
    if found is not None and found.value is not None and found.low is not None and found.high is not None:
        return f"{found.value:+.4f} (95 % interval {found.low:+.4f} to {found.high:+.4f}, n = {found.n})"
    return "no frames" if figure.value is None else f"{figure.value:g} {figure.unit}"


def rate_words(rate: Rate) -> str:
    """A rate with its interval and its n."""
    if rate.value is None or rate.low is None or rate.high is None:
        return "no frames"
    return f"{rate.value:.4f} (95 % interval {rate.low:.4f} to {rate.high:.4f}, {rate.hits} of {rate.n})"


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)


def exceeds(summary: Summary, max_asr: float | None = None, max_targeted_asr: float | None = None) -> bool:
    """Whether the exit code should be 1: a threshold was missed, or a success is above the limit given here.

    ``max_asr`` bounds the untargeted success (any wrong class), ``max_targeted_asr`` that of a patch's target. A
    success that could not be measured (the clean sign never read) exceeds any limit.
    """
    limits = Thresholds(max_asr=max_asr, max_targeted_asr=max_targeted_asr)
    return not summary.passed or any(any(failures_of(record, limits)) for record in summary.records)
