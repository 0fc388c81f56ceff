"""Gradients on the way from where an instance is compared with: along fixed paths, or at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.data_kinds import kind_of
from deepseek_report.explainers import attributions
from deepseek_report.explainers.attributions import ModuleExplainer, playable, sum_units
from deepseek_report.statistics.intervals import error_of_mean, student_ratio
from deepseek_report.statistics.ranking import systematic

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class IntegratedGradients(ModuleExplainer):
    """Gradients of the log-odds, summed along straight paths.

    Asked what is added compared with training rows, as is usual for a table, the paths start at
    `references` of these, at even distances in the order of the model's output, and the
    attributions are averaged over them: one start would give 0 to every value that equals it,
    whatever the model does, and might be a case of the class itself. Asked about the baseline, or
    with one reference, the path starts where all players are taken away: at the mask, or the median
    or most frequent value of each feature.

    (e − e′) · ∫ ∂F(e′ + α(e − e′)) / ∂e dα for the embedding e of the input and e′ of a start,
    summed over the units of a feature. F is the log-odds of the target class, or the number.

    n_steps : gradients per instance, spread over the references.
    chunk : instances that are explained and stored at a time; a killed run goes on after them.

    Reference: Sundararajan, Taly & Yan 2017, arXiv:1703.01365; Erion, Janizek, Sturmfels, Lundberg
    & Lee 2021, doi:10.1038/s42256-021-00343-w (several starts).
    """

    reveals = "aggregate"
    games = frozenset({"background", "baseline"})
    n_steps: Annotated[int, Field(ge=1, le=1000)] = 40
    references: Annotated[int, Field(ge=1, le=1000)] = 8
    rule: Literal["gausslegendre", "riemann_middle", "riemann_trapezoid"] = "gausslegendre"
    chunk: Annotated[int, Field(ge=1)] = 12

    requires = frozenset({"gradients"})
    method = "integrated_gradients"

    def explain(self, context: ExplainContext) -> Explanation:
        """Attribute the log-odds of the target.

        Returns values in log-odds; base value plus their sum is the prediction, up to the error of
        the points of the integral, which is reported. The base value is the mean over the starts.
        """
        classifier, n = context.classifier, len(context.inputs)
        before = classifier.calls
        predictions = context.margin(context.inputs)
        starts, base = self._starts(context)
        by_start = self._values(context, starts)
        values = by_start.mean(axis=0)
        unseen = context.unseen(len(starts)) if len(starts) > 1 else 0.0
        classifier.calls += n * len(starts) * self._points(len(starts))
        gap, scale = values.sum(axis=1) - (predictions - base), np.abs(predictions - base).mean()
        share = float(np.abs(gap).mean() / scale) if scale > 0 else None
        kind = kind_of(classifier.schema)
        notes = [message(f"explainer_notes.path.{kind.name}")]
        if len(starts) > 1:
            notes = [message("explainer_notes.several_paths", n=len(starts))]
        notes.append(message("explainer_notes.gap", share=share, n=n))
        if "experts" in classifier.capabilities:
            notes.append(message("explainer_notes.jumps"))
        params = vars(self) | {"references": len(starts)}
        if len(starts) == 1 and n and not np.ptp(starts[0], axis=0).any():
            params |= {"baseline": starts[0][0].tolist()}  # all instances have this start
        return self.explanation(
            context,
            before,
            values=values,
            standard_error=error_of_mean(by_start, unseen) if unseen else None,
            predictions=predictions,
            base_values=base,
            variant=message(
                "explainer_variants.integrated_gradients", points=self.n_steps, rule=self.rule
            ),
            output_space=context.margin_space,
            game="background" if len(starts) > 1 else "baseline",
            params=params,
            notes=tuple(notes),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        starts = max(min(self.references, n_background), 1)
        at_starts = n_background if starts > 1 else n_instances
        return n_instances * (1 + starts * self._points(starts)) + at_starts

    def offers(self, situation: Situation) -> Sequence[Offer]:
        """A quarter of the points, half of them, all: what they miss is measured, and reported."""
        points = dict.fromkeys(-(-self.n_steps // part) for part in (4, 2, 1))
        return [
            Offer(
                Turn.SECOND if number == 0 else Turn.USUAL,
                replace(self, n_steps=steps),
                message("recommendation.integrated_gradients", points=steps),
            )
            for number, steps in enumerate(points)
        ]

    def _points(self, starts: int) -> int:
        return max(self.n_steps // starts, 1)

    def _starts(self, context: ExplainContext) -> tuple[list[Floats], Floats]:
        """(instance, column) where each path starts, and the (instance,) mean output there."""
        kind, rows = kind_of(context.classifier.schema), context.background
        count = min(self.references, len(rows))
        if playable(context) == "baseline" or count < 2:
            baseline = kind.baseline(context.inputs, context.known_rows)
            return [baseline], context.margin(baseline)
        outputs, n = context.margin(rows), len(context.inputs)
        order = np.argsort(outputs, kind="stable")
        chosen = order[((np.arange(count) + 0.5) * len(rows) / count).astype(np.int64)]
        starts = [np.tile(rows[place], (n, 1)) for place in chosen]
        return starts, np.full(n, outputs[chosen].mean())

    def _values(self, context: ExplainContext, starts: list[Floats]) -> Floats:
        """(start, instance, column)"""
        from deepseek_report.explainers.gradients import embedding_gradients as gradients

        module = context.classifier.module
        values = np.zeros((len(starts), *context.inputs.shape))
        points = self._points(len(starts))
        with gradients.evaluating(module):
            answer = gradients.embedded_log_odds(module, context.target)
            for part in self.parts(context):
                end = gradients.embed(module, context.inputs[part])
                for number, rows in enumerate(starts):
                    start = gradients.embed(module, rows[part])
                    integral = gradients.path_integral(answer, end, start, self.rule, points)
                    per_unit, width = gradients.per_unit(integral), context.inputs.shape[1]
                    values[number, part] = sum_units(per_unit, module.unit_features, width)
        return values


#: Pairs of draws an instance gets at the least, so that their spread says something.
_LEAST_PAIRS = 16
#: Points of which gradients are taken at a time.
_BATCH = 256
#: Times that Student's correction is taken, which holds intervals at 93 to 97 %.
_UNEVEN = 3.0
#: Half the width of an interval of 99.7 %: by how much the sum of all values is stated to be off.
_SURE = 3.0


@dataclass(frozen=True)
class GradientShap(ModuleExplainer):
    """Expected gradients of the log-odds, or of the number.

    The mean of (e − e′) · ∂F(e′ + α(e − e′)) / ∂e for the embedding e of the input, over starts e′
    and over α between 0 and 1, summed over the units of a feature. Starts are all rows of the
    background, each of them alike often, or the baseline of the input, as the run asks; a text is
    always compared with its masks, since no point between two texts is one.

    Points are drawn in pairs: the way from each row is cut into equal parts, and two values of α
    are drawn in each. Their difference tells the error of these draws, which is 0 for a linear
    model; that of the rows, where they are a sample of the training part, follows from the spread
    of their own means. Value ± 1.96 of both together is an interval of 95 % (measured in
    docs/performance.md). Twice as many points are drawn each time, until the errors of the draws
    of a case come to at most `tolerance` of its values, both as the root of their sum of squares,
    or `draws` are spent.

    tolerance : error at which drawing ends, as a share of the size of the values; 0 spends all.
    draws : points an instance gets at the most; two from each row at the least. references :
    training rows from which the ways come at the most, at even distances in the order of the
    model's output where there are more. chunk : instances between two reports of progress.

    Reference: Erion, Janizek, Sturmfels, Lundberg & Lee 2021, doi:10.1038/s42256-021-00343-w;
    Lundberg & Lee 2017, arXiv:1705.07874.
    """

    reveals = "aggregate"
    tolerance: Annotated[float, Field(ge=0)] = 0.1
    draws: Annotated[int, Field(ge=2, le=100_000)] = 512
    references: Annotated[int, Field(ge=1, le=10_000)] = 64
    chunk: Annotated[int, Field(ge=1)] = 25

    requires = frozenset({"gradients"})
    method = "gradient_shap"
    samples = True

    def explain(self, context: ExplainContext) -> Explanation:
        """Attribute the log-odds of the target, or the number.

        Returns values in log-odds; base value plus their sum is the prediction, up to the sampling
        error and to jumps of the model, which no gradient sees. The base value is the mean over
        the starts.
        """
        before = context.classifier.calls
        predictions = context.margin(context.inputs)
        starts = _Starts.of(context, self.references)
        drawn = self._draw(context, starts)
        context.classifier.calls += int(drawn.draws.sum())
        error = drawn.standard_error
        unseen = context.unseen(len(starts.rows)) if starts.are_shared else 0.0
        gap = drawn.values[:, -1] - (predictions - starts.base)
        jumps = _jumps(gap, error[:, -1])
        stated = _SURE * np.hypot(error[:, -1], jumps)
        return self.explanation(
            context,
            before,
            values=drawn.values[:, :-1],
            standard_error=np.hypot(error[:, :-1], drawn.row_error(unseen)),
            predictions=predictions,
            base_values=starts.base,
            variant=message("explainer_variants.gradient_shap", points=float(drawn.draws.mean())),
            output_space=context.margin_space,
            game=starts.game,
            params=vars(self)
            | {"draws_mean": float(drawn.draws.mean()), "stated_error": stated.tolist()},
            notes=_notes(context, starts, predictions - starts.base, error[:, -1], jumps),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        rows = max(min(self.references, n_background), 1)
        return n_instances * (1 + sum(self._levels(rows))) + max(n_instances, n_background)

    def offers(self, situation: Situation) -> Sequence[Offer]:
        """Beside the integral along fixed paths: the same game against every row, with errors."""
        points = sum(self._levels(min(self.references, situation.background)))
        return [Offer(Turn.FINER, self, message("recommendation.gradient_shap", points=points))]

    def _levels(self, starts: int) -> tuple[int, ...]:
        """How many points each round draws: as many as all rounds before it, up to `draws`."""
        levels = [2 * max(starts, _LEAST_PAIRS // starts * starts)]
        while 2 * sum(levels) <= self.draws:
            levels.append(sum(levels))
        return tuple(levels)

    def _draw(self, context: ExplainContext, starts: _Starts) -> _Drawn:
        from deepseek_report.explainers.gradients import embedding_gradients as gradients

        module = context.classifier.module
        drawn = _Drawn.none(len(context.inputs), context.inputs.shape[1] + 1)
        with gradients.evaluating(module):
            answer = gradients.embedded_log_odds(module, context.target)
            shared = gradients.embed(module, starts.rows) if starts.are_shared else None
            for part in self.parts(context):
                ends = gradients.embed(module, context.inputs[part])
                own = gradients.embed(module, starts.rows[part]) if shared is None else ends
                for place, index in enumerate(range(part.start, part.stop)):
                    ways = own[place : place + 1] if shared is None else shared, ends[place]
                    self._draw_until_accurate(context, index, drawn, answer, ways)
        return drawn

    def _draw_until_accurate(
        self,
        context: ExplainContext,
        index: int,
        drawn: _Drawn,
        answer: Callable[[Tensor], Tensor],
        ways: tuple[Tensor, Tensor],
    ) -> None:
        """Draws for one instance; ways : (start, unit, …) where they begin, (unit, …) the end."""
        from deepseek_report.explainers.gradients import embedding_gradients as gradients

        module, (starts, end) = context.classifier.module, ways
        by_row = np.zeros((len(starts), context.inputs.shape[1]))
        for number, points in enumerate(self._levels(len(starts))):
            which, places = _places(context, index, number, points, len(starts))
            for part in attributions.chunks(points, _BATCH):
                apart = end - starts[which[part]]
                way = gradients.as_tensor(module, places[part]).reshape(-1, *(1 for _ in end.shape))
                slopes = gradients.gradient(answer, end - way * apart)
                per_unit = gradients.per_unit(apart * slopes)
                features = sum_units(per_unit, module.unit_features, context.inputs.shape[1])
                drawn.add(index, features)
                np.add.at(by_row, which[part], features)
            if drawn.is_within(index, self.tolerance):
                break
        drawn.spread[index] = error_of_mean(by_row * len(by_row) / drawn.draws[index])


def _notes(
    context: ExplainContext, starts: _Starts, distance: Floats, error: Floats, jumps: float
) -> tuple[Message, ...]:
    """Where the ways come from, and by how much the values may miss the distance."""
    kind = kind_of(context.classifier.schema)
    about = message(f"explainer_notes.path.{kind.name}")
    if starts.are_shared:
        about = message("explainer_notes.expected_paths", n=len(starts.rows))
    scale = float(np.abs(distance).mean()) or 1.0
    sampling = float(error.mean()) / scale
    errors = message("explainer_notes.stated_error", sampling=sampling, jumps=jumps / scale)
    return (about, errors)


def _jumps(gap: Floats, error: Floats) -> float:
    """Root mean square of what the gap has beyond its sampling error: what no gradient sees.

    gap, error : (instance,) sum of the values less the distance, and its standard error. 0 where
    the sampling error may well be all of it.
    """
    n = len(gap)
    excess = float((gap**2).mean() - (error**2).mean())
    chance = _SURE * float(np.sqrt(2 * (error**4).sum())) / n
    return float(np.sqrt(excess)) if excess > chance else 0.0


def _places(
    context: ExplainContext, index: int, number: int, points: int, starts: int
) -> tuple[list[int], Floats]:
    """(point,) from which start the point is reached, and how far on the way it lies.

    Two draws of one part of one way follow each other.
    """
    parts = points // (2 * starts)
    rng = np.random.default_rng(attributions.seed_of(context.seed, context.draws[index], number))
    uniform = rng.random((starts, parts, 2))
    places = (np.arange(parts)[:, None] + uniform) / parts
    return np.repeat(np.arange(starts), 2 * parts).tolist(), places.ravel()


@dataclass(frozen=True)
class _Starts:
    """Where the ways come from.

    rows : (start, column), or (instance, column) where each instance has its own baseline.
    base : (instance,) the mean output at the starts.
    """

    game: Literal["background", "baseline"]
    rows: Floats
    base: Floats

    @property
    def are_shared(self) -> bool:
        """Whether every instance is reached from every row."""
        return self.game == "background"

    @classmethod
    def of(cls, context: ExplainContext, most: int) -> _Starts:
        kind, rows, n = kind_of(context.classifier.schema), context.background, len(context.inputs)
        if playable(context) == "baseline" or not kind.has_between:
            own = kind.baseline(context.inputs, context.known_rows)
            return cls("baseline", own, context.margin(own))
        outputs = context.margin(rows)
        if len(rows) > most:
            chosen = systematic(outputs, 1, most)[0]
            rows, outputs = rows[chosen], outputs[chosen]
        return cls("background", rows, np.full(n, outputs.mean()))


@dataclass
class _Drawn:
    """Sums over the draws of each instance; the last column is the sum over all features.

    sums, squares, fourths : (instance, column) of the draws, and of the second and fourth powers of
    differences within pairs. draws, pairs : (instance,). spread : (instance, feature) standard
    error of the mean over the starts, by how far their own means lie apart.
    """

    sums: Floats
    squares: Floats
    fourths: Floats
    draws: Floats
    spread: Floats

    @classmethod
    def none(cls, instances: int, columns: int) -> _Drawn:
        sums, squares, fourths, spread = np.zeros((4, instances, columns))
        return cls(sums, squares, fourths, np.zeros((instances, 1)), spread[:, :-1])

    def add(self, index: int, drawn: Floats) -> None:
        """Draws (draw, column) of an instance, those of a pair one after the other."""
        whole = np.concatenate([drawn, drawn.sum(axis=1, keepdims=True)], axis=1)
        squared = (whole[::2] - whole[1::2]) ** 2
        self.sums[index] += whole.sum(axis=0)
        self.squares[index] += squared.sum(axis=0)
        self.fourths[index] += (squared**2).sum(axis=0)
        self.draws[index] += len(whole)

    @property
    def values(self) -> Floats:
        return np.asarray(self.sums / self.draws)

    @property
    def standard_error(self) -> Floats:
        """(instance, column); ± 1.96 of it is an interval of 95 %, however few the pairs.

        The mean of a pair has a variance of a quarter of its squared difference, on average. The
        degrees of freedom are as many as the pairs where the differences are normal, and fewer
        where a few of them are far larger than the others (Satterthwaite 1946,
        doi:10.2307/3002019). Such differences go with large means, for which Student's t does not
        allow; `_UNEVEN` does, by simulation.
        """
        return self._errors(np.s_[:])

    def row_error(self, unseen: float) -> Floats:
        """(instance, feature) what the draw of the starts adds to the error of the draws.

        Their means lie apart by the points that were drawn of each as well, which is counted
        already. unseen : see `ExplainContext.unseen`.
        """
        if not unseen:
            return np.zeros_like(self.spread)
        of_points = (self.squares / self.draws**2)[:, :-1]
        return np.asarray(np.sqrt(unseen * np.maximum(self.spread**2 - of_points, 0.0)))

    def is_within(self, index: int, tolerance: float) -> bool:
        """Whether the errors of an instance are small enough beside its values."""
        size = np.linalg.norm(self.sums[index, :-1] / self.draws[index])
        return bool(np.linalg.norm(self._errors(index)[:-1]) <= tolerance * size)

    def _errors(self, chosen: int | slice) -> Floats:
        squares, fourths, draws = self.squares[chosen], self.fourths[chosen], self.draws[chosen]
        pairs = np.broadcast_to(draws / 2, squares.shape)
        degrees = np.divide(3 * squares**2, fourths, out=pairs.copy(), where=fourths > 0)
        ratio = student_ratio(np.clip(degrees, 1, pairs) / _UNEVEN)
        return np.asarray(ratio * np.sqrt(squares) / draws)
