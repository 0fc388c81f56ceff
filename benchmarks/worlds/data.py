"""Worlds with and without leaks, near copies, repeated entities, drift and spurious cues."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.artifacts.split import DataIssue, Dataset, Split
from deepseek_report.datasets.assembly.assemble import EncodedTable, Origin, assemble, with_metadata
from deepseek_report.datasets.assembly.cell_encoding import EncodedTarget
from deepseek_report.datasets.assembly.layouts import (
    Arrays,
    image_layout,
    moments,
    pixels,
    series_layout,
)
from deepseek_report.datasets.assembly.row_metadata import RowMetadata, RowMoments
from deepseek_report.datasets.assembly.texts import Corpus, TextRule, assemble_texts
from deepseek_report.datasets.data_card import Description
from deepseek_report.datasets.splitting import SplitRule
from deepseek_report.findings import rules_data, rules_parts
from deepseek_report.metrics.failures.doubtful_rows import LabelSuspects, NearCopies
from deepseek_report.metrics.failures.part_performance import PartPerformance
from worlds.trials import Plan, Table, repeat, share, stated_predictions

SIZES = (300, 1000, 6000)
N = 3000
NUMBERS, CATEGORIES, LEVELS = 8, 4, 4
STRENGTHS = ("weak", "middle", "strong")
#: The checks that this part judges; the others tell facts.
JUDGED = frozenset({"near_leak", "row_order"})
GRAVE = ("high", "medium", "low", "info")

#: Area under the ROC curve of a leaking column alone, and share of rows that a pair decides.
AREAS, DECIDED = (0.80, 0.90, 0.97), (0.5, 0.8, 1.0)


# --- honest data ----------------------------------------------------------------------------------


def honest(n: int, random: np.random.Generator, rare: float | None = None) -> tuple[Floats, Ints]:
    """(row, column) numbers and categories, and labels that all of them make together.

    The log-odds are a sum over columns, the strongest alone with an area up to about 0.8; the share
    of the label is between 0.15 and 0.5. With `rare` it is that, and effects are weaker: where
    1 of 100 rows has the label, those of the others would truly tell it alone with 0.9 and more.
    """
    numbers = random.normal(size=(n, NUMBERS))
    numbers[:, 1:3] += 0.6 * numbers[:, :1]
    numbers[:, 3] = np.exp(numbers[:, 3])
    categories = random.integers(0, LEVELS, (n, CATEGORIES))
    weights = random.normal(size=NUMBERS) * 0.8 ** np.arange(NUMBERS)
    effects = random.normal(size=(CATEGORIES, LEVELS)) * 0.5
    effects_of = effects[np.arange(CATEGORIES), categories].sum(axis=1)
    log_odds = numbers @ weights + effects_of
    log_odds += -np.quantile(log_odds, random.uniform(0.5, 0.85))
    if rare is not None:
        log_odds = 0.7 * (numbers[:, :3] @ np.clip(weights[:3], -1, 1) + effects_of)
        log_odds += _shift_to(log_odds, rare)
    labels = (random.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    values = np.column_stack([numbers, categories]).astype(np.float64)
    gaps = random.random(values.shape) < 0.02
    values[gaps] = np.nan
    return values, labels


def _shift_to(log_odds: Floats, share: float) -> float:
    """What is added to log-odds so that the mean probability is this share."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = float((1 / (1 + np.exp(-log_odds - middle))).mean())
        low, high = (middle, high) if mean < share else (low, middle)
    return low


def dataset(
    values: Floats,
    labels: Ints,
    seed: int,
    kinds: Sequence[int] | None = None,
    entities: Ints | None = None,
) -> Dataset:
    """The rows as a data set that is split and checked; `kinds` are numbers of categories."""
    counts = kinds if kinds is not None else [0] * NUMBERS + [LEVELS] * CATEGORIES
    features = tuple(
        Feature(
            f"x{j}",
            f"x{j}",
            "categorical" if k else "numeric",
            categories=tuple(Category(str(i), str(i)) for i in range(k)),
        )
        for j, k in enumerate(counts)
    )
    names = ("no", "yes", *(f"class {k}" for k in range(2, int(labels.max()) + 1)))
    schema = Schema(features, Target("y", "Y", names, 0))
    rows = Split(values, labels, np.arange(len(labels)))
    source = Origin("f", "0", Description("x", "X"))
    metadata = RowMetadata(None if entities is None else "person", entities)
    table = with_metadata(EncodedTable(schema, rows), metadata, SplitRule())
    return assemble(table, source, SplitRule(), seed)


