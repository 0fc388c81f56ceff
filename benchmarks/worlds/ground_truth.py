"""Worlds whose formula is known, models of them, and the exact answer of each in every game."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.explanation import CONTROL, Explanation, Game
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.metrics import ExplainAgain
from deepseek_report.artifacts.protocols.models import TrainingPlace
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target, as_vocabulary
from deepseek_report.artifacts.seeds import content_keys
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.config.config_files import shipped_files
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import n_players, player_sums, spread_evenly
from deepseek_report.datasets.assembly.layouts import image_layout, moments, pixels, series_layout
from deepseek_report.errors import NotApplicableError
from deepseek_report.extensions.examples.generated import FORMULAS, known_rows
from deepseek_report.findings.explainer_verdicts import leading_explainer
from deepseek_report.metrics.explanations.agreement import rowwise_spearman
from deepseek_report.metrics.explanations.explanation_plugin import bootstrap_mean, ratio_of_means
from deepseek_report.metrics.explanations.known_answers import Truth, answers_of, direction_errors
from deepseek_report.models.estimators.sklearn import Sklearn
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.models.shared.module_classifier import TorchClassifier
from deepseek_report.statistics.games.formula import Factor, Formula, Term
from deepseek_report.training.trainer import GradientTrainer
from worlds.judging import explained_context, results_of, use_of
from worlds.trials import stated_predictions

#: The last is of tables alone: in other data no method plays it.
GAMES: tuple[Game, ...] = ("background", "baseline", "neighbours")
#: How often the rows are dealt out anew that stand for near rows.
DEALT = 2
TARGET = Target("y", "y", ("no", "yes"))
#: Resamples of the metrics, fewer than a report draws: neither means nor verdicts hang on them.
RESAMPLES = 200


@dataclass(frozen=True)
class Scale:
    """How large a world is: explained cases, background rows, training rows, optimiser steps.

    leading : only who leads is judged: without spoilt truth, without what cannot lead, and by the
    scores alone that verdicts read.
    """

    cases: int = 32
    background: int = 12
    training: int = 1200
    steps: int = 200
    leading: bool = False


CI = Scale(cases=16, background=8, training=600, steps=80)


# --- Families: a schema, a formula of a seed, and rows --------------------------------------------


@dataclass(frozen=True)
class KnownWorld:
    """One family of worlds. formula, rows : draw by a generator, rows so many."""

    name: str
    schema: Schema
    formula: Callable[[np.random.Generator], Formula]
    rows: Callable[[int, np.random.Generator], Floats]

    def model(self, explained: str) -> Any:
        """The plug-in that is trained on labels of the formula."""
        if explained == "trees":
            return Sklearn()
        if self.schema.modality == "text":
            return DeepSeek(width=16, experts=4, expert_width=8)
        return MLP(hidden=(32, 16), bins=4, dropout=0.0)


def _jittered(formula: Formula, random: np.random.Generator) -> Formula:
    """The same terms with weights between 0.6 and 1.4 of their size, and signs turned at random."""
    weights = random.uniform(0.6, 1.4, len(formula.terms)) * random.choice([-1, 1])
    pairs = zip(formula.terms, weights, strict=True)
    return Formula(tuple(replace(term, weight=term.weight * float(by)) for term, by in pairs))


def _table(family: Any) -> KnownWorld:
    features = tuple(Feature(f"x{k}", f"x {k}", "numeric") for k in range(1, 10))
    formula = partial(_jittered, FORMULAS[family])
    return KnownWorld(family, Schema(features, TARGET), formula, partial(known_rows, family))


#: Words of the planted text: two that speak for the class, one against, and one that turns the
#: word after it; the others say nothing.
WORDS = ("[UNK]", "[MASK]", "good", "fine", "poor", "not", *(f"w{k}" for k in range(6)))
PLACES = 8


def _text() -> KnownWorld:
    vocabulary = as_vocabulary(WORDS)
    names = [f"word {k + 1}" for k in range(PLACES)]
    layout = Layout("text", (PLACES,), tuple((k,) for k in range(PLACES)), tuple(names), mask=1)
    features = tuple(
        Feature(name.replace(" ", "_"), name, "token", None, vocabulary) for name in names
    )

    def formula(random: np.random.Generator) -> Formula:
        good, fine, poor, turned = random.uniform(1.0, 2.0, 4)
        terms = [
            Term(float(weight), (Factor("equals", (place,), float(word)),))
            for word, weight in ((2, good), (3, fine), (4, -poor))
            for place in range(PLACES)
        ]
        turns = [
            Term(
                float(-good - turned),
                (Factor("equals", (place,), 5.0), Factor("equals", (place + 1,), 2.0)),
            )
            for place in range(PLACES - 1)
        ]
        return Formula((*terms, *turns))

    def rows(n: int, random: np.random.Generator) -> Floats:
        words = random.choice(np.arange(2, len(WORDS)), size=(n, PLACES))
        return np.asarray(words, dtype=np.float64)

    return KnownWorld("planted word", Schema(features, TARGET, layout=layout), formula, rows)


def _planted(players: Sequence[Sequence[int]], random: np.random.Generator) -> Formula:
    """What three places of a grid say: the first two by their mean, the third by a step; the first
    and the third act together too.
    """
    first, second, third = (tuple(players[k]) for k in random.permutation(len(players))[:3])
    a, b, c, d = random.uniform(0.7, 1.3, 4)
    return Formula(
        (
            Term(float(3.0 * a), (Factor("value", first),)),
            Term(float(-2.5 * b), (Factor("value", second),)),
            Term(float(2.0 * c), (Factor("above", third, 0.1),)),
            Term(float(2.0 * d), (Factor("value", first), Factor("above", third, 0.1))),
        )
    )


def _image() -> KnownWorld:
    shape = (6, 6, 1)
    layout = image_layout(shape, 2)

    def rows(n: int, random: np.random.Generator) -> Floats:
        return np.asarray(
            random.normal(size=(n, 36)) + 0.7 * random.normal(size=(n, 9))[:, layout.owners]
        )

    schema = Schema(pixels(shape), TARGET, layout=layout)
    return KnownWorld("planted patch", schema, partial(_planted, layout.players), rows)


def _series() -> KnownWorld:
    steps = 18
    layout = series_layout(steps, ("reading",), 2)

    def rows(n: int, random: np.random.Generator) -> Floats:
        values = random.normal(size=(n, steps))
        for step in range(1, steps):
            values[:, step] = 0.7 * values[:, step - 1] + np.sqrt(1 - 0.49) * values[:, step]
        return np.asarray(values)

    schema = Schema(moments(steps, ("reading",), (None,)), TARGET, layout=layout)
    return KnownWorld("window in a series", schema, partial(_planted, layout.players), rows)


#: What is explained: the formula itself, a network that learnt it, or, of tables, boosted trees.
EXPLAINED = ("formula", "network", "trees")


def worlds_of(
    families: Sequence[str], seeds: Sequence[int], models: Sequence[str] = EXPLAINED
) -> list[tuple[str, str, int]]:
    """(family, explained, seed) of all that are made, seed after seed."""
    return [
        (family, explained, seed)
        for seed in seeds
        for family in families
        for explained in models
        if explained != "trees" or FAMILIES[family].schema.modality == "table"
    ]


FAMILIES: dict[str, KnownWorld] = {
    world.name: world for world in (*map(_table, FORMULAS), _text(), _image(), _series())
}


class FormulaModule(nn.Module):
    """The formula as a torch module: 0 and the log-odds. Units are the columns; of a text they are
    as wide as there are words, each word a place. Steps have no gradient, as in any network.
    """

    token_columns: tuple[tuple[int, ...], ...] = ()

    def __init__(self, formula: Formula, schema: Schema) -> None:
        super().__init__()
        self.formula, self.words = formula, len(schema.vocabulary)
        self.unit_features = tuple(range(len(schema.features)))
        self.weights = nn.Parameter(torch.tensor([term.weight for term in formula.terms]))
        self.register_buffer("order", torch.arange(len(schema.features)))

    def reset_parameters(self) -> None:
        """Draw the weights anew, and deal out the columns anew."""
        with torch.no_grad():
            self.weights.copy_(torch.randn(len(self.weights)) * self.weights.abs().mean())
        self.order = torch.randperm(len(self.order))

    def embed(self, inputs: Tensor) -> Tensor:
        """(row, column) -> (row, column, width)."""
        if not self.words:
            return inputs.unsqueeze(-1)
        return nn.functional.one_hot(inputs.long(), self.words).to(inputs.dtype)

    def forward_embedded(self, embedded: Tensor) -> Tensor:
        """(row, column, width) -> (row, class) logits."""
        units = embedded[:, self.order]
        total = units.new_zeros(len(units))
        for weight, term in zip(self.weights, self.formula.terms, strict=True):
            product = weight.expand(len(units))
            for factor in term.factors:
                product = product * self._factor(factor, units)
            total = total + product
        return torch.stack([torch.zeros_like(total), total], dim=1)

    def _factor(self, factor: Factor, units: Tensor) -> Tensor:
        if factor.kind == "equals":
            return units[:, list(factor.columns), int(factor.at)].mean(dim=1)
        mean = units[:, list(factor.columns), 0].mean(dim=1)
        if factor.kind == "square":
            return (mean**2 - 1) / 2**0.5
        return mean if factor.kind == "value" else (mean > factor.at).to(mean.dtype)

    def forward(self, inputs: Tensor) -> Tensor:
        """(row, column) -> (row, class) logits."""
        return self.forward_embedded(self.embed(inputs))

    def trace(self, inputs: Tensor, head_mask: Tensor | None = None) -> tuple[Tensor, list[Any]]:
        """The logits; there are no heads."""
        del head_mask
        return self(inputs), []


# --- Methods: all that ship, and the truth spoilt in known ways -----------------------------------


def shipped_parts(group: str) -> dict[str, Any]:
    """{name: plug-in} of all YAMLs of a group, with the settings that they ship with."""
    parts = {}
    for path in shipped_files(group):
        (settings,) = yaml.safe_load(path.read_text(encoding="utf-8")).values()
        module, _, name = settings.pop("_target_").rpartition(".")
        tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        parts[path.stem] = getattr(import_module(module), name)(**tuples)
    return parts


def shipped_metrics() -> dict[str, Any]:
    """{name: metric} of all that judge explanations without knowing the truth, or fitting again."""
    metrics = {}
    for name, metric in shipped_parts("metrics").items():
        traits = metric
        judges = {"explanation", "explanations"} & set(metric.reads)
        knows = traits.needs_truth or name in _NOT_JUDGES or "refits" in metric.reads
        if judges and metric.category == "explanation" and not knows and not traits.volatile:
            quick = hasattr(metric, "resamples")
            metrics[name] = replace(metric, resamples=RESAMPLES) if quick else metric
    return dict(sorted(metrics.items(), key=lambda item: (item[0] not in _FIRST, item[0])))


#: What gives sizes alone, or plays a game that is not among `GAMES`.
_NEVER_LEAD = frozenset(
    {"saliency", "smooth_grad", "attention_rollout", "grad_cam", "conditional_shap"}
)
#: The metrics whose scores decide who leads.
_LEADING = frozenset(
    {
        *("deletion", "insertion", "faithfulness_effect", "faithfulness_correlation"),
        *("completeness_gap", "self_check", "parameter_randomisation", "null_players"),
    }
)
#: Metrics that others take, and those that describe explanations without judging one.
_FIRST = ("deletion", "insertion")
_NOT_JUDGES = frozenset(
    {
        *("true_error", "importance", "interactions", "surrogate_tree", "feature_effects"),
        *("explanation_by_group", "cases", "options"),
    }
)

#: What is done to the true values: (values, random keys of the rows, the world) -> values.
NOISE = {"slightly noisy": 0.5, "noisy": 2.0}
SPOILT = (
    *("truth", *NOISE, "turned", "shuffled", "of another", "one ranking"),
    *("distance", "fixed weights"),
)
#: Those that never look at the model; like all that gives sizes alone, they have no signs.
BLIND = ("distance", "fixed weights")


class GroundTruth:
    """One world: its data, the model that is explained, and everything that explains it.

    explained : one of `EXPLAINED`.
    """

    def __init__(self, family: str, explained: str, seed: int, scale: Scale) -> None:
        self.world, self.explained, self.seed, self.scale = FAMILIES[family], explained, seed, scale
        random = np.random.default_rng([seed, 28])
        self.schema = self.world.schema
        self.formula = self.world.formula(random)
        sizes = (scale.training, scale.training // 4, scale.cases)
        train, validation, test = (self._split(n, random) for n in sizes)
        self.dataset = Dataset(self.schema, train, validation, test, card={})
        self.classifier = self._classifier()
        chosen = random.choice(len(train), scale.background, replace=False)
        self.background = train.inputs[np.sort(chosen)]
        self.positions = np.arange(scale.cases)

    def _split(self, n: int, random: np.random.Generator) -> Split:
        rows = self.world.rows(n, random)
        labels = random.random(n) < 1 / (1 + np.exp(-self.formula.value(rows)))
        return Split(rows, labels.astype(np.int64), np.arange(n), {})

    def _classifier(self) -> Any:
        if self.explained == "formula":
            capabilities = frozenset({"module", "gradients"})
            module = FormulaModule(self.formula, self.schema)
            return TorchClassifier(module, self.schema, "formula", capabilities)
        plugin = self.world.model(self.explained)
        trainer = plugin.own_trainer() if self.explained == "trees" else self._trainer()
        module = plugin.build(self.schema, self.dataset.train, self.seed)
        with tempfile.TemporaryDirectory() as folder:
            trainer.fit(
                module, self.dataset, TrainingPlace(Path(folder), self.seed, "cpu"), Silent()
            )
        return plugin.wrap(module, self.schema, "cpu")

    def _trainer(self) -> GradientTrainer:
        steps = self.scale.steps
        return GradientTrainer(
            max_epochs=4, min_steps=steps, precision="float32", tensorboard=False
        )

    @cached_property
    def predictions(self) -> Predictions:
        """Of the explained cases."""
        test = self.dataset.test
        p = self.classifier.probabilities(test.inputs)
        return stated_predictions(p, test.labels, (p[:, 1] >= 0.5).astype(np.int64), least=1e-09)

    @property
    def games(self) -> tuple[Game, ...]:
        """Those that some method plays."""
        return GAMES if self.schema.modality == "table" else GAMES[:2]

    def truth(self, classifier: Any, rows: Floats) -> Truth:
        """The exact values of a model for some rows."""
        baseline = kind_of(self.schema).baseline(rows, self.background)
        answers = answers_of(classifier, 1, decides=True)
        return Truth(answers, rows, self.background, baseline, self.schema.owners)

    @cached_property
    def exact(self) -> dict[Game, Callable[[str], Floats]]:
        """{game: gives by the output space the exact values} of the explained model and cases."""
        own = self.truth(self.classifier, self.dataset.test.inputs)
        near = replace(own, background=self.near_rows)
        return {
            "background": partial(own.values, game="background"),
            "baseline": partial(own.values, game="baseline"),
            "neighbours": partial(near.values, game="background"),
        }

    @cached_property
    def near_rows(self) -> Floats:
        """(row, column) background rows whose columns were dealt out anew, each for itself."""
        random = np.random.default_rng([self.seed, 6])
        return np.concatenate([random.permuted(self.background, axis=0) for _ in range(DEALT)])

    @cached_property
    def _remembered(self) -> dict[tuple[bytes, bytes, Game], Floats]:
        return {}

    def exact_values(self, classifier: Any, rows: Floats, game: Game) -> Floats:
        """(row, player) of the probability; of each model and rows worked out once."""
        asked = classifier.probabilities(self.background[:4]).tobytes()
        key = asked, np.ascontiguousarray(rows).tobytes(), game
        if key not in self._remembered:
            truth = self.truth(classifier, rows)
            if game == "neighbours":
                truth, game = replace(truth, background=self.near_rows), "background"
            self._remembered[key] = truth.values("probability", game)
        return self._remembered[key]

    # --- what explains ----------------------------------------------------------------------------

    def context(self, game: Game, rows: Floats, **changes: Any) -> ExplainContext:
        """What an explainer is handed that is asked the question of a game."""
        positions = np.arange(len(rows))
        fields = {"classifier": self.classifier, "seed": self.seed, "question": game, **changes}
        return ExplainContext(
            inputs=rows, positions=positions, background=self.background, target=1, **fields
        )

    def explanations(self, game: Game) -> dict[str, Explanation]:
        """{name: what it gives} of every shipped method that accepts the model, and the spoilt."""
        made = {}
        for name, explainer in shipped_parts("explainers").items():
            if self._accepts(explainer) and not (self.scale.leading and name in _NEVER_LEAD):
                try:
                    explanation = explainer.explain(self.context(game, self.dataset.test.inputs))
                except NotApplicableError:
                    continue
                # Nothing but what plays it is asked about near rows.
                if game != "neighbours" or explanation.game in (None, game):
                    made[name] = explanation
        spoilt = () if self.scale.leading else SPOILT
        return made | {name: self._spoilt(name, game, made[CONTROL]) for name in spoilt}

    def _accepts(self, explainer: Any) -> bool:
        traits = explainer
        if not traits.accepts(self.schema.modality):
            return False
        plugin = SimpleNamespace(called="model", capabilities=self.classifier.capabilities)
        nature = DataTraits(self.schema.modality, "classification", groups=frozenset(), classes=2)
        return explainer.refuses(plugin, nature) is None

    def _spoilt(self, name: str, game: Game, like: Explanation) -> Explanation:
        rows = self.dataset.test.inputs
        values = self.spoilt_values(name, game, self.classifier, rows)
        p = self.predictions.probabilities[:, 1]
        base = None if name in BLIND else self.exact_base(game)
        return replace(
            like, values=values, predictions=p, base_values=base, method=name, game=game,
            output_space="none" if name in BLIND else "probability", signed=name not in BLIND,
            standard_error=None,
        )  # fmt: skip

    def exact_base(self, game: Game) -> Floats:
        """(case,) the output where everything is taken away."""
        rows = self.dataset.test.inputs
        if game == "baseline":
            baseline = kind_of(self.schema).baseline(rows, self.background)
            return np.asarray(self.classifier.probabilities(baseline)[:, 1])
        taken = self.near_rows if game == "neighbours" else self.background
        return np.full(len(rows), self.classifier.probabilities(taken)[:, 1].mean())

    def spoilt_values(
        self, name: str, game: Game, classifier: Any, rows: Floats, drawn_as: Floats | None = None
    ) -> Floats:
        """(row, column) the true values, spoilt as the name says, by keys of the rows' content."""
        keys = content_keys(rows if drawn_as is None else drawn_as)
        if name in BLIND:
            return self._blind_values(name, rows)
        if name == "of another":
            rows = self.dataset.test.inputs[self._others(keys)]
        values = self.exact_values(classifier, rows, game)
        if name == "one ranking":
            cases = self.exact_values(classifier, self.dataset.test.inputs, game)
            values = np.tile(np.abs(cases).mean(axis=0), (len(rows), 1))
        elif name == "turned":
            values = -values
        elif name in NOISE:
            noise = [np.random.default_rng([key, 3]).normal(size=values.shape[1]) for key in keys]
            values = values + NOISE[name] * np.abs(values).mean() * np.array(noise)
        elif name == "shuffled":
            orders = [np.random.default_rng([key, 4]).permutation(values.shape[1]) for key in keys]
            values = np.take_along_axis(values, np.array(orders), axis=1)
        return spread_evenly(values, self.schema.owners)

    def _blind_values(self, name: str, rows: Floats) -> Floats:
        """(row, column) how far each value is from the typical one, or the same for all rows."""
        if name == "distance":
            return np.abs(rows - kind_of(self.schema).baseline(rows, self.background))
        fixed = np.random.default_rng([self.seed, 5]).gamma(1.0, size=n_players(self.schema))
        return np.tile(spread_evenly(fixed, self.schema.owners), (len(rows), 1))

    def _others(self, keys: Sequence[int]) -> Ints:
        """(row,) for each the position of a case that is not it."""
        own = {key: at for at, key in enumerate(content_keys(self.dataset.test.inputs))}
        n = len(self.positions)
        return np.array([(own.get(key, key % n) + 1 + key % (n - 1)) % n for key in keys])

    def again(self, game: Game) -> Callable[[str], ExplainAgain]:
        """What explains further rows by each method."""
        explainers = shipped_parts("explainers")
        return lambda name: partial(self._again, name, explainers.get(name), game)

    def _again(
        self,
        name: str,
        explainer: Any,
        game: Game,
        model: Any,
        rows: Floats,
        drawn_as: Floats | None = None,
        targets: None = None,
    ) -> Floats:
        del targets  # all are explained for one class
        if name in SPOILT:
            return self.spoilt_values(name, game, model, rows, drawn_as)
        context = self.context(game, rows, classifier=model, drawn_as=drawn_as)
        values: Floats = explainer.explain(context).values
        return values

    # --- what is measured -------------------------------------------------------------------------

    def measured(self, game: Game, metrics: dict[str, Any], folder: Path) -> Results:
        """What a report of all these explanations would read."""
        explanations = self.explanations(game)
        context = explained_context(self, explanations, CONTROL, game)
        return results_of(context, self.again(game), metrics, folder)


