"""How well the model decides on data that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.ids import CROSS_VALIDATION
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import Column, TableType, columns_of
from deepseek_report.artifacts.table_rows import cells_of
from deepseek_report.findings.conclude import all_findings
from deepseek_report.findings.records import attribute_label, is_share, unit_of
from deepseek_report.findings.rules_calibration import interval_row
from deepseek_report.metrics.failures.failure_rows import PartLevel
from deepseek_report.metrics.fairness.fairness_rows import GapTest
from deepseek_report.metrics.performance.performance_rows import (
    ClassRecall,
    ComparedPredictor,
    Confusion,
    CountedAlerts,
    FoldSpread,
    SweptThreshold,
    TrainTestGap,
)
from deepseek_report.sections.shared.draft import Draft, DraftedSection, ids_of
from deepseek_report.sections.shared.tables import ShownTable, Values, View, share_cell, value_cell
from deepseek_report.sections.shared.task_columns import Levels, gap_table, levels_of
from deepseek_report.sections.threshold_slider import slider_data
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Measure
from deepseek_report.wording import estimates

# --- What the performance section says of predicted numbers, and of many classes ------------------


def answer_numbers(draft: Draft) -> None:
    """How far predictions are off, what part of the variance is predicted, and how sure that is."""
    results = draft.results
    error, squared = results.score("mae"), results.score("r2")
    if error is not None:
        mean = results.score("mae", predictor="mean")
        draft.answer(
            "errors",
            mae=estimates.of_score(error),
            mean=None if mean is None else mean.value,
            predictor=draft.words.label("predictors", "mean"),
            unit=unit_of(results),
        )
    if squared is not None and finite(squared.value) is not None:
        draft.answer("explained", r2=estimates.of_score(squared))
    coverage, row = results.score("prediction_interval_coverage"), interval_row(results)
    if coverage is not None and row is not None:
        draft.answer(
            "intervals",
            half=row.half_width,
            level=row.level,
            coverage=estimates.of_score(coverage),
            unit=unit_of(results),
        )


# --- two or many classes --------------------------------------------------------------------------


def class_values(draft: Draft) -> dict[str, ShownTable]:
    """What was decided: label by label for two classes, class by class for many."""
    matrix = draft.results.rows("confusion_matrix", "matrix", Confusion)
    names = list(dict.fromkeys(row.actual for row in matrix))
    if len(names) <= 2:
        nothing = {"classes": ShownTable("classes"), "grid": ShownTable("grid")}
        return {"matrix": draft.metric_table("confusion_matrix", "matrix"), **nothing}
    return {
        "matrix": ShownTable("matrix"),
        "classes": draft.metric_table("confusion_matrix", "classes"),
        "grid": _grid(draft, names, matrix),
    }


def _grid(draft: Draft, names: list[str], matrix: list[Confusion]) -> ShownTable:
    """Who is taken for whom: labels in rows, decisions in columns."""
    decided = (
        Column(f"c{k}", "count", label=draft.words.name(name)) for k, name in enumerate(names)
    )
    kind = TableType((Column("actual"), *decided), folded=True)
    counts = {(row.actual, row.decided): row.n for row in matrix}
    cells = [
        {"actual": actual}
        | {f"c{k}": counts.get((actual, name), 0) for k, name in enumerate(names)}
        for actual in names
    ]
    return draft.table("confusion-grid", kind, cells)


# --- How well the model does in parts of the data that are no groups of people --------------------

_METRIC = "part_performance"


def part_values(draft: Draft) -> Values:
    """The tables on parts of the data; empty where the data name none."""
    judged_by = task_of(draft.results.schema.target).part_table[0]
    table = draft.results.rows(_METRIC, "parts", PartLevel)
    tests = draft.results.rows(_METRIC, "tests", GapTest)
    return {
        "parts": [
            part.values(table=_part(draft, part))
            for part in levels_of(draft, table, judged_by, "parts.", tests)
        ],
        "part_tests": gap_table(
            draft, "performance-parts-tests", f"{_METRIC}.tests", [_METRIC], folded=True
        ),
    }


def _part(draft: Draft, part: Levels) -> ShownTable:
    shown = task_of(draft.results.schema.target).part_table
    columns = ("level", "n", *(column.key for column in shown))
    view = View(f"performance-parts-{part.name}", f"{_METRIC}.parts", columns)
    return draft.metric_table(
        _METRIC, "parts", [row.cells for row in part.rows], view, by=part.inline
    )


# --- How well the model decides on data that it has not seen --------------------------------------

#: Scores in the order in which they are shown.
_SHOWN = (
    "roc_auc average_precision balanced_accuracy accuracy true_positive_rate false_positive_rate "
    "precision precision_at_capacity recall_at_capacity selection_rate brier_score "
    "expected_calibration_error calibration_slope calibration_intercept micro_f1 macro_f1 "
    "hamming_loss subset_accuracy mae median_absolute_error rmse r2 mean_error "
    "prediction_interval_coverage prediction_interval_width"
)
#: Scores about the explained class alone.
_OF_ONE_CLASS = frozenset({"true_positive_rate", "false_positive_rate", "precision"})


@dataclass(frozen=True)
class PerformanceSection(DraftedSection):
    """Says how well the model ranks, decides and states probabilities on unseen data."""

    name = "performance"
    needs = frozenset({"predictions/test"})
    metrics = (
        "accuracy balanced_accuracy roc_auc average_precision precision_at_capacity brier_score "
        "expected_calibration_error confusion_matrix baselines ranking_curves threshold_sweep "
        "train_and_test labels_table mae residuals prediction_intervals part_performance "
        "period_drift"
    )
    pictures = (
        "roc_curve confusion_matrix gain_and_lift reliability threshold_sweep labels_table "
        "predicted_vs_true residuals interval_coverage part_performance performance_by_period"
    )
    uses = ids_of(measures=CROSS_VALIDATION)

    def write(self, draft: Draft) -> None:
        results = draft.results
        _answer(draft)
        _caveats(draft)
        draft.values |= {
            "scores": _scores(draft),
            "comparison": _comparison(draft),
            **class_values(draft),
            **part_values(draft),
            "decides": results.has("measures/confusion_matrix"),
            "states": results.has("measures/expected_calibration_error"),
            "train_and_test": _train_and_test(draft),
            "sweep": _sweep(draft),
            "alerts": _alerts(draft),
            "slider": slider_data(draft),
            "folds": fold_values(draft),
            "explained": results.schema.target.explained_class,
        }


def _answer(draft: Draft) -> None:
    if draft.results.has("data") and len(draft.results.schema.target.classes) > 2:
        _answer_many(draft)
    else:
        _answer_two(draft)
    answer_numbers(draft)


def _answer_two(draft: Draft) -> None:
    """How one class is ranked above the other, and found."""
    results = draft.results
    target = results.schema.target.explained_class
    area = results.score("roc_auc")
    if area is not None:
        draft.answer("ranking", area=estimates.of_score(area), target=target)
    caught, right = results.score("true_positive_rate"), results.score("precision")
    if caught is not None and right is not None:
        draft.answer(
            "decisions",
            target=target,
            caught=estimates.of_score(caught),
            right=estimates.of_score(right),
            threshold=_threshold(results),
        )


def _answer_many(draft: Draft) -> None:
    """How classes are ranked and found on average, and the one that is found least often."""
    results = draft.results
    area, accuracy = results.score("roc_auc"), results.score("accuracy")
    balanced = results.score("balanced_accuracy")
    if area is not None:
        classes = len(results.schema.target.classes)
        draft.answer("ranking_many", area=estimates.of_score(area), classes=classes)
    if accuracy is None or balanced is None:
        return
    recalls = [row for row in results.rows("confusion_matrix", "classes", ClassRecall) if row.n]
    missed = [row for row in recalls if row.recall.value < 1]
    worst = min(missed, key=lambda row: row.recall.value, default=None)
    draft.answer(
        "decisions_many",
        accuracy=estimates.of_score(accuracy),
        balanced=estimates.of_score(balanced),
        worst={"class": worst.level, "recall": worst.recall} if worst else None,
    )


def _alerts(draft: Draft) -> ShownTable:
    """What the alerts hold, by how many are looked into in each period."""
    table = draft.results.rows("precision_at_capacity", "capacities", CountedAlerts)
    per = draft.words.label("alert_periods", table[0].per) if table else ""
    return draft.metric_table("precision_at_capacity", "capacities", per=per)


def _threshold(results: Results) -> float | None:
    return results.predicted.threshold if results.has("predictions/test") else None


def _caveats(draft: Draft) -> None:
    """Accuracy that a constant answer reaches as well says nothing."""
    results = draft.results
    accuracy = results.score("accuracy")
    constant = results.score("accuracy", predictor="majority")
    if accuracy is None or constant is None:
        return
    high = accuracy.value if accuracy.high is None else accuracy.high
    if constant.value >= (accuracy.low if accuracy.low is not None else high):
        draft.caveat(
            "accuracy",
            accuracy=estimates.of_score(accuracy),
            constant=constant.value,
            below=constant.value > high,
        )


_SCORES = TableType(
    (
        *columns_of("metric value"),
        Column("folds", optional=True),
        *columns_of("better n:count method"),
    )
)


def _scores(draft: Draft) -> ShownTable:
    """Of many classes none is favourable, unless groups of people are compared by it."""
    schema = draft.results.schema
    ranked = len(schema.target.classes) <= 2 or schema.attributes_of("person")
    names = [name for name in _SHOWN.split() if ranked or name != "selection_rate"]
    scores = [draft.results.score(name) for name in names]
    rows = [_score(draft, score) for score in scores if score is not None]
    return draft.table("scores", _SCORES, rows)


def _score(draft: Draft, score: Score) -> Values:
    estimate = estimates.of_score(score)
    cell = share_cell if is_share(score) else value_cell
    over = fold_range(draft, score)
    return {
        "metric": _named(draft, score),
        **({"folds": over} if over else {}),
        **cell(draft.words.numbers, "value", estimate),
        "better": draft.words.label("directions", score.direction),
        "n": score.n,
        "method": draft.words.say(score.interval_method) or draft.words.text("numbers.no_interval"),
    }


def _named(draft: Draft, score: Score) -> str:
    """The metric, with its unit, or the one of many classes that it is about."""
    name = draft.words.label("metrics", score.metric)
    target = draft.results.schema.target
    if score.metric in _OF_ONE_CLASS and len(target.classes) > 2:
        return draft.words.text(
            "templates.performance.of_class", name=name, level=target.explained_class
        )
    if score.metric == "selection_rate" and not draft.results.schema.attributes_of("person"):
        return draft.words.text("templates.performance.decided", level=_counted(draft.results))
    return f"{name}, {draft.words.name(score.unit)}" if score.unit and not is_share(score) else name


def _comparison(draft: Draft) -> ShownTable:
    predictors: dict[str, Values] = {}
    for row in draft.results.rows("baselines", "comparison", ComparedPredictor):
        name = draft.words.label("predictor_names", row.predictor)
        cells = predictors.setdefault(row.predictor, {"label": name})
        cells[row.metric] = row.value
    compared = sorted(task_of(draft.results.schema.target).compared, key=_place)
    columns = tuple(replace(measure.column(), optional=True) for measure in compared)
    view = View("performance-baselines", "baselines.comparison", (Column("label"), *columns))
    return draft.metric_table("baselines", "comparison", predictors.values(), view)


def _place(measure: Measure) -> int:
    """Where the measure stands among the scores that are shown; others come last."""
    shown = _SHOWN.split()
    return shown.index(measure.key) if measure.key in shown else len(shown)


def _counted(results: Results) -> str:
    """The class whose share of all decisions is told."""
    target = results.schema.target
    return target.classes[target.counted_class]


def _train_and_test(draft: Draft) -> ShownTable:
    """The area as a number, rates in per cent; beside the accuracy that of one answer for all."""
    numbers, threshold = draft.words.numbers, _threshold(draft.results)
    shown = []
    table = draft.results.rows("train_and_test", "measures", TrainTestGap)
    for row in table:
        is_area = row.metric == "roc_auc"
        write, write_gap = (
            (numbers.value, numbers.value) if is_area else (numbers.share, numbers.signed_gap)
        )
        name = draft.words.label("metrics", row.metric)
        if row.constant is not None:
            name = draft.text("beside_constant", name=name, constant=row.constant)
        texts = {"train": write(row.train), "test": write(row.test), "gap": write_gap(row.gap)}
        shown.append({**cells_of(row), "metric": name, **texts})
    columns = (Column("metric"), Column("train"), Column("test"), Column("gap"))
    view = View("performance-train-and-test", "train_and_test.measures", columns)
    slots = {"n_train": table[0].n_train, "n_test": table[0].n} if table else {}
    return draft.metric_table(
        "train_and_test", "measures", shown, view, threshold=threshold, **slots
    )


def _sweep(draft: Draft) -> ShownTable:
    """Every tenth of the thresholds, and the one nearest to that in use."""
    table = draft.results.rows("threshold_sweep", "sweep", SweptThreshold)
    used = _threshold(draft.results)
    nearest = (
        min(table, key=lambda row: abs(row.threshold - used))
        if table and used is not None
        else None
    )
    shown = [
        {**cells_of(row), "in_use": row is nearest}
        for row in table
        if row is nearest or abs(row.threshold * 10 - round(row.threshold * 10)) < 1e-6
    ]
    return draft.metric_table("threshold_sweep", "sweep", shown)


# What the performance section says of a cross-validation: scores and findings over its folds.

_TYPE = TableType(columns_of("metric value mean range deviation folds:count"))


def fold_values(draft: Draft) -> Values:
    """Heading, sentences and tables; nothing where no folds were asked for."""
    results, words = draft.results, draft.words
    trained = results.table(CROSS_VALIDATION, "folds")
    folds = 0 if trained is None else len(trained)
    if not folds:
        return {}
    findings = [finding for finding in map(words.finding, all_findings(results)) if finding.folds]
    times = {each.id: each.values.get("in_folds", folds) for each in all_findings(results)}
    missing = [finding for finding in findings if times[finding.id] < folds]
    sentences = [words.say(note) for note in results.notes(CROSS_VALIDATION)]
    if findings:
        hold = len(findings) - len(missing)
        sentences.append(draft.text("folds.hold", all=len(findings), hold=hold, folds=folds))
    sentences.append(draft.text("folds.one_model"))
    return {
        "heading": draft.text("folds.heading", folds=folds),
        "sentences": sentences,
        "scores": draft.table("folds", _TYPE, _fold_scores(draft)),
        "not_all": [
            draft.text("folds.not_all", times=times[finding.id], folds=folds, claim=finding.claim)
            for finding in missing
        ],
        "each": draft.metric_table(CROSS_VALIDATION, "folds"),
        "groups": draft.metric_table(CROSS_VALIDATION, "groups"),
    }


def fold_ends(draft: Draft, score: Score) -> Values:
    """Least and greatest value of a score over folds, in words; None for both without folds."""
    known = draft.results.rows(CROSS_VALIDATION, "spread", FoldSpread)
    row = next((row for row in known if row.is_of(score)), None)
    if row is None:
        return {"least": None, "greatest": None, "folds": 0}
    least, greatest = (_written(draft, score, end) for end in (row.least, row.greatest))
    return {"least": least, "greatest": greatest, "folds": row.folds}


def fold_range(draft: Draft, score: Score) -> str:
    """From the least to the greatest value of a score over folds; empty without folds."""
    ends = fold_ends(draft, score)
    return draft.text("folds.range", **ends) if ends["folds"] else ""


def _written(draft: Draft, score: Score, value: float) -> str:
    numbers = draft.words.numbers
    return numbers.percent(value) if is_share(score) else numbers.number(value)


def _fold_scores(draft: Draft) -> list[Values]:
    shown = []
    for row in draft.results.rows(CROSS_VALIDATION, "spread", FoldSpread):
        if row.predictor != "model" or row.level or row.slice:
            continue
        own = next(filter(row.is_of, draft.results.find(row.metric)), None)
        if own is not None:
            shown.append(_fold_score(draft, own, row))
    return shown


def _fold_score(draft: Draft, own: Score, row: FoldSpread) -> Values:
    name = draft.words.label("metrics", own.metric)
    if own.attribute:
        attribute = attribute_label(draft.results, own.attribute)
        name = draft.text("folds.of_group", metric=name, attribute=attribute)
    numbers = draft.words.numbers
    spread = numbers.points if is_share(own) else numbers.number
    mean, least, greatest = (_written(draft, own, x) for x in (row.mean, row.least, row.greatest))
    return {
        "metric": name,
        "value": _written(draft, own, own.value),
        "mean": mean,
        "range": draft.text("folds.range", mean=mean, least=least, greatest=greatest),
        "deviation": None if row.deviation is None else spread(row.deviation),
        "folds": row.folds,
    }