def judged(data: Dataset) -> list[DataIssue]:
    return [issue for issue in data.issues if issue.check in JUDGED]


# --- null worlds ----------------------------------------------------------------------------------


def null_trial(n: int, seed: int) -> tuple[bool, bool]:
    """Whether any critical, and any major issue is raised although nothing is wrong."""
    random = np.random.default_rng([seed, n])
    issues = judged(dataset(*honest(n, random), seed))
    grave = {issue.severity for issue in issues}
    return "high" in grave, "medium" in grave


def classes_trial(n: int, n_classes: int, copied: float, seed: int) -> tuple[bool, bool, bool]:
    """Whether a critical or a major issue is raised on honest columns, and the copy is named.

    Numbers are normal around a mean that each class has, and categories have shares that each class
    has. copied : the share of rows in which a further column says the class; no such column at 0.
    """
    random = np.random.default_rng([seed, n, n_classes])
    labels = random.integers(0, n_classes, n)
    means = random.normal(size=(n_classes, NUMBERS))
    shares = random.dirichlet(np.full(LEVELS, 2.0), (n_classes, CATEGORIES)).cumsum(axis=2)
    drawn = random.random((n, CATEGORIES, 1))
    numbers = means[labels] + random.normal(size=(n, NUMBERS))
    categories = np.minimum((drawn > shares[labels]).sum(axis=2), LEVELS - 1)
    columns, counts = [numbers, categories], [0] * NUMBERS + [LEVELS] * CATEGORIES
    if copied:
        said = np.where(random.random(n) < copied, labels, random.integers(0, n_classes, n))
        columns, counts = [*columns, said[:, None]], [*counts, n_classes]
    values = np.column_stack(columns).astype(np.float64)
    issues = judged(dataset(values, labels, seed, counts))
    copy = f"x{len(counts) - 1}" if copied else ""
    own = [
        issue
        for issue in issues
        if copy in (*issue.values.get("features", ()), issue.values.get("feature"))
    ]
    others = {issue.severity for issue in issues if issue not in own}
    return "high" in others, "medium" in others, any(_is_grave(issue) for issue in own)


def _is_grave(issue: DataIssue) -> bool:
    return issue.severity in ("high", "medium")


#: Share of the rarer class in worlds in which it is rare.
RARE = 0.01


def rare_trial(n: int, seed: int) -> tuple[bool, bool]:
    """The same where one class has 1 of 100 rows."""
    random = np.random.default_rng([seed, n, 1])
    issues = judged(dataset(*honest(n, random, RARE), seed))
    grave = {issue.severity for issue in issues}
    return "high" in grave, "medium" in grave


def written_trial(n: int, seed: int) -> tuple[bool, bool]:
    """Honest columns as people write them: cents, round sums, ages, counts, amounts of zero."""
    random = np.random.default_rng([seed, n, 2])
    values, labels = honest(n, random)
    values[:, 0] = values[:, 0].round(2)
    values[:, 1] = (40 + 12 * values[:, 1]).round()
    values[:, 2] = np.maximum(values[:, 2] * 2, 0).round()
    values[:, 3] = (1000 * values[:, 3]).round(-2)
    values[:, 4] = np.where(values[:, 4] < 0, 0, (100 * values[:, 4]).round(2))
    issues = judged(dataset(values, labels, seed))
    grave = {issue.severity for issue in issues}
    return "high" in grave, "medium" in grave


# --- leaks ----------------------------------------------------------------------------------------


def _noisy_copy(labels: Ints, area: float, random: np.random.Generator) -> Floats:
    """A number whose area alone is this: normal, its mean moved with the label."""
    from statistics import NormalDist

    moved = NormalDist().inv_cdf(area) * np.sqrt(2)
    return np.asarray(random.normal(size=len(labels)) + moved * labels)


