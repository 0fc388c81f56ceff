"""Errors of Shapley values beside the peers', for the same number of rows of the model.

    python benchmarks/shapley_error.py FOLDER

Exact values come from all coalitions of 12 features against 50 background rows. Every model is
asked about all of these rows once; ours and the peers are then answered from that record, so that
only their choices differ. A peer's budget of n coalitions costs it 50 n rows, and ours has at most
as many, the rows of its surrogate included. Each seed has an instance of its own. An error is the
root of the mean square over features and seeds; the ratio is to the peer with the least error for
that model and budget.

FOLDER keeps the records, the answers and the environment of the peers (pinned below), and is used
again. The table goes to benchmarks/measured/performance.md.
"""

from __future__ import annotations

import subprocess
import sys
import venv
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

PLAYERS, BACKGROUND, SEEDS = 12, 50, 10
BUDGETS = (50, 100, 200, 400, 800)
GOALS = {50: 0.7, 100: 0.5, 200: 0.5, 400: 0.7, 800: 0.7}
PEERS = ("numpy==2.4.6", "shap==0.51.0", "shapiq==1.4.1", "overrides==7.7.0")
MODELS = ("MLP", "boosting", "forest")
ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "benchmarks" / "measured" / "performance.md"
CODES = np.arange(2**PLAYERS)
KEPT = ((CODES[:, None] >> np.arange(PLAYERS)) & 1).astype(bool)


def main(folder: Path) -> None:
    from performance_page import write_block

    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    games = list(record_games(folder))
    ask_peers(folder)
    results = [compare(folder, game) for game in games]
    text = tables(results)
    print(text)
    write_block(PAGE, "shapley_error", text)


# Data, models, and the record of all that can be asked.


