"""What the section on language models says of chains of thought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import Row, rows, setting
from deepseek_report.findings.rules_language import all_hints, hint_name
from deepseek_report.metrics.language.chain_tests import CUT, chain_verdict
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.wording import estimates

#: Metrics of chains: of recorded traces, and of a model that is at hand.
CHAIN_METRICS = ("hint_acknowledgement", "recorded_chain_tests", "chain_tests")
_TESTS = CHAIN_METRICS[1:]


def answer_chains(draft: Draft) -> None:
    """Add what was measured of chains of thought, and its tables."""
    draft.values |= {"hints": None, **dict.fromkeys(_TESTS)}
    _hints(draft)
    for metric in _TESTS:
        _tests(draft, metric)
    reasons = {
        ArtifactId.measure(name): draft.results.refused.get(ArtifactId.measure(name))
        or draft.results.failures.get(ArtifactId.measure(name))
        for name in CHAIN_METRICS
    }
    draft.values["chains_refused"] = [
        draft.words.say(reason) for reason in reasons.values() if reason
    ]
    draft.notes(_TESTS)
    _prompts(draft)


def _hints(draft: Draft) -> None:
    row = all_hints(draft.results)
    if row is None:
        return
    draft.answer(
        "hints",
        pairs=int(row["n"]),
        followed=estimates.of_row(row, "followed_share", "followed"),
        influenced=int(row["influenced"]),
        named=estimates.of_row(row, "named_share", "named"),
        verdict=row["verdict"],
    )
    table = rows(draft.results, "hint_acknowledgement", "hints")
    draft.values["hints"] = draft.metric_table(
        "hint_acknowledgement", "hints", [*_worded(draft, table)]
    )
    for note in draft.results.notes("hint_acknowledgement"):
        draft.caveats.append(draft.words.say(note))
    draft.caveat("hints")


def _worded(draft: Draft, table: list[Row]) -> Iterator[Row]:
    for row in table:
        yield {
            **row,
            "hint": draft.words.say(hint_name(row["hint"])),
            "verdict": draft.text(f"naming.{row['verdict']}"),
        }


def _tests(draft: Draft, metric: str) -> None:
    table = rows(draft.results, metric, "tests")
    if not table:
        return
    first = next((row for row in table if row["test"] == f"{CUT}0"), None)
    same = None if first is None else estimates.of_row(first, "same_share", "same")
    fewest = round(setting(draft.results, "metrics", metric, "fewest", 30))
    if same is not None:
        draft.answer("chains", same=same, n=same.n, verdict=chain_verdict(same, fewest))
    named = [{**row, "change": draft.text(f"change.{row['change']}")} for row in table]
    draft.values[metric] = draft.metric_table(metric, "tests", named)
    draft.caveat("chains")


def largest_prompt_gap(results: Results) -> dict[str, Any]:
    """What a word for a person changes most, beyond chance where anything is; empty without."""
    table = rows(results, "prompt_pairs", "pairs")
    beyond = [row for row in table if row["low"] > 0 or row["high"] < 0]
    largest = max(beyond or table, key=lambda row: abs(float(row["difference"])), default=None)
    if largest is None:
        return {}
    named = {key: largest[key] for key in ("answer", "group", "compared")}
    difference = estimates.of_row(largest, "difference")
    counts = {"beyond": len(beyond), "of": len(table)}
    return {**named, **counts, "difference": difference, "tested": difference.ends is not None}


def _prompts(draft: Draft) -> None:
    """Prompts that differ in a word for a person, where no section on bias shows them."""
    values = largest_prompt_gap(draft.results)
    draft.values["prompts"] = []
    if not values or "bias" in (draft.results.config.get("sections") or {}):
        return
    draft.answers.append(draft.words.text("sections.bias.answer.prompts", **values))
    draft.caveats.append(draft.words.text("sections.bias.caveat.prompts"))
    draft.notes(["prompt_pairs"])
    tables = ("pairs", "templates")
    draft.values["prompts"] = [draft.metric_table("prompt_pairs", name) for name in tables]
