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

from deepseek_report.artifacts.array_types import Array, Bools, Floats
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
        flipped = mask[:, None] == np.arange(self.shape[1])
        kept = np.asarray(np.cumsum(flipped, axis=0) % 2, dtype=bool)
        rows = np.where(kept[:, None, :], row, self.background)
        varying = np.ones((len(kept), len(self.background)), dtype=bool)
        return (rows.reshape(-1, len(row)),), varying


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
def _as_it_was() -> Iterator[None]:
    """Leave as they were what shap changes, and what is changed of it, for all of NumPy's users.

    shap draws from NumPy's global generator. Its average over the model's outputs is taken in plain
    Python here: to compile the loop at first use takes 2.8 s in every process, the plain one 0.3 s
    for 200 instances of 23 features.
    """
    state, compiled = np.random.get_state(), _masked_model._build_fixed_single_output  # noqa: NPY002
    _masked_model._build_fixed_single_output = getattr(compiled, "py_func", compiled)
    try:
        yield
    finally:
        _masked_model._build_fixed_single_output = compiled
        np.random.set_state(state)  # noqa: NPY002


class Rounds:
    """One estimate of the Shapley values per background, for any slice of the instances."""

    def __init__(
        self,
        context: ExplainContext,
        backgrounds: Floats,
        algorithm: Literal["exact", "permutation"],
    ) -> None:
        self.context, self.tape, self.is_exact = context, _Tape(), algorithm == "exact"
        explainer = shap.ExactExplainer if self.is_exact else shap.PermutationExplainer
        with _as_it_was():
            self.recorders, self.players = (
                [explainer(model, IndependentMasker(rows)) for rows in backgrounds]
                for model in (self.tape.record, self.tape.replay)
            )

    def values(self, part: slice) -> Floats:
        """(round, instance, feature) for the instances of the slice."""
        with _as_it_was():
            self._each(self.recorders, part)
            self.tape.answer(self.context.output)
            return self._each(self.players, part)

    def _each(self, explainers: list[shap.Explainer], part: slice) -> Floats:
        rows = list(zip(self.context.inputs[part], self.context.draws[part], strict=True))
        return np.array(
            [
                [self._one(explainer, round_, row, drawn) for row, drawn in rows]
                for round_, explainer in enumerate(explainers)
            ]
        )

    def _one(self, explainer: shap.Explainer, round_: int, row: Floats, drawn: int) -> Floats:
        np.random.seed(seed_of(self.context.seed, round_, drawn))  # noqa: NPY002
        options = {"main_effects": False, "error_bounds": False, "batch_size": None}
        evaluations = 2**row.size if self.is_exact else 2 * row.size + 1
        more = {"interactions": 1} if self.is_exact else {}
        result = explainer.explain_row(
            row, max_evals=evaluations, outputs=None, silent=True, **options, **more
        )
        return np.asarray(result["values"], dtype=np.float64)