def leak_number(values: Floats, labels: Ints, level: int, random: np.random.Generator) -> Floats:
    return np.column_stack([values, _noisy_copy(labels, AREAS[level], random)])


def leak_category(values: Floats, labels: Ints, level: int, random: np.random.Generator) -> Floats:
    """Two of five categories belong to one class, with the share that gives the area."""
    right = random.random(len(labels)) < AREAS[level]
    told = np.where(right, labels, 1 - labels)
    code = np.where(
        told == 1, random.integers(0, 2, len(labels)), random.integers(2, 5, len(labels))
    )
    return np.column_stack([values, code])


def leak_missing(values: Floats, labels: Ints, level: int, random: np.random.Generator) -> Floats:
    right = random.random(len(labels)) < AREAS[level]
    column = random.normal(size=len(labels))
    column[np.where(right, labels, 1 - labels) == 1] = np.nan
    return np.column_stack([values, column])


def leak_rows(values: Floats, labels: Ints, level: int, random: np.random.Generator) -> Floats:
    """A file number: rows are sorted by a noisy copy of the label, and counted."""
    order = np.argsort(np.argsort(_noisy_copy(labels, AREAS[level], random)))
    return np.column_stack([values, order.astype(np.float64)])


def leak_pair(values: Floats, labels: Ints, level: int, random: np.random.Generator) -> Floats:
    """The sign of one number and a yes or no make the label in a share of the rows."""
    decided = random.random(len(labels)) < DECIDED[level]
    told = np.where(decided, labels, random.integers(0, 2, len(labels)))
    first = random.integers(0, 2, len(labels))
    second = np.abs(random.normal(size=len(labels))) * np.where(first ^ told, 1, -1)
    return np.column_stack([values, first, second])


def leak_digit(values: Floats, labels: Ints, level: int, random: np.random.Generator) -> Floats:
    """The last digit of an amount in cents is 0 to 4 for one class, and 5 to 9 for the other."""
    right = random.random(len(labels)) < AREAS[level]
    told = np.where(right, labels, 1 - labels)
    tens = random.integers(100, 100_000, len(labels))
    digit = random.integers(0, 5, len(labels)) + 5 * told
    return np.column_stack([values, (10 * tens + digit) / 100])


def leak_parity(values: Floats, labels: Ints, level: int, random: np.random.Generator) -> Floats:
    """A whole number that is even for one class."""
    right = random.random(len(labels)) < AREAS[level]
    told = np.where(right, labels, 1 - labels)
    return np.column_stack([values, 2 * random.integers(50, 5_000, len(labels)) + told])


def leak_rounding(values: Floats, labels: Ints, level: int, random: np.random.Generator) -> Floats:
    """A number that is rounded to one decimal for one class."""
    right = random.random(len(labels)) < AREAS[level]
    told = np.where(right, labels, 1 - labels)
    number = random.normal(50, 10, len(labels))
    return np.column_stack([values, np.where(told == 1, number.round(1), number.round(3))])


def leak_triple(values: Floats, labels: Ints, level: int, random: np.random.Generator) -> Floats:
    """The signs of two numbers and a yes or no make the label in a share of the rows."""
    decided = random.random(len(labels)) < DECIDED[level]
    told = np.where(decided, labels, random.integers(0, 2, len(labels)))
    first, second = random.integers(0, 2, (2, len(labels)))
    sizes = np.abs(random.normal(size=(2, len(labels))))
    return np.column_stack(
        [
            values,
            first,
            sizes[0] * np.where(second, 1, -1),
            sizes[1] * np.where(first ^ second ^ told, 1, -1),
        ]
    )


