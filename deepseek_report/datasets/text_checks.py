"""What is wrong with texts: copies, empty and cut ones, and what gives the label away."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.numbers import count, number, percent, plural
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets.card import Facts
from deepseek_report.datasets.cues import cue_issues
from deepseek_report.datasets.leaks import auc
from deepseek_report.datasets.text_card import outcomes

#: Area under the ROC curve from which the length of a text is worth a sentence.
TELLING_LENGTH = 0.6
#: Share of texts with the tokens of a text in another part from which it weighs more.
SAME_INPUTS = 0.02
_SAME = "but for case, links, punctuation and blanks"


def copies_across_parts(facts: Facts) -> list[DataIssue]:
    """Texts that the model is measured on and has read, word for word or nearly so."""
    if not facts.n_shared:
        return []
    n = _measured(facts)
    return [
        DataIssue(
            "duplicates_across_parts",
            "high",
            f"{count(facts.n_shared)} of {count(n)} texts of the validation and test part "
            f"({percent(facts.n_shared / n)}) are those of another part {_SAME}.",
            {"n": facts.n_shared, "of": n},
            "Set dataset.duplicates=drop or together; until then the measured performance is too "
            "good.",
        )
    ]


def same_inputs_across_parts(facts: Facts) -> list[DataIssue]:
    """Texts that the model cannot tell from one of another part, whatever their words are."""
    n, of = facts.n_same_inputs, _measured(facts)
    if n <= facts.n_shared:
        return []
    places = count(len(facts.schema.features))
    return [
        DataIssue(
            "same_inputs_across_parts",
            "medium" if n / of >= SAME_INPUTS else "low",
            f"{count(n)} of {count(of)} texts of the validation and test part ({percent(n / of)}) "
            "have exactly the tokens of a text in another part, once words that the vocabulary "
            f"does not have are one unknown token and texts end at {places} tokens. The model "
            "cannot tell them apart, and a nearest training case can be such a text.",
            {"n": n, "of": of},
            "Use a larger dataset.vocabulary or dataset.max_length, or dataset.tokenizer=pieces, "
            "so that different texts stay different.",
        )
    ]


def _measured(facts: Facts) -> int:
    """Texts of the validation and test part."""
    return len(facts.parts["validation"]) + len(facts.parts["test"])


def copies(facts: Facts) -> list[DataIssue]:
    """Texts that occur again, word for word or nearly so, and what became of them."""
    found = facts.told.copies
    n = found.exact + found.near
    if not n:
        return []
    share = n / found.n
    return [
        DataIssue(
            "duplicates",
            "medium" if share >= 0.05 else "low",
            f"{plural(n, 'text repeats', 'texts repeat')} an earlier one ({percent(share)} of "
            f"{count(found.n)}): {count(found.exact)} word for word, {count(found.near)} {_SAME}; "
            f"{_fate(facts)}.",
            {"n": n, "share": share, "exact": found.exact, "near": found.near},
            "Find out whether they are different cases or the same case entered twice.",
        )
    ]


def _fate(facts: Facts) -> str:
    if facts.dropped:
        return "only the first of each is kept"
    if facts.n_shared:
        return "copies are in different parts of the split"
    return "copies are kept in one part of the split"


def contradictions(facts: Facts) -> list[DataIssue]:
    """Texts that come with two labels."""
    found = facts.told.copies
    if not found.conflicting:
        return []
    share = found.conflicting / found.n
    fate = "all of them are left out" if found.conflicts_dropped else "they are kept"
    return [
        DataIssue(
            "contradictions",
            "medium" if share >= 0.02 else "low",
            f"{plural(found.conflicting, 'text comes', 'texts come')} with more than one label, "
            f"compared {_SAME} ({percent(share)} of {count(found.n)}); {fate}.",
            {"n": found.conflicting, "share": share, "dropped": found.conflicts_dropped},
            "Read some of the texts that have two labels: no model can be right about both.",
        )
    ]


def empty_texts(facts: Facts) -> list[DataIssue]:
    """Rows without a text."""
    found = facts.told.copies
    if not found.empty:
        return []
    share = found.empty / found.n
    return [
        DataIssue(
            "missing_values",
            "medium" if share > 0.05 else "low",
            f"{plural(found.empty, 'text is', 'texts are')} empty and left out "
            f"(of {count(found.n)}).",
            {"n": found.empty, "share": share},
            "Find out why they are empty; a model cannot be asked about such cases.",
        )
    ]


def cut_texts(facts: Facts) -> list[DataIssue]:
    """Texts whose end the model does not read."""
    texts, width = facts.told, len(facts.schema.features)
    n = int(texts.cut(width).sum())
    if not n:
        return []
    share = n / len(texts.lengths)
    return [
        DataIssue(
            "cut_texts",
            "medium" if share > 0.1 else "low" if share > 0.01 else "info",
            f"{plural(n, 'text is', 'texts are')} longer than {count(width)} tokens "
            f"({percent(share)}), and the model does not read {'its' if n == 1 else 'their'} end.",
            {"n": n, "share": share, "places": width},
            "Raise dataset.max_length if what decides stands at the end.",
        )
    ]


def unknown_tokens(facts: Facts) -> list[DataIssue]:
    """Tokens of the test part that the vocabulary does not have."""
    share = facts.told.unknown_share.get("test", 0.0)
    if share < 0.05:
        return []
    return [
        DataIssue(
            "unknown_tokens",
            "medium" if share > 0.15 else "low",
            f"{percent(share)} of the tokens of the test part are not in the vocabulary, and the "
            "model reads them all as the same unknown token.",
            {"share": share},
            "Use more texts or a larger dataset.vocabulary, or tokenizer=pieces, which cuts rare "
            "words into known parts.",
        )
    ]


def telling_length(facts: Facts) -> list[DataIssue]:
    """A class whose texts are longer or shorter than those of the others."""
    lengths = facts.told.lengths
    groups = outcomes(facts.schema.target, facts.whole.labels)
    areas = [auc(lengths.astype(np.float64), inside) for _, inside in groups]
    strongest = int(np.argmax([abs(area - 0.5) for area in areas]))
    area, (name, inside) = areas[strongest], groups[strongest]
    if max(area, 1 - area) < TELLING_LENGTH:
        return []
    medians = (float(np.median(lengths[inside])), float(np.median(lengths[~inside])))
    return [
        DataIssue(
            "telling_length",
            "high" if max(area, 1 - area) >= 0.9 else "medium",
            f"The length alone tells “{name}” from the rest (area under the ROC curve "
            f"{number(max(area, 1 - area))}): the median text has {count(medians[0])} tokens, that "
            f"of the others {count(medians[1])}.",
            {"class": name, "auc": max(area, 1 - area), "median": medians[0], "rest": medians[1]},
            "Compare the texts by length in “Performance”: a model may count words instead of "
            "reading them.",
        )
    ]


def damaged_signs(facts: Facts) -> list[DataIssue]:
    """Texts with signs that were lost by a wrong encoding, and those that were put right."""
    texts = facts.texts
    if texts is None or not (texts.damaged or texts.repaired):
        return []
    n, share = texts.damaged, texts.damaged / len(facts.whole)
    lost = f"{plural(n, 'text holds', 'texts hold')} signs that cannot be read ({percent(share)})"
    mended = (
        f"in {plural(texts.repaired, 'text')} of the source, quotation marks, dashes and other "
        "signs that a wrong encoding had damaged were put right"
    )
    said = [lost] if n else []
    said += [mended] if texts.repaired else []
    return [
        DataIssue(
            "damaged_signs",
            "medium" if share >= 0.05 else "low",
            "; ".join(said)[:1].upper() + "; ".join(said)[1:] + ".",
            {"n": n, "share": share, "repaired": texts.repaired},
            "Read the source by the encoding that it was written in (dataset.encoding of a file of "
            "your own); emoji and accents that are lost tell the model nothing.",
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
