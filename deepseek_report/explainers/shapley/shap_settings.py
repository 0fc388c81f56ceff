"""What can be set of the estimation of Shapley values, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.statistics.games.coalition_design import all_pairs
from deepseek_report.statistics.ranking import systematic

Algorithm = Literal["auto", "tree", "pairs", "surrogate", "owen", "exact", "permutation"]


@dataclass(frozen=True)
class ShapSettings:
    """How Shapley values are estimated; `Shap` says what each field means."""

    algorithm: Algorithm = "auto"
    reference: Literal["auto", "background", "baseline"] = "auto"
    rounds: Annotated[int, Field(ge=1, le=1000)] = 4
    background_rows: Annotated[int, Field(ge=1, le=1000)] = 2
    surrogate_rows: Annotated[int, Field(ge=0, le=1_000_000)] = 2000
    exact_up_to: Annotated[int, Field(ge=1, le=14)] = 8
    permutation_up_to: Annotated[int, Field(ge=1)] = 64
    max_evaluations: Annotated[int, Field(ge=2)] = 1000
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    screening: Annotated[int, Field(ge=0, le=1000)] = 4
    chunk: Annotated[int, Field(ge=1)] = 16

    def levels(self, n_players: int, n_background: int) -> tuple[int, ...]:
        """How many pairs of coalitions "pairs" compares an instance on; more only where the
        tolerance is not reached: twice as many each time, up to `max_evaluations`.

        The first level is that of `rounds` walks over all players, against `background_rows` each;
        of few players it is all coalitions as often.
        """
        if self.algorithm == "surrogate":
            return (0,)
        complete = n_background * all_pairs(n_players)
        walks = self.rounds * (1 if self.reference == "baseline" else self.background_rows)
        alone = all_pairs(n_players) if n_players <= self.exact_up_to else n_players - 1
        levels = [min(walks * max(alone, 0), complete)]
        most = min(self.max_evaluations // 2, complete) if self.tolerance else 0
        while levels[-1] < most:
            levels.append(min(2 * levels[-1], most))
        return tuple(levels)

    def has_surrogate(self, n_players: int, n_background: int) -> bool:
        """Whether a surrogate stands for most of the model: where those of a table are sampled."""
        complete = n_background * all_pairs(n_players)
        sampled = (
            self.exact_up_to < n_players and self.levels(n_players, n_background)[-1] < complete
        )
        return self.reference != "baseline" and sampled and self.surrogate_rows > 0

    def evaluations(self, algorithm: Algorithm, n_players: int, rounds: int) -> int:
        """Rows that one round asks about one instance, besides the two ends."""
        if algorithm == "exact":
            return int(2**n_players)
        return 2 * self.cuts(algorithm, n_players, rounds)

    def cuts(self, algorithm: Algorithm, n_players: int, rounds: int) -> int:
        """How often players are told apart in one round."""
        if algorithm != "owen":
            return max(n_players - 1, 0)
        return max(min(n_players - 1, self.max_evaluations // (2 * rounds)), 0)

    def resolved(self, n_players: int) -> Algorithm:
        """The algorithm, chosen by the number of players where it is "auto"."""
        if self.algorithm != "auto":
            return self.algorithm
        return "pairs" if n_players <= self.permutation_up_to else "owen"

    def sizes(self, n_background: int) -> tuple[int, int]:
        """Rounds, and background rows of each, that so many background rows allow."""
        rounds = min(self.rounds, n_background)
        return rounds, min(self.background_rows, n_background // rounds)

    def chosen_rows(self, scores: Floats, rows: int | None = None) -> Ints:
        """(round, row) positions of background rows with these outputs."""
        rounds, most = self.sizes(len(scores))
        return systematic(scores, rounds, rows or most)
