"""Does a correction work, what does it cost, and is it told rightly whether it worked?

A cue goes with the label in 95 of 100 rows of every part: a column of a table, one of two handles
in a text, the brightness of a corner of handwritten digits. The oracle is the same model trained
where the cue is noise.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.conclusions import ThresholdRule
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.models import TrainingPlace
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Category, Feature, Layout, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.extensions.corrections.corrected_data import ResolvedCorrections
from deepseek_report.extensions.corrections.corrected_training import choose_weight
from deepseek_report.extensions.corrections.corrections_metric import (
    MOST_LEFT,
    BeforeCorrections,
    Corrections,
    use_of,
)
from deepseek_report.extensions.corrections.cue_penalty import penalty_on
from deepseek_report.extensions.corrections.declared_corrections import CorrectionItem
from deepseek_report.metrics.performance.predicting import predict
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.training.trainer import GradientTrainer

from .trials import Plan, Table, repeat, share

AGREES = 0.95
TRAIN, OTHERS = 2000, 1000
TARGET = Target("y", "y", ("no", "yes"), favourable=None, explained=1)
_WORDS, _PLACES, _SIGNALS = 60, 12, 10
_RULE = ThresholdRule("accuracy")


@dataclass(frozen=True)
class World:
    """A data set with a cue, the same with the cue as noise, and the correction that names it."""

    data: Dataset
    noise: Dataset
    item: CorrectionItem
    model: Any
    trainer: GradientTrainer


def _labels(signal: Any, rng: np.random.Generator) -> Any:
    return (rng.random(len(signal)) < 1 / (1 + np.exp(-signal))).astype(np.int64)


def _agreeing(labels: Any, rng: np.random.Generator) -> Any:
    return np.where(rng.random(len(labels)) < AGREES, labels, 1 - labels)


def table_world(seed: int) -> World:
    """Six numbers of which four move the log-odds, a null, and the cue."""
    rng = np.random.default_rng([seed, 1])
    names = [*(f"x{k}" for k in range(6)), "null", "cue"]
    schema = Schema(tuple(Feature(name, name, "numeric") for name in names), TARGET)

    def part(n: int) -> tuple[Any, Any]:
        inputs = rng.normal(size=(n, 8))
        labels = _labels(inputs[:, :4] @ np.array([1.2, 1.0, -0.8, 0.6]), rng)
        inputs[:, 7] += 3 * (_agreeing(labels, rng) - 0.5) * 2
        return inputs, labels

    item = CorrectionItem("feature", ("cue",))
    return _world(schema, part, [7], item, MLP(hidden=(64, 32)), rng)


def text_world(seed: int) -> World:
    """Twelve words, of which ten of sixty speak for or against, and one of two handles."""
    rng = np.random.default_rng([seed, 2])
    words = [*(f"w{k}" for k in range(_WORDS)), "@yes", "@no", "[mask]"]
    tokens = tuple(Category(word, word) for word in words)
    labels_of = tuple(f"word {k + 1}" for k in range(_PLACES + 1))
    layout = Layout(
        "text",
        (_PLACES + 1,),
        tuple((k,) for k in range(_PLACES + 1)),
        labels_of,
        mask=len(words) - 1,
    )
    features = tuple(
        Feature(f"t{k}", label, "token", categories=tokens) for k, label in enumerate(labels_of)
    )
    schema = Schema(features, TARGET, layout=layout)
    weights = np.zeros(_WORDS)
    weights[:_SIGNALS] = np.resize([1.5, -1.5], _SIGNALS)

    def part(n: int) -> tuple[Any, Any]:
        body = rng.integers(0, _WORDS, (n, _PLACES))
        labels = _labels(weights[body].sum(axis=1), rng)
        handle = np.where(_agreeing(labels, rng) == 1, _WORDS, _WORDS + 1)
        return np.column_stack([handle, body]).astype(np.float64), labels

    item = CorrectionItem("feature", ("@yes", "@no"))
    model = DeepSeek(width=16, layers=1, experts=2, experts_per_token=1)
    return _world(schema, part, [0], item, model, rng)


def image_world(seed: int) -> World:
    """Handwritten digits, 5 to 9 against 0 to 4, with a corner that is bright or dark."""
    from sklearn.datasets import load_digits

    rng = np.random.default_rng([seed, 3])
    images, digits = load_digits(return_X_y=True)
    order = rng.permutation(len(images))
    images, classes = images[order], (digits[order] >= 5).astype(np.int64)
    players = tuple(
        tuple(8 * (2 * r + y) + 2 * c + x for y in range(2) for x in range(2))
        for r in range(4)
        for c in range(4)
    )
    names = tuple(
        f"rows {2 * r + 1}–{2 * r + 2} × columns {2 * c + 1}–{2 * c + 2}"
        for r in range(4)
        for c in range(4)
    )
    layout = Layout("image", (8, 8, 1), players, names)
    features = tuple(Feature(f"p{k}", f"p{k}", "numeric") for k in range(64))
    schema = Schema(features, TARGET, layout=layout)
    start = [0]

    def part(n: int) -> tuple[Any, Any]:
        n = min(n, 900 if start[0] == 0 else 448)
        rows = slice(start[0], start[0] + n)
        start[0] += n
        inputs, labels = images[rows].copy(), classes[rows]
        bright = 16.0 * _agreeing(labels, rng)
        inputs[:, list(players[0])] = bright[:, None]
        return inputs, labels

    item = CorrectionItem("region", (names[0],))
    return _world(schema, part, list(players[0]), item, MLP(hidden=(64, 32)), rng)


WORLDS = {"table": table_world, "text": text_world, "digits": image_world}


def _world(
    schema: Schema,
    part: Any,
    columns: Sequence[int],
    item: CorrectionItem,
    model: Any,
    rng: np.random.Generator,
) -> World:
    parts, noise = {}, {}
    for name, n in (("train", TRAIN), ("validation", OTHERS), ("test", OTHERS)):
        inputs, labels = part(n)
        split = Split(inputs, labels, np.arange(len(labels)), {})
        parts[name] = split
        mixed = inputs.copy()
        mixed[:, columns] = inputs[rng.permutation(len(inputs))][:, columns]
        noise[name] = dataclasses.replace(split, inputs=mixed)
    trainer = GradientTrainer(tensorboard=False, max_epochs=12, patience=12)
    data, other = (Dataset(schema, **each, card={}) for each in (parts, noise))
    return World(data, other, item, model, trainer)


def _trained(world: World, data: Dataset, seed: int, penalty: Any = None) -> Classifier:
    module = world.model.build(data.schema, data.train, seed)
    with tempfile.TemporaryDirectory() as folder:
        world.trainer.fit(module, data, TrainingPlace(Path(folder), seed, "cpu"), Silent(), penalty)
    classifier: Classifier = world.model.wrap(module, data.schema, "cpu")
    return classifier


def _accuracy(classifier: Classifier, data: Dataset) -> float:
    return float((_predicted(classifier, data)["test"].correct).mean())


def _predicted(classifier: Classifier, data: Dataset) -> dict[str, Predictions]:
    return predict(classifier, data.validation, data.test, _RULE)


@dataclass(frozen=True)
class Outcome:
    """What came of one correction. use, accuracy : before, after, of the oracle.

    accuracy : with the cue as noise. told : what the report says. weight : the factor that was
    chosen. seconds : of one core, for training the corrected model with each factor.
    """

    use: tuple[float, float, float]
    shipped: tuple[float, float]
    accuracy: tuple[float, float, float]
    told: str
    weight: float
    seconds: float


@cache
def _world_and_models(kind: str, seed: int) -> tuple[World, Classifier, Classifier]:
    """A world, its model before corrections, and the oracle."""
    world = WORLDS[kind](seed)
    return world, _trained(world, world.data, seed), _trained(world, world.noise, seed)


def corrected(kind: str, how: Any, seed: int) -> Outcome:
    """Correct the cue of a world, with the factor that a run chooses."""
    world, before, oracle = _world_and_models(kind, seed)
    item = dataclasses.replace(world.item, how=how)
    return _outcome(world, item, seed, before, oracle)


def _outcome(
    world: World, item: CorrectionItem, seed: int, before: Classifier, oracle: Classifier
) -> Outcome:
    resolved = ResolvedCorrections.of([item], world.data, "network")
    data = resolved.corrected(seed)
    started = time.process_time()
    made: list[Classifier] = []
    chosen = 0.0

    def fitted(factor: float) -> Classifier:
        cues = [(each.cue, each.how) for each in resolved.trained_away]
        penalty = penalty_on(cues, factor, data)
        made.append(_trained(world, data, seed, penalty))
        return made[-1]

    if not resolved.trained_away:
        made.append(_trained(world, data, seed))
    else:
        chosen = choose_weight(fitted, before, resolved, data, seed)["weight"]
    seconds, after = time.process_time() - started, made[-1]
    told = _told(world, resolved, data, before, after)
    noise = dataclasses.replace(
        data,
        test=dataclasses.replace(data.test, inputs=resolved.shortened(world.noise.test.inputs)),
    )
    uses = (told["before"], told["after"], _use(world, resolved, oracle))
    accuracies = (
        _accuracy(before, world.noise),
        _accuracy(after, noise),
        _accuracy(oracle, world.noise),
    )
    shipped = _accuracy(before, world.data), _accuracy(after, data)
    return Outcome(uses, shipped, accuracies, told["outcome"], chosen, seconds)


def _told(
    world: World, resolved: ResolvedCorrections, data: Dataset, before: Any, after: Any
) -> dict[str, Any]:
    """The row of the report's table on the correction."""
    answers, was = _predicted(after, data), _predicted(before, world.data)
    nothing: Any = None
    context = MeasureContext(
        data,
        answers["test"],
        answers["validation"],
        nothing,
        after,
        1,
        data.train.inputs[:8],
        before=BeforeCorrections(world.data, was["test"], before, resolved),
    )
    tables = Corrections(max_players=4).measure(context).tables
    row: dict[str, Any] = tables["corrected"].iloc[0].to_dict()
    return row | {"gained": int(tables["took_over"]["sure"].sum())}


