"""Words that alone predict a class: names and signs that say nothing of it, and telling words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.finding import Severity
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets.checks.leaks import severity_of
from deepseek_report.datasets.checks.table_checks import across_parts, fate_of_copies
from deepseek_report.datasets.data_card import ASKED, DOUBTED, DataFacts, TextFacts, outcomes
from deepseek_report.datasets.readers.tokenizing import HIDDEN, Form, form_of
from deepseek_report.statistics.graphical_procedure import SHARES
from deepseek_report.statistics.intervals import blaker
from deepseek_report.statistics.ranking import binary_auc

#: A word must stand in so many texts before it is judged, and raise the share of a class by this.
FEWEST_TEXTS = 20
RAISE = 0.1
#: A word that is in so many texts of a class, and hardly in others, may hold the label itself; so
#: may one whose presence alone tells the class with this area. Words that mean something stand in
#: too few texts for either.
LEAK_RATE, LEAK_SHARE = 0.9, 0.25
#: Area from which names, which say nothing of the label, weigh, and weigh most.
NOTABLE, GRAVE = 0.6, 0.7
_NAMED: frozenset[Form] = frozenset({"handle", "hashtag", "link", "name"})
_TOLD = 3
_LISTED = 20

#: What `dataset.hide` calls the words of each form that says nothing of the label by itself.
_HIDEABLE: Mapping[Form, str] = {
    "handle": "handles",
    "hashtag": "hashtags",
    "link": "links",
    "name": "",
    "number": "numbers",
    "mark": "",
}


@dataclass(frozen=True)
class Cue:
    """A word, and how far it alone gives a class away.

    n : texts that it is in; hits : those of them with the class; base : share of the class in all
    texts. low, high : 95 % interval of hits / n. auc : area under the ROC curve of its presence.
    excess : hits beyond what the base rate gives.
    """

    word: str
    form: Form
    outcome: Text
    n: int
    hits: int
    base: float
    low: float
    high: float
    auc: float

    @property
    def rate(self) -> float:
        return self.hits / self.n

    @property
    def excess(self) -> float:
        return self.hits - self.n * self.base

    def sentence(self) -> Message:
        """`of the 2 981 texts with “@usairways”, 2 317 (77.7 %, 76.2–79.2 %) are “negative”`."""
        names = ("word", "outcome", "n", "hits", "rate", "low", "high")
        return message("data.cue", **{name: getattr(self, name) for name in names})

    def plain(self) -> dict[str, object]:
        """The counted facts, for `DataIssue.values`."""
        names = ("word", "form", "outcome", "n", "hits", "rate", "low", "high", "base", "auc")
        return {name: getattr(self, name) for name in names}


def find_cues(
    words: Sequence[frozenset[str]],
    groups: Sequence[tuple[Text, Bools]],
    names: frozenset[str] = frozenset(),
) -> list[Cue]:
    """All words that raise the share of a class by 10 points for certain, strongest first.

    A word stands in at least 20 texts. The lower end of its exact interval must lie 10 points above
    the share of the class in all texts; the interval is widened for the number of words and
    classes that were tried (Bonferroni), so that chance finds a cue in 1 of 400 data sets at most.

    words : (instance,) the different words of each text.
    groups : name and members, (instance,) bool, of each class.
    names : words that are names.
    """
    totals = Counter(word for words_of_text in words for word in words_of_text)
    often = sorted(word for word, n in totals.items() if n >= FEWEST_TEXTS)
    tried = max(len(often) * len(groups), 1)
    cues: list[Cue] = []
    for outcome, inside in groups:
        hits = Counter(
            w
            for words_of_text, is_in in zip(words, inside, strict=True)
            if is_in
            for w in words_of_text
        )
        cues.extend(_of_class(outcome, often, (totals, hits), inside, tried))
    named = [replace(cue, form="name") if cue.word in names else cue for cue in cues]
    return sorted(named, key=lambda cue: (-cue.excess, cue.word))


def _of_class(
    outcome: Text,
    often: Sequence[str],
    counts: tuple[Mapping[str, int], Mapping[str, int]],
    inside: Bools,
    tried: int,
) -> list[Cue]:
    (totals, hits), base = counts, float(inside.mean())
    n = np.array([totals[word] for word in often], dtype=np.float64)
    k = np.array([hits.get(word, 0) for word in often], dtype=np.float64)
    if not len(n) or base in {0.0, 1.0}:
        return []
    size = int(inside.sum())
    areas = 0.5 + (k / size - (n - k) / (len(inside) - size)) / 2
    raising = np.flatnonzero(k / n >= base + RAISE)
    safe, _ = blaker(k[raising], n[raising], level=1 - 2 * SHARES["cues"] / tried)
    telling = raising[safe >= base + RAISE]
    ends = zip(*blaker(k[telling], n[telling]), strict=True)
    return [
        Cue(w, form_of(w), outcome, int(n[i]), int(k[i]), base, low, high, areas[i])
        for i, (low, high) in zip(telling, ends, strict=True)
        for w in [often[i]]
    ]


# --- the issues -----------------------------------------------------------------------------------


def cue_issues(facts: DataFacts) -> list[DataIssue]:
    """Words that hold the label, names that give it away, and the words that tell most."""
    rows = facts.one_each  # one text of each author, where authors are declared
    words = [facts.text_facts.words[row] for row in rows]
    groups = outcomes(facts.schema.target, facts.whole.labels[rows])
    cues = find_cues(words, groups, facts.text_facts.names)
    sizes = {name: int(inside.sum()) for name, inside in groups}
    leaks = [cue for cue in cues if _is_leak(cue, sizes[cue.outcome])]
    rest = [cue for cue in cues if cue not in leaks]
    by_form = {form: [cue for cue in rest if cue.form == form] for form in (*_HIDEABLE, "word")}
    telling = by_form.pop("word")
    return [
        *(_leak(cue) for cue in leaks[:_TOLD]),
        *(_names(form, named, facts.text_facts) for form, named in by_form.items() if named),
        *([_telling(telling, groups)] if telling else []),
    ]


def _is_leak(cue: Cue, size: int) -> bool:
    """A word that alone tells the class, or that a good part of the class has and no others."""
    surely = cue.low >= LEAK_RATE and cue.hits >= LEAK_SHARE * size and cue.base < 0.5
    return cue.form == "word" and (surely or cue.auc >= ASKED)


def _leak(cue: Cue) -> DataIssue:
    severity = severity_of(max(cue.auc, DOUBTED) if cue.low >= LEAK_RATE else cue.auc)
    text = message(
        "data.leaking_word.text", word=cue.word, auc=cue.auc, cue=cue.sentence(), base=cue.base
    )
    return DataIssue("near_leak", severity, text, cue.plain(), message("data.leaking_word.do"))


def _names(form: Form, cues: list[Cue], texts: TextFacts) -> DataIssue:
    names, of = {cue.word for cue in cues}, len(texts.words)
    covered = sum(not names.isdisjoint(text) for text in texts.words)
    share = covered / of
    text = message(
        f"data.names.text.{form}",
        n=len(names),
        cues=[cue.sentence() for cue in cues[:_TOLD]],
        base=cues[0].base,
        covered=covered,
        of=of,
    )
    listed = [cue.plain() for cue in cues[:_LISTED]]
    values = {"form": form, "n": covered, "share": share, "n_cues": len(cues), "cues": listed}
    kind = _HIDEABLE[form]
    hideable = bool(kind) and kind not in texts.hidden  # what is hidden already needs no override
    do = message(
        f"data.names.do.{form}",
        override=override("dataset.hide", [kind]) if hideable else "",
        placeholder=HIDDEN[kind] if hideable else "",
    )
    return DataIssue("spurious_cues", _weight(form, cues, share), text, values, do)


def _weight(form: Form, cues: Sequence[Cue], share: float) -> Severity:
    """By how far one of them tells the class, and how many texts have one.

    Numbers and signs can be meant; they weigh where one of them tells the class by itself.
    """
    auc = max(cue.auc for cue in cues)
    if form not in _NAMED:
        return "medium" if auc >= ASKED else "info"
    if auc >= GRAVE:
        return "high"
    return "medium" if auc >= NOTABLE or share >= 0.1 else "low"


def _telling(cues: list[Cue], groups: Sequence[tuple[Text, Bools]]) -> DataIssue:
    by_class = [(name, [cue for cue in cues if cue.outcome == name]) for name, _ in groups]
    strongest_words = [
        {"name": name, "words": [{"word": cue.word, "rate": cue.rate} for cue in strongest[:5]]}
        for name, strongest in by_class
        if strongest
    ]
    n = len({cue.word for cue in cues})
    text = message("data.telling_words.text", n=n, classes=strongest_words)
    values = {"words": n, "cues": [cue.plain() for cue in cues[:_LISTED]]}
    return DataIssue("telling_words", "info", text, values, message("data.telling_words.do"))


#: Area under the ROC curve from which the length of a text is worth a sentence.
TELLING_LENGTH = 0.6
#: Share of texts with the tokens of a text in another part from which it weighs more.
SAME_INPUTS = 0.02


def copies_across_parts(facts: DataFacts) -> list[DataIssue]:
    """Texts that the model is tested on although it has read them, word for word or nearly so."""
    return across_parts(facts, "texts")


def same_inputs_across_parts(facts: DataFacts) -> list[DataIssue]:
    """Texts that the model cannot tell from one of another part, whatever their words are."""
    n, of = facts.n_alike, facts.n_measured
    if not n:
        return []
    text = message("data.same_tokens.text", n=n, of=of, places=len(facts.schema.features))
    severity, do = _from(SAME_INPUTS, n / of), message("data.same_tokens.do")
    return [DataIssue("same_inputs_across_parts", severity, text, {"n": n, "of": of}, do)]


def copies(facts: DataFacts) -> list[DataIssue]:
    """Texts that occur again, word for word or nearly so, and what became of them."""
    counts = facts.text_facts.copies
    n = counts.exact + counts.near
    if not n:
        return []
    exact, near, share = counts.exact, counts.near, n / counts.n
    fate, severity = fate_of_copies(facts), _from(0.05, share)
    text = message("data.copied_texts.text", n=n, of=counts.n, exact=exact, near=near, fate=fate)
    values = {"n": n, "share": share, "exact": exact, "near": near}
    return [DataIssue("duplicates", severity, text, values, message("data.copied_texts.do"))]


def contradictions(facts: DataFacts) -> list[DataIssue]:
    """Texts that come with two labels."""
    counts = facts.text_facts.copies
    if not (n := counts.conflicting):
        return []
    share, dropped = n / counts.n, counts.conflicts_dropped
    text = message("data.contradictions.text", n=n, of=counts.n, dropped=dropped)
    values, do = {"n": n, "share": share, "dropped": dropped}, message("data.contradictions.do")
    return [DataIssue("contradictions", _from(0.02, share), text, values, do)]


def empty_texts(facts: DataFacts) -> list[DataIssue]:
    """Rows without a text."""
    n, of = facts.text_facts.copies.empty, facts.text_facts.copies.n
    if not n:
        return []
    text, do = message("data.empty_texts.text", n=n, of=of), message("data.empty_texts.do")
    severity: Severity = "medium" if n / of > 0.05 else "low"
    return [DataIssue("missing_values", severity, text, {"n": n, "share": n / of}, do)]


def cut_texts(facts: DataFacts) -> list[DataIssue]:
    """Texts whose end the model does not read."""
    texts, width = facts.text_facts, len(facts.schema.features)
    n = int(texts.cut(width).sum())
    if not n:
        return []
    share = n / len(texts.lengths)
    severity: Severity = "medium" if share > 0.1 else "low" if share > 0.01 else "info"
    text = message("data.cut_texts.text", n=n, share=share, places=width)
    return [DataIssue("cut_texts", severity, text, text.values, message("data.cut_texts.do"))]


def unknown_tokens(facts: DataFacts) -> list[DataIssue]:
    """Tokens of the test part that the vocabulary does not have."""
    share = facts.text_facts.unknown_share.get("test", 0.0)
    if share < 0.05:
        return []
    text, do = message("data.unknown_tokens.text", share=share), message("data.unknown_tokens.do")
    severity: Severity = "medium" if share > 0.15 else "low"
    return [DataIssue("unknown_tokens", severity, text, text.values, do)]


def telling_length(facts: DataFacts) -> list[DataIssue]:
    """A class whose texts are longer or shorter than those of the others."""
    lengths = facts.text_facts.lengths
    groups = outcomes(facts.schema.target, facts.whole.labels)
    areas = [binary_auc(lengths, inside, undefined=0.5) for _, inside in groups]
    strongest = int(np.argmax([abs(area - 0.5) for area in areas]))
    auc, (name, inside) = max(areas[strongest], 1 - areas[strongest]), groups[strongest]
    if auc < TELLING_LENGTH:
        return []
    median, rest = float(np.median(lengths[inside])), float(np.median(lengths[~inside]))
    text = message("data.telling_length.text", name=name, auc=auc, median=median, rest=rest)
    values = {"class": name, "auc": auc, "median": median, "rest": rest}
    severity: Severity = "high" if auc >= 0.9 else "medium"
    return [DataIssue("telling_length", severity, text, values, message("data.telling_length.do"))]


def damaged_signs(facts: DataFacts) -> list[DataIssue]:
    """Texts with signs that were lost by a wrong encoding, and those that were put right."""
    texts = facts.texts
    if texts is None or not (texts.damaged or texts.repaired):
        return []
    n, share = texts.damaged, texts.damaged / len(facts.whole)
    text = message("data.damaged_signs.text", n=n, share=share, repaired=texts.repaired)
    do = message("data.damaged_signs.do")
    return [DataIssue("damaged_signs", _from(0.05, share), text, text.values, do)]


def _from(least: float, share: float) -> Severity:
    """Major from this share on."""
    return "medium" if share >= least else "low"


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