@dataclass(frozen=True)
class Judged:
    """What one explanation of a world is worth, and what the metrics and the verdict say of it.

    error : true error; amounts : relative error of the amounts, NaN where it gives none; order :
    rank correlation with the truth; each a mean over cases. beats_random, own_case : whether it is
    nearer to the truth than the control, and than another case's explanation; None where the 95 %
    interval holds 0. errors : (case,). scores : {score: (value, low, high, direction)}.
    space : the output that is explained.
    """

    family: str
    explained: str
    seed: int
    game: Game
    name: str
    plays: Game | None
    signed: bool
    error: float
    amounts: float
    order: float
    beats_random: bool | None
    own_case: bool | None
    errors: list[float]
    scores: dict[str, tuple[float, float | None, float | None, str]]
    use: str
    leads: bool
    space: str = ""

    @property
    def kind(self) -> str:
        """The kind of data."""
        return FAMILIES[self.family].schema.modality

    @property
    def signs(self) -> dict[str, float]:
        """{score: its value, the greater the better} of those of which one end is better."""
        return {
            score: _BETTER[direction](value)
            for score, (value, _, _, direction) in self.scores.items()
            if direction in _BETTER and value is not None and np.isfinite(value)
        }


def judge(family: str, explained: str, scale: Scale, seed: int) -> list[Judged]:
    """Every explanation of one world, in every game."""
    world, metrics = GroundTruth(family, explained, seed, scale), shipped_metrics()
    if scale.leading:
        metrics = {name: metric for name, metric in metrics.items() if name in _LEADING}
    judged = []
    for game in world.games:
        with tempfile.TemporaryDirectory() as folder:
            results = world.measured(game, metrics, Path(folder))
            judged += _judged(world, game, results)
    return judged