def _use(world: World, resolved: ResolvedCorrections, classifier: Classifier) -> float:
    rows, labels = world.data.test.inputs, world.data.train.labels
    return float(use_of(classifier, rows, rows, resolved.cues[0].cue, labels, 9).mean())


def nothing_wrong(seed: int) -> tuple[float, float, str]:
    """Correct the null of a table by a swap.

    Returns how far the accuracy moved, how far another training seed moves it, and what is told.
    """
    world = table_world(seed)
    item = CorrectionItem("feature", ("null",), how="swap")
    before, other = (_trained(world, world.data, s) for s in (seed, seed + 500))
    outcome = _outcome(world, item, seed, before, before)
    of_another = _accuracy(other, world.data) - outcome.shipped[0]
    return outcome.shipped[1] - outcome.shipped[0], of_another, outcome.told


def judged(weight: float, seed: int) -> tuple[float, str]:
    """A correction with a fixed factor: the share of the use that is left in truth, what is told.

    The truth is measured on 6 000 rows of other seeds.
    """
    world = table_world(seed)
    item = dataclasses.replace(world.item, how="swap")
    resolved = ResolvedCorrections.of([item], world.data, "network")
    before = _trained(world, world.data, seed)
    penalty = penalty_on([(resolved.cues[0].cue, "swap")], weight, world.data)
    after = _trained(world, world.data, seed, penalty)
    told = _told(world, resolved, world.data, before, after)
    fresh = np.concatenate([table_world(seed + 10_000 + k).data.train.inputs for k in range(3)])
    cue, labels = resolved.cues[0].cue, world.data.train.labels
    was, now = (float(use_of(m, fresh, fresh, cue, labels, 5).mean()) for m in (before, after))
    return now / was, told["outcome"]