def data_sets() -> dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]]:
    """Twelve columns each; those that separate the classes best where there are more."""
    from sklearn import datasets
    from sklearn.feature_selection import f_classif

    def best(inputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = np.nan_to_num(f_classif(inputs, labels)[0])
        return inputs[:, np.sort(np.argsort(-scores)[:PLAYERS])], labels

    def diabetes() -> tuple[np.ndarray, np.ndarray]:
        inputs, target = datasets.load_diabetes(return_X_y=True)
        noise = np.random.default_rng(0).normal(0, 0.05, len(inputs))
        return np.column_stack([inputs, inputs[:, 2] * inputs[:, 8], noise]), target

    def wine() -> tuple[np.ndarray, np.ndarray]:
        inputs, labels = datasets.load_wine(return_X_y=True)
        return best(inputs, (labels == 1).astype(int))

    def digits() -> tuple[np.ndarray, np.ndarray]:
        inputs, labels = datasets.load_digits(return_X_y=True)
        return best(inputs, labels % 2)

    def clusters(informative: int, per_class: int) -> tuple[np.ndarray, np.ndarray]:
        return datasets.make_classification(
            1500,
            PLAYERS,
            n_informative=informative,
            n_clusters_per_class=per_class,
            random_state=per_class,
        )

    return {
        "breast cancer": lambda: best(*datasets.load_breast_cancer(return_X_y=True)),
        "wine": wine,
        "digits": digits,
        "diabetes": diabetes,
        "clusters, 8 of 12": lambda: clusters(8, 3),
        "clusters, 10 of 12": lambda: clusters(10, 6),
        "Gaussian quantiles": lambda: datasets.make_gaussian_quantiles(
            n_samples=1500, n_features=PLAYERS, n_classes=2, random_state=2
        ),
        "Friedman 1": lambda: datasets.make_friedman1(1500, PLAYERS, noise=0.5, random_state=3),
        "sparse linear": lambda: datasets.make_sparse_uncorrelated(1500, PLAYERS, random_state=3),
    }


def fitted(model: str, inputs: np.ndarray, target: np.ndarray) -> Callable[..., np.ndarray]:
    """The probability of the second class, or the number, of a fitted model."""
    from sklearn import ensemble, neural_network

    kind = "Classifier" if len(np.unique(target)) == 2 else "Regressor"
    if model == "MLP":
        estimator = getattr(neural_network, f"MLP{kind}")(
            hidden_layer_sizes=(64, 64), max_iter=300, early_stopping=True, random_state=0
        )
    elif model == "forest":
        estimator = getattr(ensemble, f"RandomForest{kind}")(100, random_state=0)
    else:
        estimator = getattr(ensemble, f"HistGradientBoosting{kind}")(random_state=0)
    estimator.fit(inputs, target)
    if kind == "Regressor":
        return estimator.predict
    return lambda rows: estimator.predict_proba(rows)[:, 1]


def record_games(folder: Path) -> Iterator[Path]:
    """Files with the instances, the background and the output (instance, coalition, row)."""
    for number, (name, load) in enumerate(data_sets().items()):
        for model in MODELS:
            path = folder / f"game-{number}-{model}.npz"
            if not path.exists():
                np.savez(path, name=name, model=model, **record(model, *load()))
                print(f"recorded {name}, {model}", flush=True)
            yield path


def played(
    model: str, inputs: np.ndarray, target: np.ndarray
) -> tuple[Callable[..., np.ndarray], np.ndarray, np.ndarray]:
    """The fitted model, the instances to explain, and the background."""
    inputs = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    if len(np.unique(target)) > 2:
        target = (target - target.mean()) / target.std()
    order = np.random.default_rng(0).permutation(len(inputs))
    train, rows = order[SEEDS:], inputs[order[:SEEDS]]
    return fitted(model, inputs[train], target[train]), rows, inputs[train[:BACKGROUND]]


def record(model: str, inputs: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    output, rows, background = played(model, inputs, target)
    outputs = [output(mixed(row, background)).reshape(-1, BACKGROUND) for row in rows]
    return {"rows": rows, "background": background, "outputs": np.stack(outputs)}


def mixed(row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """(coalition · row, feature)."""
    return np.where(KEPT[:, None], row, background).reshape(-1, PLAYERS)


def exact_values(worth: np.ndarray) -> np.ndarray:
    """Shapley values from their definition, of the (coalition,) worth."""
    from deepseek_report.explainers.shapley.shap_players import all_coalitions

    return all_coalitions(
        PLAYERS, 1, lambda kept, _: worth[kept @ (1 << np.arange(PLAYERS))]
    ).values[0]


# The peers, in an environment of their own.


def ask_peers(folder: Path) -> None:
    python = folder / "peers" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "peers", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
    subprocess.run([python, __file__, "--peers", str(folder)], check=True)


def run_peers(folder: Path) -> None:
    """Write the estimates (peer, budget, seed, feature) beside each game; in their environment."""
    warnings.simplefilter("ignore")
    for path in sorted(folder.glob("game-*.npz")):
        answers = path.with_name(path.name.replace("game", "peers"))
        if not answers.exists():
            worths = np.load(path)["outputs"].mean(axis=2)
            np.savez(answers, **peer_estimates(worths))
            print(f"peers on {path.stem}", flush=True)


def peer_estimates(worths: np.ndarray) -> dict[str, np.ndarray]:
    return {
        name: np.array(
            [
                [estimate(worth, budget, seed) for seed, worth in enumerate(worths)]
                for budget in BUDGETS
            ]
        )
        for name, estimate in peers().items()
    }


def peers() -> dict[str, Callable[[np.ndarray, int, int], np.ndarray]]:
    """Estimators of the (coalition,) worth by the packages, each as its documentation shows it."""
    import shap
    import shapiq.approximator as shapiq

    alike = np.ones(PLAYERS + 1)
    two_to = 1 << np.arange(PLAYERS)

    def of_shapiq(name: str, **options: Any) -> Callable[[np.ndarray, int, int], np.ndarray]:
        def estimate(worth: np.ndarray, budget: int, seed: int) -> np.ndarray:
            approximator = getattr(shapiq, name)(n=PLAYERS, random_state=seed, **options)
            empty = worth[0]
            found = approximator.approximate(
                budget, lambda kept: worth[np.atleast_2d(kept) @ two_to] - empty
            )
            return np.asarray(found.get_n_order_values(1))

        return estimate

    def of_shap(explain: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        def estimate(worth: np.ndarray, budget: int, seed: int) -> np.ndarray:
            np.random.seed(seed)  # noqa: NPY002
            return explain(lambda kept: worth[(kept > 0.5) @ two_to], budget, seed)

        return estimate

    def kernel(worth: Callable[..., np.ndarray], budget: int, seed: int) -> np.ndarray:
        explainer = shap.KernelExplainer(worth, np.zeros((1, PLAYERS)))
        return explainer.shap_values(
            np.ones(PLAYERS), nsamples=budget - 2, l1_reg=False, silent=True
        )

    def permutation(worth: Callable[..., np.ndarray], budget: int, seed: int) -> np.ndarray:
        masker = shap.maskers.Independent(np.zeros((1, PLAYERS)))
        explainer = shap.PermutationExplainer(worth, masker, seed=seed)
        return explainer(np.ones((1, PLAYERS)), max_evals=budget, silent=True).values[0]

    return {
        "shap Kernel": of_shap(kernel),
        "shap Permutation": of_shap(permutation),
        "shapiq KernelSHAP": of_shapiq("KernelSHAP"),
        "shapiq KernelSHAP, paired": of_shapiq("KernelSHAP", pairing_trick=True),
        "shapiq KernelSHAP, leverage": of_shapiq("KernelSHAP", sampling_weights=alike),
        "shapiq KernelSHAP, leverage, paired": of_shapiq(
            "KernelSHAP", pairing_trick=True, sampling_weights=alike
        ),
        "shapiq kADD-SHAP, paired": of_shapiq("kADDSHAP", pairing_trick=True),
        "shapiq unbiased KernelSHAP, paired": of_shapiq("UnbiasedKernelSHAP", pairing_trick=True),
        "shapiq permutations": of_shapiq("PermutationSamplingSV"),
        "shapiq SVARM": of_shapiq("SVARM"),
    }


# Ours.


class Recorded:
    """A classifier that answers from the record, and mixtures of background rows by the model."""

    capabilities: frozenset[str] = frozenset()
    name = "recorded"

    def __init__(self, game: Any) -> None:
        from deepseek_report.artifacts.schema import Feature, Schema, Target

        columns = [Feature(f"x{j}", f"x{j}", "numeric") for j in range(PLAYERS)]
        self.schema = Schema(tuple(columns), Target("y", "y", ("no", "yes"), 1))
        self.calls = 0
        self._model, *_ = played(str(game["model"]), *data_sets()[str(game["name"])]())
        rows = [mixed(row, game["background"]) for row in game["rows"]]
        self._keys = self._hashed(np.concatenate([*rows, game["rows"], game["background"]]))
        ends = [game["outputs"][:, -1, 0], game["outputs"][0, 0]]
        order = np.argsort(self._keys, kind="stable")
        self._keys = self._keys[order]
        self._outputs = np.concatenate([game["outputs"].ravel(), *ends])[order]

    def _hashed(self, rows: np.ndarray) -> np.ndarray:
        bits = np.ascontiguousarray(rows).view(np.uint64)
        odd = np.random.default_rng(1).integers(2**63, size=PLAYERS, dtype=np.uint64) * 2 + 1
        return ((bits ^ (bits >> np.uint64(31))) * odd).sum(axis=1)

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        self.calls += len(rows)
        keys = self._hashed(rows)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        outputs = self._outputs[places]
        others = self._keys[places] != keys
        if others.any():
            outputs[others] = self._model(rows[others])
        return np.column_stack([1 - outputs, outputs])


def our_estimates(game: Any) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """{budget: values and standard errors, (seed, feature) each}; 0 is the default setting."""
    from deepseek_report.artifacts.protocols.classifier import Classifier
    from deepseek_report.artifacts.protocols.explainers import ExplainContext
    from deepseek_report.explainers.shapley.shap import Shap

    class Asked(Recorded, Classifier):
        """The record as an explainer asks it; the peers' environment has no such base."""

    classifier = Asked(game)
    positions = np.arange(SEEDS)
    context = ExplainContext(classifier, game["rows"], positions, game["background"], 1, seed=1)
    estimates = {}
    for budget in (0, *BUDGETS):
        settings = Shap()
        rows = budget * BACKGROUND - BACKGROUND - 1 - settings.surrogate_rows // SEEDS
        if budget:
            rounds = rows // (2 * 2 * (PLAYERS - 1))
            settings = replace(settings, rounds=rounds, background_rows=2)
        explanation = settings.explain(context)
        per_case = explanation.n_model_calls / SEEDS
        if budget and per_case > budget * BACKGROUND:
            raise AssertionError(f"{per_case} rows are more than {budget} coalitions cost")
        estimates[budget] = explanation.values, explanation.standard_error
    return estimates


# Comparison.


@dataclass(frozen=True)
class Comparison:
    """Errors on one game. ours, covered: by budget; peers: by name, (budget,) each."""

    name: str
    model: str
    ours: dict[int, float]
    covered: dict[int, float]
    peers: dict[str, np.ndarray]

    def ratio(self, budget: int) -> float:
        return self.ours[budget] / self.best(budget)

    def best(self, budget: int) -> float:
        return float(min(errors[BUDGETS.index(budget)] for errors in self.peers.values()))


def compare(folder: Path, path: Path) -> Comparison:
    game = dict(np.load(path))
    exact = np.array([exact_values(outputs.mean(axis=1)) for outputs in game["outputs"]])
    answers = np.load(folder / path.name.replace("game", "peers"))
    ours = our_estimates(game)
    return Comparison(
        str(game["name"]),
        str(game["model"]),
        {budget: root_mean_square(values - exact) for budget, (values, _) in ours.items()},
        {
            budget: float((np.abs(values - exact) <= 1.96 * errors + 1e-12).mean())
            for budget, (values, errors) in ours.items()
        },
        {
            name: np.array([root_mean_square(values - exact) for values in answers[name]])
            for name in answers.files
        },
    )


def root_mean_square(distances: np.ndarray) -> float:
    return float(np.sqrt(np.square(distances).mean()))


def tables(results: list[Comparison]) -> str:
    return "\n".join(
        [
            "## Error of Shapley values",
            "",
            f"Made by `benchmarks/shapley_error.py`: {len(results)} models on "
            f"{len({result.name for result in results})} data sets, {PLAYERS} features, background "
            f"{BACKGROUND}, {SEEDS} seeds with an instance each, against {', '.join(PEERS[1:3])}.",
            "Root mean square error to the exact values, for the same number of rows of the model",
            "(coalitions × 50), over that of the peer that does best on that model and budget.",
            "",
            *ratio_table(results),
            "",
            "Mean error × 10⁻⁴, by method:",
            "",
            *error_table(results),
            "",
            "How often value ± 1.96 standard errors held the exact value:",
            "",
            *coverage_table(results),
        ]
    )


def ratio_table(results: list[Comparison]) -> Iterator[str]:
    yield "| coalitions | mean ratio | 95 % interval | goal | worst |"
    yield "|---|---|---|---|---|"
    for budget in BUDGETS:
        ratios = np.array([result.ratio(budget) for result in results])
        low, high = interval(results, ratios)
        worst = results[int(ratios.argmax())]
        yield (
            f"| {budget} | {ratios.mean():.2f} | {low:.2f} to {high:.2f} | {GOALS[budget]} "
            f"| {ratios.max():.2f} ({worst.name}, {worst.model}) |"
        )


def interval(results: list[Comparison], ratios: np.ndarray) -> tuple[float, float]:
    """Bootstrap over data sets of the mean ratio."""
    names = sorted({result.name for result in results})
    means = [ratios[[result.name == name for result in results]].mean() for name in names]
    draws = np.random.default_rng(0).choice(means, (5000, len(means))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def error_table(results: list[Comparison]) -> Iterator[str]:
    heads = [f"{model}, {budget}" for model in MODELS for budget in BUDGETS]
    yield f"| method | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    rows: dict[str, Callable[[Comparison, int], float]] = {
        name: lambda result, budget, name=name: result.peers[name][BUDGETS.index(budget)]
        for name in results[0].peers
    }
    rows["**ours**"] = lambda result, budget: result.ours[budget]
    for name, error in rows.items():
        cells = [
            1e4 * np.mean([error(result, budget) for result in results if result.model == model])
            for model in MODELS
            for budget in BUDGETS
        ]
        yield f"| {name} | {' | '.join(f'{cell:.0f}' for cell in cells)} |"


def coverage_table(results: list[Comparison]) -> Iterator[str]:
    yield "| coalitions | all | least of a data set | most |"
    yield "|---|---|---|---|"
    for budget in (0, *BUDGETS):
        names = sorted({result.name for result in results})
        means = [
            100 * np.mean([result.covered[budget] for result in results if result.name == name])
            for name in names
        ]
        label = budget or "default setting"
        yield f"| {label} | {np.mean(means):.1f} % | {min(means):.1f} % | {max(means):.1f} % |"


if __name__ == "__main__":
    if sys.argv[1] == "--peers":
        run_peers(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]))