def _judged(world: GroundTruth, game: Game, results: Results) -> list[Judged]:
    explanations = results.explanations
    shipped_alone = {k: v for k, v in results.paths.items() if k.rpartition("/")[2] not in SPOILT}
    leading = leading_explainer(Results(shipped_alone, results.config))
    control = player_sums(explanations[CONTROL].values, world.schema.owners)
    others = world._others(content_keys(world.dataset.test.inputs))
    judged = []
    for name, explanation in explanations.items():
        values = player_sums(explanation.values, world.schema.owners)
        truth = world.exact[game](explanation.output_space)
        errors = direction_errors(values, truth, explanation.signed)
        by_chance = direction_errors(control, truth, explanation.signed)
        foreign = direction_errors(values[others], truth, explanation.signed)
        signed = (values, truth) if explanation.signed else (np.abs(values), np.abs(truth))
        made = Judged(
            family=world.world.name,
            explained=world.explained,
            seed=world.seed,
            game=game,
            name=name,
            plays=explanation.game,
            signed=explanation.signed,
            error=float(np.nanmean(errors)),
            amounts=_amounts(explanation, values, truth),
            order=float(np.nanmean(rowwise_spearman(*signed))),
            beats_random=_is_above(by_chance - errors),
            own_case=_is_above(foreign - errors),
            errors=errors.tolist(),
            scores=_scores(results, name),
            use="" if name == CONTROL else use_of(results, name),
            leads=name == leading,
            space=explanation.output_space,
        )
        judged.append(made)
    return judged