_WAYS = (
    *(("table", how) for how in ("drop", "swap", "penalty")),
    *(("text", how) for how in ("swap", "penalty")),
    *(("digits", how) for how in ("swap", "penalty")),
)
#: Factors with which corrections go from failed to worked.
_FACTORS = (0.003, 0.01, 0.03, 0.1, 0.3)


def tables(plan: Plan) -> list[Table]:
    """What corrections reach, of a null too, and how often it is told wrongly whether they did."""
    return [_reached(plan), _null(plan), _verdicts(plan)]


def _reached(plan: Plan) -> Table:
    rows = []
    for kind, how in _WAYS:
        outcomes = repeat(partial(corrected, kind, how), plan.times(10, 3), plan)
        use, accuracy = (
            np.mean([getattr(o, name) for o in outcomes], axis=0) for name in ("use", "accuracy")
        )
        shipped = np.mean([o.shipped for o in outcomes], axis=0)
        rows.append(
            (
                *(kind, how, len(outcomes)),
                " → ".join(f"{value:.3f}" for value in use[:2]),
                f"{100 * (use[1] / use[0] - 1):.0f} %",
                " → ".join(f"{value:.3f}" for value in shipped),
                " → ".join(f"{value:.3f}" for value in accuracy[:2]),
                f"{100 * (accuracy[1] - accuracy[2]):+.1f}",
                f"{np.median([o.weight for o in outcomes]):g}",
                f"{np.median([o.seconds for o in outcomes]):.1f}",
                share([o.told == "worked" for o in outcomes]),
            )
        )
    return Table(
        "Corrections of a planted cue",
        "Means over seeds. Use: how far the answer moves where the cue is drawn anew, before and "
        "after. Accuracy as shipped, and with the cue as noise, and how many points the latter "
        "lies above the oracle's. Seconds: median of one core, for training the corrected model "
        "with all factors that were tried.",
        (
            *("data", "how", "seeds", "use", "change", "accuracy as shipped", "cue as noise"),
            *("points over oracle", "median factor", "seconds", "told “worked”"),
        ),
        rows,
    )


