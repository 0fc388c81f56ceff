"""How often an advantage over data sets is told of two equal methods, and of two that differ.

`python benchmarks/signed_rank.py [STUDIES]` prints a table; differences are drawn from three
distributions, with no region at all, which is where two equal methods are told apart most often.
"""

from __future__ import annotations

import sys

import numpy as np

from deepseek_report.statistics import several_data_sets
from deepseek_report.statistics.several_data_sets import signed_rank

SURE = 0.99


def main(studies: int) -> None:
    several_data_sets._DRAWS = 2000
    rng = np.random.default_rng(1)
    kinds = {
        "normal": lambda n: rng.normal(size=n),
        "heavy tails (t, 2)": lambda n: rng.standard_t(2, size=n),
        "other spread each": lambda n: rng.normal(size=n) * np.exp(rng.normal(size=n)),
    }
    print(f"{studies} studies a row; told from a probability of {SURE} on")
    print(f"{'data sets':>9}  {'differences':<20} {'equal':>7} {'1 spread apart':>15}")
    for n in (5, 8, 10, 15, 20):
        for name, draw in kinds.items():
            shares = [
                np.mean([_is_told(draw(n) + shift) for _ in range(studies)]) for shift in (0.0, 1.0)
            ]
            print(f"{n:>9}  {name:<20} {shares[0]:>7.1%} {shares[1]:>15.1%}")


def _is_told(differences: np.ndarray) -> bool:
    posterior = signed_rank(differences, 0.0)
    return max(posterior.less, posterior.more) >= SURE


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
