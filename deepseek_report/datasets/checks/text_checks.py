"""What is wrong with texts: copies, empty and cut ones, and what gives the label away."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets.card.data_card import DataFacts
from deepseek_report.datasets.card.text_card import outcomes
from deepseek_report.datasets.checks.cues import cue_issues
from deepseek_report.datasets.checks.table_checks import across_parts, fate_of_copies
from deepseek_report.statistics.ranking import binary_auc

#: Area under the ROC curve from which the length of a text is worth a sentence.
TELLING_LENGTH = 0.6
#: Share of texts with the tokens of a text in another part from which it weighs more.
SAME_INPUTS = 0.02


def copies_across_parts(facts: DataFacts) -> list[DataIssue]:
    """Texts that the model is tested on although it has read them, word for word or nearly so."""
    return across_parts(facts, "texts")


def same_inputs_across_parts(facts: DataFacts) -> list[DataIssue]:
    """Texts that the model cannot tell from one of another part, whatever their words are."""
    n, of = facts.n_same_inputs, facts.n_measured
    if n <= facts.n_shared:
        return []
    return [
        DataIssue(
            "same_inputs_across_parts",
            "medium" if n / of >= SAME_INPUTS else "low",
            message("data.same_tokens.text", n=n, of=of, places=len(facts.schema.features)),
            {"n": n, "of": of},
            message("data.same_tokens.do"),
        )
    ]


def copies(facts: DataFacts) -> list[DataIssue]:
    """Texts that occur again, word for word or nearly so, and what became of them."""
    counts = facts.text_facts.copies
    n = counts.exact + counts.near
    if not n:
        return []
    share = n / counts.n
    return [
        DataIssue(
            "duplicates",
            "medium" if share >= 0.05 else "low",
            message(
                "data.copied_texts.text",
                n=n,
                of=counts.n,
                exact=counts.exact,
                near=counts.near,
                fate=fate_of_copies(facts),
            ),
            {"n": n, "share": share, "exact": counts.exact, "near": counts.near},
            message("data.copied_texts.do"),
        )
    ]


def contradictions(facts: DataFacts) -> list[DataIssue]:
    """Texts that come with two labels."""
    counts = facts.text_facts.copies
    if not counts.conflicting:
        return []
    share = counts.conflicting / counts.n
    return [
        DataIssue(
            "contradictions",
            "medium" if share >= 0.02 else "low",
            message(
                "data.contradictions.text",
                n=counts.conflicting,
                of=counts.n,
                dropped=counts.conflicts_dropped,
            ),
            {"n": counts.conflicting, "share": share, "dropped": counts.conflicts_dropped},
            message("data.contradictions.do"),
        )
    ]


def empty_texts(facts: DataFacts) -> list[DataIssue]:
    """Rows without a text."""
    counts = facts.text_facts.copies
    if not counts.empty:
        return []
    share = counts.empty / counts.n
    return [
        DataIssue(
            "missing_values",
            "medium" if share > 0.05 else "low",
            message("data.empty_texts.text", n=counts.empty, of=counts.n),
            {"n": counts.empty, "share": share},
            message("data.empty_texts.do"),
        )
    ]


def cut_texts(facts: DataFacts) -> list[DataIssue]:
    """Texts whose end the model does not read."""
    texts, width = facts.text_facts, len(facts.schema.features)
    n = int(texts.cut(width).sum())
    if not n:
        return []
    share = n / len(texts.lengths)
    return [
        DataIssue(
            "cut_texts",
            "medium" if share > 0.1 else "low" if share > 0.01 else "info",
            message("data.cut_texts.text", n=n, share=share, places=width),
            {"n": n, "share": share, "places": width},
            message("data.cut_texts.do"),
        )
    ]


def unknown_tokens(facts: DataFacts) -> list[DataIssue]:
    """Tokens of the test part that the vocabulary does not have."""
    share = facts.text_facts.unknown_share.get("test", 0.0)
    if share < 0.05:
        return []
    return [
        DataIssue(
            "unknown_tokens",
            "medium" if share > 0.15 else "low",
            message("data.unknown_tokens.text", share=share),
            {"share": share},
            message("data.unknown_tokens.do"),
        )
    ]


def telling_length(facts: DataFacts) -> list[DataIssue]:
    """A class whose texts are longer or shorter than those of the others."""
    lengths = facts.text_facts.lengths
    groups = outcomes(facts.schema.target, facts.whole.labels)
    areas = [binary_auc(lengths, inside, undefined=0.5) for _, inside in groups]
    strongest = int(np.argmax([abs(area - 0.5) for area in areas]))
    area, (name, inside) = areas[strongest], groups[strongest]
    if max(area, 1 - area) < TELLING_LENGTH:
        return []
    medians = (float(np.median(lengths[inside])), float(np.median(lengths[~inside])))
    return [
        DataIssue(
            "telling_length",
            "high" if max(area, 1 - area) >= 0.9 else "medium",
            message(
                "data.telling_length.text",
                name=name,
                auc=max(area, 1 - area),
                median=medians[0],
                rest=medians[1],
            ),
            {"class": name, "auc": max(area, 1 - area), "median": medians[0], "rest": medians[1]},
            message("data.telling_length.do"),
        )
    ]


def damaged_signs(facts: DataFacts) -> list[DataIssue]:
    """Texts with signs that were lost by a wrong encoding, and those that were put right."""
    texts = facts.texts
    if texts is None or not (texts.damaged or texts.repaired):
        return []
    n, share = texts.damaged, texts.damaged / len(facts.whole)
    return [
        DataIssue(
            "damaged_signs",
            "medium" if share >= 0.05 else "low",
            message("data.damaged_signs.text", n=n, share=share, repaired=texts.repaired),
            {"n": n, "share": share, "repaired": texts.repaired},
            message("data.damaged_signs.do"),
        )
    ]


CHECKS = (
    copies_across_parts,
    same_inputs_across_parts,
    cue_issues,
    copies,
    contradictions,
    empty_texts,
    telling_length,
    cut_texts,
    unknown_tokens,
    damaged_signs,
)