def _null(plan: Plan) -> Table:
    outcomes = repeat(nothing_wrong, plan.times(20, 4), plan)
    moved, spread = (np.array([o[k] for o in outcomes]) for k in (0, 1))
    row = (
        len(outcomes),
        f"{100 * moved.mean():+.2f}",
        f"{100 * np.sqrt((moved**2).mean()):.2f}",
        f"{100 * np.sqrt((spread**2).mean()):.2f}",
        share([o[2] in {"unused", "worked"} for o in outcomes]),
        share([o[2] == "failed" for o in outcomes]),
    )
    return Table(
        "A correction of what tells nothing",
        "The null column of the table, by a swap: how far the accuracy moves, beside another "
        "training seed alone.",
        (
            *("seeds", "mean move in points", "root mean square move", "of another seed"),
            *("told as unused or worked", "told as failed"),
        ),
        [row],
    )


def _verdicts(plan: Plan) -> Table:
    rows = []
    for factor in _FACTORS:
        outcomes = repeat(partial(judged, factor), plan.times(20, 4), plan)
        left = np.array([each[0] for each in outcomes])
        told = [each[1] for each in outcomes]
        wrong = [
            (now > MOST_LEFT and said == "worked") or (now <= MOST_LEFT and said == "failed")
            for now, said in zip(left, told, strict=True)
        ]
        counts = (
            f"{sum(said == word for said in told)}" for word in ("worked", "unsure", "failed")
        )
        rows.append((factor, len(told), f"{100 * left.mean():.0f} %", *counts, share(wrong)))
    return Table(
        "Whether a correction worked, as it is told",
        "Swaps with a fixed factor on the table. Told wrongly: “worked” where more than a fifth of "
        "the use is left on 6 000 rows that nobody has seen, or “failed” where no more is.",
        ("factor", "seeds", "use left", "worked", "cannot be told", "failed", "told wrongly"),
        rows,
    )