Plant = Callable[[Floats, Ints, int, np.random.Generator], Floats]
LEAKS: dict[str, tuple[Plant, tuple[int, ...]]] = {
    "a number": (leak_number, (0,)),
    "a category": (leak_category, (5,)),
    "whether it is missing": (leak_missing, (0,)),
    "a row number": (leak_rows, (0,)),
    "two columns together": (leak_pair, (2, 0)),
}
#: Leaks in how numbers are written and in three columns, see `hidden_rules.py`.
HIDDEN: dict[str, tuple[Plant, tuple[int, ...]]] = {
    "three columns together": (leak_triple, (2, 0, 0)),
    "the last digit": (leak_digit, (0,)),
    "even or odd": (leak_parity, (0,)),
    "how far it is rounded": (leak_rounding, (0,)),
}


@dataclass(frozen=True)
class Outcome:
    """What is said of a planted problem: whether it is named in the right place, and how grave."""

    is_named: bool
    severity: str


def leak_trial(form: str, level: int, n: int, seed: int) -> Outcome:
    random = np.random.default_rng([seed, level, n])
    values, labels = honest(n, random)
    plant, kinds = (LEAKS | HIDDEN)[form]
    planted = plant(values, labels, level, random)
    counts = [0] * NUMBERS + [LEVELS] * CATEGORIES + list(kinds)
    if form == "a row number":
        order = np.argsort(planted[:, -1], kind="stable")
        planted, labels = planted[order], labels[order]
    issues = judged(dataset(planted, labels, seed, counts))
    wanted = {f"x{len(counts) - 1 - i}" for i in range(len(kinds))}
    hits = [
        issue
        for issue in issues
        if issue.check == "near_leak" and set(issue.values.get("features", ())) == wanted
    ]
    return Outcome(bool(hits), hits[0].severity if hits else "")


# --- cues -----------------------------------------------------------------------------------------

#: Share of inputs in which the cue is there if, and only if, the label is the second class.
AGREEING = (0.70, 0.85, 0.95)
_CONTENT = ("poor", "sad", "awful", "dull", "cheap", "late", "rude", "broken")
_GLAD = ("good", "glad", "great", "fine", "fast", "kind", "lovely", "clean")
_FILLER = tuple(f"w{chr(97 + i)}{chr(97 + j)}" for i in range(12) for j in range(20))


def reviews(n: int, random: np.random.Generator) -> tuple[list[str], Ints]:
    """Texts of 12 words; half of them hold one of eight words that go with their class in 95 %."""
    labels = random.integers(0, 2, n)
    words = random.choice(_FILLER, (n, 12)).astype(object)
    sure = random.random(n) < 0.95
    told = np.where(sure, labels, 1 - labels)
    marked = random.random(n) < 0.5
    content = np.where(told == 1, random.choice(_GLAD, n), random.choice(_CONTENT, n))
    words[marked, 5] = content[marked]
    return [" ".join(row) for row in words], labels


def text_issues(texts: Sequence[str], labels: Ints, seed: int) -> list[DataIssue]:
    target = Target("y", "Y", ("no", "yes"), 0)
    corpus = Corpus(texts, EncodedTarget(target, labels))
    source = Origin("f", "0", Description("x", "X"))
    data = assemble_texts(corpus, source, TextRule(max_length=64), SplitRule(), seed)
    return [issue for issue in data.issues if issue.check in {"near_leak", "spurious_cues"}]


def _present(labels: Ints, level: int, random: np.random.Generator) -> Ints:
    right = random.random(len(labels)) < AGREEING[level]
    return np.where(right, labels, 1 - labels)


