"""What no text may say: riddles, promises, and causes without a graph somebody vouches for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.wording.words import catalog_files, languages, read_catalog
from tests.shared_runs import SmallRun
from tests.worded import leaves

#: Riddles and padding; plain words stand in their place.
BANNED = (
    r"\bgrave\b(?!st)",
    r"\bmind, in this run\b",
    r"reasons are told by",
    r"known to make the label",
    r"\bmore of this kind\b",
    r"needs a model that hands out",
    r"(has none to|does not) hand out",
    r"parts? of the chosen sets",
    r"decides by (it|them) directly",
    r"” is decided for",
    r"\b(debias|unbiased|compliant)\w*",
)
FORBIDDEN = re.compile(
    r"\b(debias\w*|unbiased|solve[sd]?|compliant|unfair\w*|fair|fairness)\b", re.I
)


#: Texts that quote a requirement.
QUOTES = ("evidence_kinds.", "human_fields.", "exports.letters.regb.")
CATALOGS = [
    path for name in languages() for path in catalog_files(shipped("templates") / "locale", name)
]


#: What a reader does not see of a text: the logic of its template.
_TEMPLATE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
def test_no_catalog_holds_a_banned_phrase(path: Any) -> None:
    catalog = yaml.safe_load(path.read_text(encoding="utf-8"))
    hits = [
        (key, text[:120])
        for key, text in leaves(catalog)
        for phrase in BANNED
        if re.search(phrase, _TEMPLATE.sub(" ", text), re.IGNORECASE)
    ]
    assert hits == []


@pytest.mark.parametrize("language", languages())
def test_no_text_claims_what_no_report_can_show(language: str) -> None:
    texts = leaves(read_catalog(shipped("templates") / "locale", language))
    claims = [key for key, text in texts if FORBIDDEN.search(text) and not key.startswith(QUOTES)]
    assert claims == []


def test_no_report_holds_a_banned_phrase(small_run: SmallRun) -> None:
    text = (small_run.folder / "report.qmd").read_text(encoding="utf-8").replace("\\", "")
    hits = {
        match[0]: text[max(0, match.start() - 60) : match.end() + 60]
        for phrase in BANNED
        for match in re.finditer(phrase, text, re.IGNORECASE)
    }
    assert hits == {}


def test_a_banned_phrase_would_be_seen() -> None:
    assert any(re.search(phrase, "And 3 more of this kind.") for phrase in BANNED)


#: Words that say that one thing makes another.
CAUSAL = re.compile(
    r"\b(caus(?:e|es|ed|al|ing|ation)|because of|leads? to|led to|effects?|due to|drives?|driven"
    r"|results? in|resulted in|owing to|brings? about|brought about)\b",
    re.IGNORECASE,
)


#: The words of the declared graph itself.
OF_THE_GRAPH = "causes.yaml"


#: {beginning of keys elsewhere: why such a word may stand there}.
REVIEWED = {
    "not_assessed.causes": "says that causes were not assessed",
    "not_assessed_names.causes": "says that causes were not assessed",
    "sections.explanations.caveat.not_causes": "denies it",
    "evidence_kinds.explain_global": "names a kind of evidence, and denies causes",
    "findings.main_reasons.why": "denies it",
    "notes.direct_use.estimand": "denies it",
    "notes.risk_patterns.method": "denies it",
    "notes.risk_windows.method": "denies it",
    "notes.rules.points": "denies it",
    "sections.explanations.answer.windows": "denies it",
    "sections.cases.fired.head": "arithmetic: points that add up to the model's answer",
    "pictures.group_rates.how_to_read": "leaves it open",
    "tasks.regression.pictures.group_rates.how_to_read": "leaves it open",
    "findings.impact_below.why": "leaves it open",
    "exports.letters": "denies it, of decisions of the model",
    "refusals.no_truth": "the cause of the label is known by how the data were made",
    "findings.points_elsewhere": "the cause of the label is known by how the data were made",
    "notes.localisation": "the cause of the label is known by how the data were made",
    "localisation_measures": "the cause of the label is known by how the data were made",
    "data_sets.known_effects.about.title": "the effects are known by how the data were made",
    "metrics.feature_effects": "technical: accumulated local effects, of the model's answer",
    "tables.feature_effects": "technical: accumulated local effects, of the model's answer",
    "notes.feature_effects": "technical: accumulated local effects, of the model's answer",
    "pictures.feature_effects": "technical: accumulated local effects, of the model's answer",
    "templates.explanations.by_effect": "technical: accumulated local effects, of the answer",
    "notes.behaviour.asked": "technical: the whole movement of the model's answer",
    "notes.interactions.method": "technical: effects on the model's answer",
    "pictures.interactions.how_to_read": "technical: effects on the model's answer",
    "findings.threshold_missed.do": "asks a person to find it out",
    "dates.reg_b_2026": "law: amendments take effect, and the effects test",
}


def texts() -> Iterator[tuple[str, str, str]]:
    """(file, key, text without the slots) of every English text."""
    for path in catalog_files(shipped("templates") / "locale", "en"):
        for key, text in leaves(yaml.safe_load(path.read_text("utf-8"))):
            yield path.name, key, re.sub(r"\{[{%#].*?[}%#]\}", "", text, flags=re.DOTALL)


def speaking() -> dict[str, str]:
    """{key: text} of the texts outside of the graph's words that speak of causes."""
    return {
        key: text for file, key, text in texts() if file != OF_THE_GRAPH and CAUSAL.search(text)
    }


def test_only_texts_of_a_declared_graph_and_reviewed_ones_speak_of_causes() -> None:
    unreviewed = {
        key: text
        for key, text in speaking().items()
        if not any(key == known or key.startswith(f"{known}.") for known in REVIEWED)
    }
    assert not unreviewed, (
        "word it as association, or review it with the reason in REVIEWED: "
        + "; ".join(f"{key}: {text}" for key, text in unreviewed.items())
    )


def test_every_review_is_of_a_text_that_is_there() -> None:
    keys = speaking()
    rooms = {key.partition(".")[0] for _, key, _ in texts()}  # an extension may not lie here
    stale = [
        known
        for known in REVIEWED
        if known.partition(".")[0] in rooms
        and not any(key == known or key.startswith(f"{known}.") for key in keys)
    ]
    assert not stale


#: What concludes something of the world or of the model by the graph.
CONCLUDING = (
    *("causes.effect", "causes.gap_of_labels", "causes.widened"),
    "findings.path_widened.claim",
)


def test_every_conclusion_says_that_it_holds_only_if_the_graph_does() -> None:
    own = {key: text for file, key, text in texts() if file == OF_THE_GRAPH}
    for key in CONCLUDING:
        assert re.search(r"if the (declared )?graph (holds|does)", own[key], re.IGNORECASE), key
    assert "only if the graph does" in own["sections.causes.answer.declared"]


def test_no_sentence_speaks_of_the_model_and_of_the_world_at_once() -> None:
    """Captions of tables that set both side by side, and questions, conclude nothing."""
    of_the_model = re.compile(r"\b(the model’s|its answers|the decisions|model widens)\b")
    of_the_world = re.compile(r"\b(in the data|in the world|the world’s)\b")
    for file, key, text in texts():
        if file != OF_THE_GRAPH or key.startswith("tables."):
            continue
        for sentence in re.split(r"(?<=[.:]) ", text):
            both = of_the_model.search(sentence) and of_the_world.search(sentence)
            assert not both, (key, sentence)