def _amounts(explanation: Explanation, values: Floats, truth: Floats) -> float:
    if explanation.output_space == "none" or not explanation.signed:
        return float("nan")
    missed = np.linalg.norm(values - truth, axis=1)
    return ratio_of_means(missed, np.linalg.norm(truth, axis=1), 10, 1).value


def _is_above(differences: Floats) -> bool | None:
    """Whether a mean over cases is above 0; None where its 95 % interval holds 0."""
    known = differences[~np.isnan(differences)]
    _, low, high = (float(end) for end in bootstrap_mean(known, 1000, 1))
    return True if low > 0 else False if high < 0 else None


#: {direction of a score: what makes the greater value the better one}.
_BETTER: dict[str, Callable[[float], float]] = {
    "higher": lambda value: value,
    "lower": lambda value: -value,
    "zero": lambda value: -abs(value),
}


def _scores(
    results: Results, name: str
) -> dict[str, tuple[float, float | None, float | None, str]]:
    """What was measured of one explanation, how alike it is to the methods that ship, and how much
    of it lies on few players.
    """
    scores = {
        score.metric: (score.value, score.low, score.high, str(score.direction))
        for score in results.all_scores
        if score.explainer == name
    }
    pairs = results.table("explainer_agreement", "pairs")
    if pairs is not None:
        with_other = [
            float(row["spearman"])
            for _, row in pairs.iterrows()
            if name in (pair := {row["explainer_a"], row["explainer_b"]})
            and not (pair - {name}) & {CONTROL, *SPOILT}
        ]
        mean = float(np.nanmean(with_other)) if with_other else float("nan")
        scores["agreement"] = (mean, None, None, "higher")
    sparse = gini(results.explanations[name].values)
    return scores | {"sparseness": (sparse, None, None, "higher")}


def gini(values: Floats) -> float:
    """Mean over rows of the Gini index of |values|; 0 where all are of one size, near 1 where one
    alone is not 0. Reference: Chalasani et al. 2020, arXiv:1810.06583.
    """
    size = np.sort(np.abs(values), axis=1)
    size = size[size.sum(axis=1) > 0]
    n = size.shape[1]
    weights = (2 * np.arange(1, n + 1) - n - 1) / n
    return float(((size * weights).sum(axis=1) / size.sum(axis=1)).mean())
