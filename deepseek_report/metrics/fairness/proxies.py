"""How well a sensitive attribute can be told from the other features, and by which of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import PEOPLE, Attribute, Feature
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.table import TableType
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.fairness.fairness_rows import ProxyFeature
from deepseek_report.metrics.performance.baselines import Predict, fit_predictor
from deepseek_report.metrics.plugin import EntityMetric, Rows
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.ranking import delong, macro_auc, most_telling, paired_difference
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import TASKS

#: Features that are looked at, each of them shuffled in turn.
_MOST_FEATURES = 128
#: Rows that the predictor is asked for at once.
_MOST_SHUFFLED = 50_000


@dataclass(frozen=True)
class Proxy:
    """How one attribute was told from the features: the ranking, and each feature's part in it."""

    auc: Estimate
    importance: list[Estimate]


def permutation_importance(
    predict: Predict,
    inputs: Floats,
    labels: Ints,
    n_repeats: int,
    rng: np.random.Generator,
    resampling: Resampling | None = None,
) -> list[Estimate]:
    """Fall in AUC when one feature is shuffled, for each feature; 0 means that it is not used.

    The interval is DeLong's for paired scores, averaged over the shuffles; it covers the test
    sample, not the training of the predictor.

    predict : (instance, feature) -> (instance, class). labels : (instance,) codes 0, 1, ….

    Reference: Breiman 2001, doi:10.1023/A:1010933404324.
    """
    whole = macro_auc(labels, predict(inputs), 1)
    n, width = inputs.shape
    at_once = max(1, _MOST_SHUFFLED // (n_repeats * n))
    falls = []
    for first in range(0, width, at_once):
        columns = range(first, min(first + at_once, width))
        shuffled = np.tile(inputs, (len(columns), n_repeats, 1, 1))
        for place, j in enumerate(columns):
            shuffled[place, :, :, j] = [inputs[rng.permutation(n), j] for _ in range(n_repeats)]
        outputs = predict(shuffled.reshape(-1, width)).reshape(len(columns), n_repeats, n, -1)
        for of_column in outputs:
            areas, influences = zip(
                *(macro_auc(labels, output, 1) for output in of_column), strict=True
            )
            others = float(np.mean(areas)), np.mean(influences, axis=0)
            falls.append(paired_difference(whole, others, labels, resampling)[0])
    return falls


def _sample(
    part: Split, codes: Ints, most: int, rng: np.random.Generator
) -> tuple[Floats, Ints, Resampling]:
    known = rng.permutation(np.flatnonzero(codes >= 0))[:most]
    return part.inputs[known], codes[known], Resampling.of(part).take(known)


@dataclass(frozen=True)
class Proxies(EntityMetric):
    """How well each sensitive attribute can be predicted from the other features, and by which."""

    reveals = "aggregate"
    tables = {"features": TableType.of(ProxyFeature, release=WHOLE)}
    bounds = {"proxy_auc": SHARE}
    category = "fairness"
    reads = frozenset({"dataset", "seed"})
    needs_groups = PEOPLE
    modalities = frozenset({"table"})
    max_train_rows: Rows = 6000
    max_test_rows: Rows = 1500
    n_repeats: Annotated[int, Field(ge=1, le=50)] = 1
    top: Annotated[int, Field(ge=1)] = 10

    def measure(self, context: MeasureContext) -> Measurement:
        attributes = context.dataset.schema.attributes_of("person")
        if not attributes:
            raise NotApplicableError(message("refusals.nothing_to_compare.people"))
        scores: list[Score] = []
        rows: list[ProxyFeature] = []
        notes: list[Text] = []
        context.progress.start("stand-ins for attributes", len(attributes))
        for attribute in attributes:
            features = _other_features(context.dataset, attribute)
            proxy = self._proxy(context, attribute, features)
            context.progress.advance()
            if proxy is None:
                notes.append(message("notes.proxies.few_levels", attribute=attribute.label))
                continue
            scores.append(_score(attribute, proxy.auc))
            names = [context.dataset.schema.features[j] for j in features]
            rows += _rows(attribute, names, proxy.importance)[: self.top]
        if len(context.dataset.schema.features) > _MOST_FEATURES + 1:
            notes.append(message("notes.proxies.most_telling", n=_MOST_FEATURES))
        notes += [message("notes.proxies.predicted"), message("notes.proxies.shared")]
        return Measurement(tuple(scores), self.frames(features=rows), notes=tuple(notes))

    def _proxy(
        self, context: MeasureContext, attribute: Attribute, features: list[int]
    ) -> Proxy | None:
        data, rng = context.dataset, np.random.default_rng(context.seed)
        parts = (data.train, self.max_train_rows), (data.test, self.max_test_rows)
        (inputs, codes, _), (test_inputs, test_codes, drawn) = (
            _sample(part, part.groups[attribute.name], most, rng) for part, most in parts
        )
        levels = np.unique(codes)
        place = np.searchsorted(levels, test_codes)
        known = levels[np.minimum(place, len(levels) - 1)] == test_codes
        place, test_inputs, drawn = place[known], test_inputs[known][:, features], drawn.take(known)
        counts = np.bincount(place, minlength=len(levels))
        if len(levels) < 2 or np.count_nonzero(counts) < 2 or not features:
            return None
        predict = fit_predictor(
            TASKS["classification"],  # which level an attribute has is always a class
            "gradient_boosting",
            [data.schema.features[j] for j in features],
            inputs[:, features],
            np.searchsorted(levels, codes),
            len(levels),
            context.seed,
        )
        auc, influence = macro_auc(place, predict(test_inputs), 1)
        return Proxy(
            delong(auc, influence, place, drawn),
            permutation_importance(predict, test_inputs, place, self.n_repeats, rng, drawn),
        )


def _other_features(data: Dataset, attribute: Attribute) -> list[int]:
    """The features but the attribute's source; of many those that tell it best in training."""
    others = [
        j for j, feature in enumerate(data.schema.features) if feature.name != attribute.source
    ]
    if len(others) <= _MOST_FEATURES:
        return others
    known = data.train.groups[attribute.name] >= 0
    codes = data.train.groups[attribute.name][known]
    telling = most_telling(data.train.inputs[known][:, others], codes, _MOST_FEATURES)
    return [others[k] for k in telling]


def _rows(
    attribute: Attribute, features: Sequence[Feature], importance: Sequence[Estimate]
) -> list[ProxyFeature]:
    """What each feature tells of the attribute, the most telling first."""
    order = np.argsort([-fall.value for fall in importance], kind="stable")
    ranked = [(features[k], importance[k]) for k in order]
    return [
        ProxyFeature(attribute.name, attribute.label, feature.name, feature.label, fall)
        for feature, fall in ranked
    ]


def _score(attribute: Attribute, auc: Estimate) -> Score:
    several = len(attribute.levels) > 2
    return Proxies.score(
        "proxy_auc",
        auc,
        "none",
        attribute=attribute.name,
        note=message("notes.proxies.auc", several=several),
    )