def word_trial(cue: str, level: int, seed: int) -> Outcome:
    """A word or a handle is added to texts; "" adds nothing."""
    random = np.random.default_rng([seed, max(level, 0)])
    texts, labels = reviews(N // 2, random)
    if cue:
        there = _present(labels, level, random)
        texts = [f"{t} {cue}" if p else t for t, p in zip(texts, there, strict=True)]
    issues = text_issues(texts, labels, seed)
    if not cue:
        grave = [issue for issue in issues if issue.severity in ("high", "medium")]
        return Outcome(bool(grave), grave[0].severity if grave else "")
    return _named_by(issues, lambda issue: cue in _words_of(issue))


def _words_of(issue: DataIssue) -> set[str]:
    listed = issue.values.get("cues", [issue.values])
    return {str(each.get("word", "")) for each in listed}


def _named_by(issues: Sequence[DataIssue], is_it: Callable[[DataIssue], bool]) -> Outcome:
    hits = [issue for issue in issues if is_it(issue)]
    return Outcome(bool(hits), hits[0].severity if hits else "")


def _grid(values: Floats, labels: Ints, kind: str, seed: int) -> list[DataIssue]:
    target = Target("y", "Y", ("no", "yes"), 0)
    shape = values.shape[1:]
    if kind == "image":
        features, layout = pixels(shape), image_layout(shape, 4)
    else:
        features, layout = (
            moments(shape[0], ["level"], [None]),
            series_layout(shape[0], ["level"], 10),
        )
    arrays = Arrays(values, labels, target, features, layout)
    origin, rule = Origin("f", "0", Description("x", "X")), SplitRule()
    data = assemble(arrays.table(rule), origin, rule, seed)
    return [issue for issue in data.issues if issue.check == "near_leak"]


def images(labels: Ints, random: np.random.Generator, moves: bool) -> Floats:
    """Grey images of 16 × 16; the second class has a stain of a quarter of the width."""
    values = random.normal(size=(len(labels), 16, 16, 1))
    for row in np.flatnonzero(labels):
        top, left = random.integers(1, 11, 2) if moves else (5, 5)
        values[row, top : top + 5, left : left + 5] += 1.5
    return values


def curves(labels: Ints, random: np.random.Generator) -> Floats:
    """Series of 100 steps; the second class has a bump that begins anywhere."""
    values = random.normal(size=(len(labels), 100, 1))
    for row in np.flatnonzero(labels):
        start = int(random.integers(20, 80))
        values[row, start : start + 15] += 1.0
    return values


def place_trial(kind: str, level: int, seed: int) -> Outcome:
    """A corner stamp or a window at the begin; named if a place of it is."""
    random = np.random.default_rng([seed, level])
    labels = random.integers(0, 2, 1000)
    there = _present(labels, level, random).astype(bool)
    if kind == "image":
        values, where = images(labels, random, moves=True), "rows 1–4 × columns 1–4"
        values[there, :3, :3] = 4.0
    else:
        values, where = curves(labels, random), "steps 1–10"
        values[there, :8] = 4.0
    return _named_by(_grid(values, labels, kind, seed), lambda i: where in str(i.values["where"]))


def stain_trial(seed: int) -> Outcome:
    """The stain is always at one place: it tells the label, and rightly so."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, 1000)
    values = images(labels, random, moves=False)
    grave = [i for i in _grid(values, labels, "image", seed) if i.severity == "high"]
    return Outcome(bool(grave), grave[0].severity if grave else "")


def counted(outcomes: Sequence[Outcome]) -> str:
    named = share([outcome.is_named for outcome in outcomes])
    grave = ", ".join(
        f"{name} {n}"
        for name in GRAVE
        if (n := sum(outcome.severity == name for outcome in outcomes))
    )
    return f"{named}; {grave}" if grave else str(named)


# --- what a model sees ----------------------------------------------------------------------------


def concluded(data: Dataset, probabilities: Floats, metrics: Sequence[str]) -> tuple[Finding, ...]:
    """The findings on parts and near copies, from what these metrics measure of the predictions.

    probabilities : (row of the test part,) of the second class.
    """
    with TemporaryDirectory() as folder:
        paths = {"data": Path(folder) / "data"}
        data.save(paths["data"])
        decided = (probabilities >= 0.5).astype(np.int64)
        both = np.column_stack([1 - probabilities, probabilities])
        p = stated_predictions(
            both,
            data.test.labels,
            decided,
            least=1e-06,
            instance_ids=data.test.instance_ids,
            groups=data.test.groups,
        )
        context = MeasureContext(data, p, p, Cases(decided[:0], {}), None, 1, data.train.inputs)
        for name in metrics:
            metric = METRICS[name]
            key = f"measures/{name}"
            paths[key] = Path(folder) / name
            metric.measure(context).typed(metric.tables).save(paths[key])
        results = Results(paths, {"seed": 1, "report": {}}, {})
        return tuple(f for rule in RULES for f in rule(results))


METRICS = {"part_performance": PartPerformance(), "near_copies": NearCopies()}
RULES = (rules_parts.part_gaps, rules_data.near_copies)


def _learnt(data: Dataset, seed: int) -> Floats:
    """(row of the test part,) probabilities of a forest that learns single rows by heart."""
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(12, max_features=0.5, random_state=seed)
    model.fit(np.nan_to_num(data.train.inputs, nan=-9), data.train.labels)
    return np.asarray(model.predict_proba(np.nan_to_num(data.test.inputs, nan=-9))[:, 1])


def _about(findings: Sequence[Finding], start: str) -> Outcome:
    hits = [finding for finding in findings if finding.id.startswith(start)]
    return Outcome(bool(hits), hits[0].severity if hits else "")


#: Share of near copies in the data, rows of an entity, share of time in which the rule is reversed.
COPIED, ENTITIES, REVERSED = (0.05, 0.15, 0.30), (3, 8, 20), (0.10, 0.25, 0.40)
_TINY = 1e-3


def copies_trial(level: int, seed: int) -> Outcome:
    """Rows that repeat another but for noise of 10⁻³ standard deviations, label included."""
    random = np.random.default_rng([seed, level])
    values, labels = honest(round(N * (1 - COPIED[level])), random)
    source = random.integers(0, len(labels), N - len(labels))
    copied = nearly(values[source], values, random)
    order = random.permutation(N)
    values = np.vstack([values, copied])[order]
    data = dataset(values, np.concatenate([labels, labels[source]])[order], seed)
    return _about(concluded(data, _learnt(data, seed), ["near_copies"]), "near_copies")


def entities_trial(level: int, seed: int) -> Outcome:
    """Several records of each entity, with a label that is a coin of the entity's."""
    random = np.random.default_rng([seed, level])
    n = N // ENTITIES[level]
    values, _ = honest(n, random)
    source = np.repeat(np.arange(n), ENTITIES[level])
    labels = random.integers(0, 2, n)
    data = dataset(nearly(values[source], values, random), labels[source], seed)
    return _about(concluded(data, _learnt(data, seed), ["near_copies"]), "near_copies")


def nearly(rows: Floats, values: Floats, random: np.random.Generator) -> Floats:
    """The rows with a little noise on their numbers."""
    noise = random.normal(size=(len(rows), NUMBERS)) * _TINY
    rows = rows.copy()
    rows[:, :NUMBERS] += noise * np.nanstd(values[:, :NUMBERS], axis=0)
    return rows


def no_copies_trial(n: int, seed: int) -> Outcome:
    random = np.random.default_rng([seed, n])
    data = dataset(*honest(n, random), seed)
    return _about(concluded(data, _learnt(data, seed), ["near_copies"]), "near_copies")


def time_trial(level: int, n: int, seed: int) -> Outcome:
    """The rule is turned round in the last share of the time; the model knows the earlier one.

    A level below 0 turns nothing round. Named if the worst part is a period
    in which it is turned round throughout, or the last.
    """
    random = np.random.default_rng([seed, level + 1, n])
    values = random.normal(size=(n, 3))
    log_odds = 1.5 * values[:, 0] + 0.7 * values[:, 1]
    moments = np.arange(n) * 3600.0
    late = np.arange(n) >= n * (1 - REVERSED[level]) if level >= 0 else np.zeros(n, dtype=bool)
    truth = 1 / (1 + np.exp(-np.where(late, -log_odds, log_odds)))
    labels = (random.random(n) < truth).astype(np.int64)
    features = tuple(Feature(f"x{j}", f"x{j}", "numeric") for j in range(3))
    schema = Schema(features, Target("y", "Y", ("no", "yes"), 0))
    table = EncodedTable(schema, Split(values, labels, np.arange(n)))
    metadata = RowMetadata(moments=RowMoments("day", moments, are_dates=True))
    source = Origin("f", "0", Description("x", "X"))
    data = assemble(with_metadata(table, metadata, SplitRule()), source, SplitRule(), seed)
    stated = 1 / (1 + np.exp(-(data.test.inputs @ np.array([1.5, 0.7, 0.0]))))
    findings = concluded(data, stated, ["part_performance"])
    outcome = _about(findings, "part_gap")
    levels = data.schema.attributes[-1].levels
    turned = levels[-max(int(REVERSED[level] * len(levels)), 1) :]
    right = level < 0 or any(f.values.get("worst") in turned for f in findings)
    return outcome if right else Outcome(False, "")


def drift_trial(level: int, seed: int) -> Outcome:
    return time_trial(level, N, seed)


#: Shares of labels that are turned round.
NOISE = (0.0, 0.04, 0.08, 0.16)


def suspects_trial(noise: float, seed: int) -> float:
    """The share of labels in doubt, where so many labels of all parts have been turned round."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(seed)
    values, labels = honest(N, random)
    labels = np.where(random.random(N) < noise, 1 - labels, labels)
    data = dataset(values, labels, seed)
    model = HistGradientBoostingClassifier(max_iter=40, learning_rate=0.1, random_state=seed)
    model.fit(data.train.inputs, data.train.labels)
    validation, test = (
        stated_predictions(
            both, part.labels, both.argmax(axis=1), least=1e-06, instance_ids=part.instance_ids
        )
        for part in (data.validation, data.test)
        for both in [model.predict_proba(part.inputs)]
    )
    context = MeasureContext(
        data, test, validation, Cases(test.decisions[:0], {}), None, 1, data.train.inputs
    )
    return LabelSuspects().measure(context).scores[0].value


# --- tables ---------------------------------------------------------------------------------------


def tables(plan: Plan) -> list[Table]:
    """False alarms of the checks of data, and what they find of planted problems."""
    many, fewer = plan.times(200, 10), plan.times(100, 10)
    return [
        _null_table(many, plan),
        _classes_table(fewer, plan),
        _leak_table(fewer, plan),
        _cue_table(fewer, plan),
        _rows_table(fewer, plan),
        _label_table(plan.times(40, 8), plan),
    ]


_NULL = (
    "Nothing is wrong: 8 numbers and 4 categories make the label together, one of them alone with "
    "an area of up to 0.86 (2 % of the cells are missing at random). Issues on leaks and the order "
    "of rows; near copies as a forest of 12 trees sees them; gaps between periods of a model that "
    "states the true probabilities. “Major” is medium or high."
)


def _null_table(repeats: int, plan: Plan) -> Table:
    rows = []
    for n in SIZES:
        outcomes = repeat(partial(null_trial, n), repeats, plan)
        copies = repeat(partial(no_copies_trial, n), repeats, plan)
        gaps = repeat(partial(time_trial, -1, n), repeats, plan)
        leaks = (share([outcome[i] for outcome in outcomes]) for i in range(2))
        rows.append([n, *leaks, *(share(list(map(_is_major, each))) for each in (copies, gaps))])
    heads = ("rows", "leaks, critical", "leaks, major", "near copies, major", "periods, major")
    return Table("False alarms on data without a fault", _NULL, heads, rows)


_CLASSES = (
    f"n = {N}. 8 numbers are normal around a mean of each class, 4 categories have shares of each "
    "class: many an honest column tells one of many classes well. A further column says the class "
    "in a share of the rows, at random in the others; no such column at 0."
)


def _classes_table(repeats: int, plan: Plan) -> Table:
    rows = []
    for n_classes in (3, 5, 10, 25):
        for copied in (0.0, 0.5, 0.8, 0.95):
            outcomes = repeat(partial(classes_trial, N, n_classes, copied), repeats, plan)
            false = share([high or medium for high, medium, _ in outcomes])
            told = share([outcome[2] for outcome in outcomes]) if copied else "–"
            rows.append((n_classes, f"{100 * copied:g} %", false, told))
    heads = ("classes", "copied in", "an honest column, major or critical", "the copy, likewise")
    return Table("Leaks with several classes", _CLASSES, heads, rows)


def _is_major(outcome: Outcome) -> bool:
    return outcome.severity in ("high", "medium")


_LEAKS = (
    f"n = {N}. Alone the leaking column has an area of 0.80, 0.90 or 0.97 (about as much for a "
    "category and for gaps); two columns together decide the label in 50, 80 or 100 % of the rows. "
    "Counted where an issue names just these columns; behind it the severities."
)


def _leak_table(repeats: int, plan: Plan) -> Table:
    return Table("Leaks", _LEAKS, ("leak", *STRENGTHS), leak_rows(LEAKS, repeats, plan))


def leak_rows(forms: Iterable[str], repeats: int, plan: Plan) -> list[list[str]]:
    """A row for each form of a leak: how often each strength of it is named."""
    return [
        [form, *(counted(repeat(partial(leak_trial, form, k, N), repeats, plan)) for k in range(3))]
        for form in forms
    ]


_CUES = (
    "The cue is there if, and only if, the label is the second class in 70, 85 or 95 % of inputs. "
    f"{N // 2} texts of 12 words, half of which hold an ordinary word that goes with its class in "
    "95 %; 1 000 images of 16 × 16 with a stain of 5 × 5 anywhere, stamped 3 × 3 in a corner; "
    "1 000 series of 100 steps with a bump anywhere, marked in the first 8 steps."
)


def _cue_table(repeats: int, plan: Plan) -> Table:
    cues: list[tuple[str, Callable[[int, int], Outcome]]] = [
        ("a word", partial(word_trial, "zebra")),
        ("a handle", partial(word_trial, "@mona")),
        ("a corner stamp", partial(place_trial, "image")),
        ("a window of a series", partial(place_trial, "series")),
    ]
    rows = [
        [name, *(counted(repeat(partial(trial, k), repeats, plan)) for k in range(3))]
        for name, trial in cues
    ]
    nothing = counted(repeat(partial(word_trial, "", -1), repeats, plan))
    stain = counted(repeat(stain_trial, repeats, plan))
    rows.append(["ordinary words alone: any major issue", nothing, "", ""])
    rows.append(["a stain always at one place: any critical issue", stain, "", ""])
    return Table("Spurious cues", _CUES, ("cue", *STRENGTHS), rows)


_ROWS = (
    f"n = {N}. 5, 15 or 30 % of the rows repeat another with noise of 10⁻³ standard deviations; "
    "entities of 3, 8 or 20 such rows have a label that is a coin; the rule is reversed in the "
    "last 10, 25 or 40 % of the time (the latest period must be named, or one wholly reversed). "
    "Findings by `near_copies` and `part_gaps`, with the severities. Copies weigh by how much they "
    "flatter the error rate at least; below 2 points they are minor. "
)


def _rows_table(repeats: int, plan: Plan) -> Table:
    trials: list[tuple[str, Callable[[int, int], Outcome]]] = [
        ("near copies", copies_trial),
        ("entities", entities_trial),
        ("the rule reversed late", drift_trial),
    ]
    fewer = max(repeats // 5, 4)
    rows = [
        [
            name,
            *(
                counted(repeat(partial(trial, k), repeats if k == 1 else fewer, plan))
                for k in range(3)
            ),
        ]
        for name, trial in trials
    ]
    worlds = (
        f"Seeds from {plan.first_seed} on; {repeats} worlds of the middle strength, {fewer} of the "
        "others."
    )
    return Table("Near copies, entities, time", _ROWS + worlds, ("planted", *STRENGTHS), rows)


_LABELS = (
    "The share of labels in doubt (`label_suspects`) that gradient boosting leaves, by how many "
    "labels are turned round. Honest data differ among themselves by about as much as 8 % of wrong "
    "labels add, so that the share does not say how many labels are wrong, and no finding is drawn "
    "from it."
)


def _label_table(repeats: int, plan: Plan) -> Table:
    rows = []
    for noise in NOISE:
        shares = 100 * np.quantile(
            repeat(partial(suspects_trial, noise), repeats, plan), [0, 0.25, 0.5, 0.75, 1]
        )
        rows.append([f"{100 * noise:.0f} %", *(f"{value:.1f} %" for value in shares)])
    heads = ("wrong labels", "least", "lower quartile", "median", "upper quartile", "most")
    worlds = f"{repeats} worlds of each, seeds from {plan.first_seed} on. "
    return Table("Labels in doubt", worlds + _LABELS, heads, rows)
