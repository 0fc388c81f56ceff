"""The first screen: the verdict, the promises, the gravest findings, what was not assessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from deepseek_report.artifacts.conclusions import Verdict
from deepseek_report.artifacts.disclosure import is_left_out
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.local_paths import without_local_paths
from deepseek_report.compliance.decision_words import decisions_of
from deepseek_report.config.portable import deepening
from deepseek_report.extension import service
from deepseek_report.findings.conclude import all_findings, conclusions_of
from deepseek_report.findings.decision_effect import decision_effect
from deepseek_report.findings.first_page import SHOWN, FirstPage, finding_of, first_page
from deepseek_report.findings.records import is_share, period_of, promise_name
from deepseek_report.findings.rules_failures import applicable, by_reason
from deepseek_report.metrics.cases.single_case_rows import Neighbour
from deepseek_report.sections.performance import fold_ends
from deepseek_report.sections.shared.draft import Draft, DraftedSection
from deepseek_report.sections.shared.tables import Values
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates
from deepseek_report.wording.words import WordedFinding, first_sentence

# --- The line on the first page that says what the run folder holds of single persons -------------


def privacy_line(draft: Draft) -> str:
    """How many rows of what are in the folder, or what was left out; empty where none could be."""
    results = draft.results
    if results.privacy.is_full and not results.has_rows:
        return ""
    words = {
        name: draft.words.text(f"sections.data.{name}.{results.schema.modality}")
        for name in ("row", "rows")
    }
    return draft.text(
        f"privacy.{results.privacy.level}",
        **words,
        people=bool(results.schema.attributes_of("person")),
        tested=results.predicted.n if results.has("predictions/test") else 0,
        validation=_validated(results),
        neighbours=len({row.instance_id for row in results.rows(*Neighbour.source, Neighbour)}),
        named=results.privacy.named,
        floor=results.privacy.floor,
        entity=(results.card.get("observations") or {}).get("entity"),
    )


def _validated(results: Results) -> int:
    """How many rows of the validation part the folder holds predictions of."""
    if not results.has("predictions/validation"):
        return 0
    parts = results.card.get("parts") or []
    return next((int(row["n"]) for row in parts if row.get("part") == "validation"), 0)


# --- The first screen: the verdict, the promises, the gravest findings, what was not assessed -----

#: Share of texts without their end from which the first screen tells it.
_MANY_CUT = 0.05


@dataclass(frozen=True)
class SummarySection(DraftedSection):
    """Opens the report: what is decided, the verdict, promises, findings, what was not assessed.

    findings : how many findings the first screen shows, gravest first.
    """

    name = "summary"
    needs = frozenset({"data", "predictions/test"})

    findings: Annotated[int, Field(ge=1, le=20)] = SHOWN

    def content(self, results: Results) -> SectionContent:
        # each finding says what to do itself
        return replace(super().content(results), actions=(), caveats=())

    def write(self, draft: Draft) -> None:
        results = draft.results
        page = first_page_of(results, self.findings)
        if results.has("data"):
            draft.answer("decides", decision=_decision(draft), period=period_of(results))
        draft.values |= {**_first_screen(draft, page), **_behind(draft), "quick": _quick(draft)}


def first_page_of(results: Results, shown: int = SHOWN) -> FirstPage:
    """The first page of the report of these results, whose pictures are drawn."""
    promises = conclusions_of(results).verdicts
    return first_page(promises, all_findings(results), results.pictures, shown)


def _first_screen(draft: Draft, page: FirstPage) -> Values:
    results, words, counted = draft.results, draft.words, page.counted
    findings, sections = (*page.in_stories, *page.others), _sections(results)
    unplaced = [finding for finding in findings if finding.section not in sections]
    return {
        "corrected": _corrected(draft),
        "causes": service("causal").causal_answers(draft) if results.config.get("causal") else [],
        "effect": [
            *map(words.say, decision_effect(results)),
            *([] if page.promises else _how_good(draft)),
            *_not_read(draft),
        ],
        "verdict": [words.say(sentence) for sentence in page.verdict],
        "decisions": _decisions(draft),
        "promises": [_promise(draft, promise, page) for promise in page.promises],
        "shown": [_card(draft, page, finding) for finding in page.gravest],
        "others": [words.finding(finding) for finding in page.others],
        "findings": [words.finding(finding) for finding in unplaced],
        "more": [draft.text(f"counted.{grade}", n=n) for grade, n in counted.by_severity.items()],
        "on_promises": counted.on_promises,
        "picture": page.picture,
        "options": results.has(ArtifactId.measure("options")) and "bias" in _sections(results),
        "run": draft.text("run", id=results.run_id, day=results.printed_day, facts=_facts(draft)),
    }


def _decisions(draft: Draft) -> dict[str, list[str]]:
    """What people decided, rejections apart, and which required decisions are missing."""
    if not draft.results.config.get("frameworks") and not draft.results.has("policy"):
        return {}
    try:
        rejected, rest = decisions_of(draft.results)
    except Exception as error:  # the section that is about it says so too
        reason = without_local_paths(f"{type(error).__name__}: {error}")
        rejected, rest = [], [message("decisions.state.broken", reason=reason)]
    say = draft.words.say
    return {"rejected": list(map(say, rejected)), "rest": list(filter(None, map(say, rest)))}


def _how_good(draft: Draft) -> list[str]:
    """The score that cases are ranked by, where no promise tells how good the model is."""
    task = task_of(draft.results.schema.target) if draft.results.has("data") else None
    if task is None or not task.decides:
        return []
    key = task.held.key
    score = draft.results.score(key)
    if score is None or finite(score.value) is None:
        return []
    estimate = estimates.of_score(score)
    label, over = draft.words.label("metrics", key), fold_ends(draft, score)
    return [draft.text("how_good", metric=label, score=estimate, **over)]


def _not_read(draft: Draft) -> list[str]:
    """How many texts lose their end, where so many do that it matters."""
    texts = (draft.results.card.get("texts") if draft.results.has("data") else None) or {}
    cut = finite(texts.get("cut_share")) or 0.0
    return [draft.text("cut", share=cut, places=texts["places"])] if cut >= _MANY_CUT else []


@dataclass(frozen=True)
class StoryCard:
    """A finding with the first thing to do alone, and what else its story holds."""

    finding: WordedFinding
    also: tuple[WordedFinding, ...]


def _card(draft: Draft, page: FirstPage, finding: Finding) -> StoryCard:
    worded = draft.words.finding(finding)
    others = tuple(draft.words.finding(other) for other in page.with_it[finding.id])
    return StoryCard(replace(worded, do=first_sentence(worded.do)), others)


def _sections(results: Results) -> set[str]:
    return set(results.config.get("sections") or {}) - {"summary"}


def _behind(draft: Draft) -> Values:
    results, words = draft.results, draft.words
    unfit, of_sets, private = _refused(results)
    never = {k: v for k, v in words.table("not_assessed").items() if not _is_assessed(results, k)}
    sentences = list(never.values())
    if _is_of_language_model(results):
        sentences += words.table("not_assessed_of_language_models").values()
    not_measured = _not_measured(draft)
    luck = _is_not_asked(results.refused.get("measures/multiplicity", ""))
    counted = {"failed": len(results.failures), "unfit": len(unfit), "private": len(private)}
    return {
        "not_assessed": draft.text(
            "not_assessed",
            **counted,
            not_measured=len(not_measured) - luck,
            never=[words.label("not_assessed_names", name) for name in never],
            luck=luck,
            quick=bool(results.skipped),
        ),
        "failed": by_reason(words, results.failures),
        "unfit": by_reason(words, unfit),
        "of_sets": by_reason(words, of_sets),
        "n_of_sets": len(of_sets),
        "private": by_reason(words, private),
        "privacy": privacy_line(draft) if results.has("data") else "",
        "not_measured": not_measured,
        "never": sentences,
    }


#: Metrics of chains of thought: of recorded traces, and of a model that is at hand.
CHAIN_METRICS = ("hint_acknowledgement", "recorded_chain_tests", "chain_tests")
#: {what a report may not assess: the measurements that do}; the others are beyond any report.
_ASSESSING = {
    "drift": ("period_drift",),
    "causes": ("causal_claims", "causal_effects", "causal_gaps"),
}


def _is_assessed(results: Results, name: str) -> bool:
    """Whether the run holds an answer to what else stands among what was not assessed."""
    measured = (results.measurement(metric) for metric in _ASSESSING.get(name, ()))
    return any(each is not None and each.tables for each in measured)


def _corrected(draft: Draft) -> list[str]:
    if not draft.results.has("measures/corrections"):
        return []
    lines = service("correction lines").correction_lines(draft.results)
    return [draft.words.say(line) for line in lines]


def _is_of_language_model(results: Results) -> bool:
    """Whether the run asks what is only asked of language models."""
    measured = any(score.category == "language" for score in results.all_scores)
    return measured or "language" in _sections(results)


def _quick(draft: Draft) -> Values:
    """What the quick report leaves out of the study, and how to have it; empty for a whole one."""
    results, words = draft.results, draft.words
    if not (skipped := results.skipped):
        return {}
    kinds = Counter(part.kind for part in skipped if part.name != CONTROL)
    return {
        "sections": [
            words.label("section_titles", part.name) for part in skipped if part.kind == "sections"
        ],
        "measures": kinds["measures"],
        "methods": kinds["explanations"],
        "command": deepening(results.command),
    }


def _refused(results: Results) -> tuple[dict[str, Text], dict[str, Text], dict[str, Text]]:
    """What cannot be applied here, each with the reason.

    Returns unfit : what the config names itself. of_sets : what a set brought along. private : what
    shows more of single persons than the report may; pictures too, since what they would show is
    told nowhere else.
    """
    refused = _without(results.refused, dict.fromkeys(results.skipped, ""))
    private = {artifact: why for artifact, why in refused.items() if is_left_out(why)}
    named = {artifact: why for artifact, why in refused.items() if artifact in results.named}
    of_sets = applicable({k: why for k, why in refused.items() if k not in named})
    return _without(named, private), _without(of_sets, private), private


def _without(parts: Mapping[str, Text], others: Mapping[str, Text]) -> dict[str, Text]:
    return {artifact: why for artifact, why in parts.items() if artifact not in others}


def _decision(draft: Draft) -> str:
    known = draft.words.say(draft.results.card.get("decision") or "").strip()
    if known:
        sentence = known if known.endswith((".", "!", "?", "。", "！", "？")) else f"{known}."
        return draft.text("answer.decision", decision=sentence, first=sentence.split()[0].lower())
    target = draft.results.schema.target
    return draft.text("decision", classes=list(target.classes), label=target.label)


def _facts(draft: Draft) -> list[str]:
    """How many rows were looked at, how many tested, and by what model; each where it is known."""
    results = draft.results
    facts = []
    if results.has("data"):
        rows = draft.results.card.get("rows") or 0
        facts.append(draft.text(f"fact.rows.{results.schema.modality}", n=rows))
    if results.has("predictions/test"):
        facts.append(draft.text("fact.tested", n=results.predicted.n))
    if results.has("training"):
        size = finite(results.architecture.get("parameters"))
        name = str(results.architecture.get("name") or draft.text("fact.model"))
        facts.append(draft.text("fact.parameters", name=name, n=size))
    return facts


def _promise(draft: Draft, promise: Verdict, page: FirstPage) -> Values:
    """A promise as it stands on its chip, and who made it why."""
    numbers, share = draft.words.numbers, is_share(promise)
    write = numbers.percent if share else numbers.number
    about = finding_of(promise, page)
    return {
        "metric": promise_name(draft.results, promise),
        "promised": draft.text(
            f"promise.{promise.side}", bound=numbers.declared(promise.bound, as_percent=share)
        ),
        "measured": write(promise.value, promise.low, promise.high)
        if promise.value is not None
        else "–",
        "interval": numbers.interval(promise.low, promise.high, as_percent=share)
        if promise.measured.ends
        else "",
        "n": promise.n,
        "outcome": promise.outcome,
        "set_by": promise.set_by,
        "why": promise.why,
        "reason": draft.words.say(promise.reason),
        "finding": draft.words.finding(about) if about else None,
    }


def _is_not_asked(why: Text) -> bool:
    """Whether a part was refused only because the config does not ask for so costly a thing."""
    return isinstance(why, Message) and why.id == "refusals.refits_not_asked"


def _not_measured(draft: Draft) -> list[str]:
    """What this package can measure and the config did not ask for."""
    results = draft.results
    refused = {part: why for part, why in results.refused.items() if not _is_not_asked(why)}
    known = {**results.failures, **_without(refused, dict.fromkeys(results.skipped, ""))}
    pointless = () if _is_of_language_model(results) else CHAIN_METRICS
    return [
        meaning
        for name, meaning in draft.words.table("assessable").items()
        if name not in pointless
        and not results.has(ArtifactId.measure(name))
        and not any(ArtifactId(artifact).is_within(ArtifactId.measure(name)) for artifact in known)
    ]
