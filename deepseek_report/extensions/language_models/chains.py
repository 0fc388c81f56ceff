"""What the section on language models says of chains of thought."""

from __future__ import annotations

from collections.abc import Iterator

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table_rows import cells_of
from deepseek_report.extensions.language_models.chain_of_thought import CUT, chain_verdict
from deepseek_report.extensions.language_models.language_findings import all_hints, hint_name
from deepseek_report.extensions.language_models.language_rows import ChainTest, HintRow, PromptPair
from deepseek_report.findings.records import setting
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values
from deepseek_report.sections.summary import CHAIN_METRICS

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
    refused = [draft.words.say(reason) for reason in reasons.values() if reason]
    draft.values |= {"chains_refused": refused}
    draft.notes(_TESTS)
    _prompts(draft)


def _hints(draft: Draft) -> None:
    row = all_hints(draft.results)
    if row is None:
        return
    draft.answer(
        "hints",
        pairs=row.n,
        followed=row.followed,
        influenced=row.influenced,
        named=row.named,
        verdict=row.verdict,
    )
    table = draft.results.rows("hint_acknowledgement", "hints", HintRow)
    worded = [*_worded(draft, table)]
    draft.values |= {"hints": draft.metric_table("hint_acknowledgement", "hints", worded)}
    for note in draft.results.notes("hint_acknowledgement"):
        draft.caveats.append(draft.words.say(note))
    draft.caveat("hints")


def _worded(draft: Draft, table: list[HintRow]) -> Iterator[Values]:
    for row in table:
        yield {
            **cells_of(row),
            "hint": draft.words.say(hint_name(row.hint)),
            "verdict": draft.text(f"naming.{row.verdict}"),
        }


def _tests(draft: Draft, metric: str) -> None:
    table = draft.results.rows(metric, "tests", ChainTest)
    if not table:
        return
    same = next((row.same for row in table if row.test == f"{CUT}0"), None)
    fewest = round(setting(draft.results, "metrics", metric, "fewest", 30))
    if same is not None:
        draft.answer("chains", same=same, n=same.n, verdict=chain_verdict(same, fewest))
    named = [{**cells_of(r), "change": draft.text(f"change.{r.change}")} for r in table]
    draft.values[metric] = draft.metric_table(metric, "tests", named)
    draft.caveat("chains")


def largest_prompt_gap(results: Results) -> Values:
    """What a word for a person changes most, beyond chance where anything is; empty without."""
    table = results.rows("prompt_pairs", "pairs", PromptPair)
    beyond = [row for row in table if row.low > 0 or row.high < 0]
    largest = max(beyond or table, key=lambda row: abs(row.difference.value), default=None)
    if largest is None:
        return {}
    return {
        "answer": largest.answer,
        "group": largest.group,
        "compared": largest.compared,
        "beyond": len(beyond),
        "of": len(table),
        "difference": largest.difference,
        "tested": largest.difference.ends is not None,
    }


def _prompts(draft: Draft) -> None:
    """Prompts that differ in a word for a person, where no section on bias shows them."""
    values = largest_prompt_gap(draft.results)
    draft.values |= {"prompts": []}
    if not values or "bias" in (draft.results.config.get("sections") or {}):
        return
    draft.answers.append(draft.words.text("sections.bias.answer.prompts", **values))
    draft.caveats.append(draft.words.text("sections.bias.caveat.prompts"))
    draft.notes(["prompt_pairs"])
    tables = ("pairs", "templates")
    draft.values |= {"prompts": [draft.metric_table("prompt_pairs", name) for name in tables]}
