"""The shap package driven so that a whole chunk of instances is one call of the model.

shap asks the model about one instance at a time, a few hundred rows per call. Here each
instance's question is first only noted (`record`), then all are answered in one call, and shap
runs once more on the answers (`replay`). Both runs draw the same permutation from the same seed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.explainers.attributions import seed_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import shap
    from shap.utils import _masked_model


def version() -> str:
    """Version of the shap package that is installed."""
    return str(shap.__version__)


class IndependentMasker:
    """Replaces the features outside a coalition by those of background rows; missing values pass.

    Same meaning as `shap.maskers.Independent`, with two differences: NaN is a value like any
    other, and every coalition is evaluated, so that the number of model calls is known beforehand.
    """

    supports_delta_masking = True
    clustering = None

    def __init__(self, background: Floats) -> None:
        self.background = background
        self.shape = background.shape

    def __call__(self, mask: Array, row: Floats) -> tuple[tuple[Floats], Bools]:
        kept = self._coalitions(mask)
        rows = np.where(kept[:, None, :], row, self.background)
        varying = np.ones((len(kept), len(self.background)), dtype=bool)
        return (rows.reshape(-1, len(row)),), varying

    def _coalitions(self, toggles: Ints) -> Bools:
        flipped = toggles[:, None] == np.arange(self.shape[1])
        return np.asarray(np.cumsum(flipped, axis=0) % 2, dtype=bool)


class _Tape:
    """The model as shap sees it: notes questions, and later plays the answers back."""

    def __init__(self) -> None:
        self.questions: list[Floats] = []
        self.answers: list[Floats] = []

    def record(self, rows: Floats) -> Floats:
        self.questions.append(rows)
        return np.zeros(len(rows))

    def replay(self, rows: Floats) -> Floats:
        return self.answers.pop(0)

    def answer(self, ask: Callable[[Floats], Floats]) -> None:
        ends = np.cumsum([len(rows) for rows in self.questions])[:-1]
        self.answers = np.split(ask(np.concatenate(self.questions)), ends)
        self.questions = []


@contextmanager
def _interpreted_average() -> Iterator[None]:
    """Average the model's outputs in plain Python: shap compiles a loop for it at first use.

    Compiling takes 2.8 s in every process, the plain loop 0.3 s for 200 instances of 23 features.
    """
    compiled = _masked_model._build_fixed_single_output
    _masked_model._build_fixed_single_output = getattr(compiled, "py_func", compiled)
    try:
        yield
    finally:
        _masked_model._build_fixed_single_output = compiled


class Rounds:
    """One estimate of the Shapley values per background, for any slice of the instances."""

    def __init__(
        self,
        context: ExplainContext,
        backgrounds: Floats,
        algorithm: Literal["exact", "permutation"],
    ) -> None:
        self.context = context
        self.tape = _Tape()
        self.algorithm = algorithm
        self.recorders = [self._explainer(self.tape.record, rows) for rows in backgrounds]
        self.players = [self._explainer(self.tape.replay, rows) for rows in backgrounds]

    def values(self, part: slice) -> Floats:
        """(round, instance, feature) for the instances of the slice."""
        self._run(self.recorders, part)
        self.tape.answer(self._probability)
        return self._run(self.players, part)

    def _run(self, explainers: list[object], part: slice) -> Floats:
        with _interpreted_average():
            return self._each(explainers, part)

    def _each(self, explainers: list[object], part: slice) -> Floats:
        rows = zip(self.context.inputs[part], self.context.draws[part], strict=True)
        values = [
            [self._one(explainer, round_, row, drawn) for row, drawn in rows]
            for rows in [list(rows)]
            for round_, explainer in enumerate(explainers)
        ]
        return np.array(values)

    def _one(self, explainer: shap.Explainer, round_: int, row: Floats, drawn: int) -> Floats:
        np.random.seed(seed_of(self.context.seed, round_, drawn))  # noqa: NPY002
        options = {"main_effects": False, "error_bounds": False, "batch_size": None}
        evaluations = 2**row.size if self.algorithm == "exact" else 2 * row.size + 1
        more = {"interactions": 1} if self.algorithm == "exact" else {}
        result = explainer.explain_row(
            row, max_evals=evaluations, outputs=None, silent=True, **options, **more
        )
        return np.asarray(result["values"], dtype=np.float64)

    def _probability(self, rows: Floats) -> Floats:
        return self.context.output(rows)

    def _explainer(self, model: Callable[[Floats], Floats], background: Floats) -> object:
        masker = IndependentMasker(background)
        if self.algorithm == "exact":
            return shap.ExactExplainer(model, masker)
        return shap.PermutationExplainer(model, masker)
