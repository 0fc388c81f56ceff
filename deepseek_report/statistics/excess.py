"""Whether a part of the data does worse than all other cases: tests of many parts at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints


@dataclass(frozen=True)
class Moments:
    """Size of each part, sum and sum of squares of the losses in it, each (part,)."""

    sizes: Floats
    sums: Floats
    squares: Floats

    @classmethod
    def of(cls, losses: Floats) -> Moments:
        """Of one part that holds all of these (instance,) losses."""
        return cls(*(np.array([float(total)]) for total in _totals(losses)))

    @property
    def means(self) -> Floats:
        """(part,) NaN where a part is empty."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.sums / self.sizes)

    @property
    def variances(self) -> Floats:
        """(part,) unbiased variance; 0 for a single instance."""
        spread = np.maximum(self.squares - self.sizes * self.means**2, 0.0)
        return np.asarray(spread / np.maximum(self.sizes - 1, 1))

    def take(self, parts: Bools | Ints) -> Moments:
        """The moments of some of the parts."""
        return Moments(self.sizes[parts], self.sums[parts], self.squares[parts])

    def without(self, inside: Moments) -> Moments:
        """What is left of these parts when others that lie within them are taken out."""
        return Moments(
            self.sizes - inside.sizes, self.sums - inside.sums, self.squares - inside.squares
        )


def _totals(losses: Floats) -> tuple[int, float, float]:
    return len(losses), losses.sum(), (losses**2).sum()


def joined_moments(matrix: Floats, losses: Floats, first: Ints, second: Ints) -> Moments:
    """Moments of the parts that meet two conditions each, by matrix products.

    Parameters
    ----------
    matrix : (instance, condition) of 0 and 1. losses : (instance,).
    first, second : (part,) positions of the two conditions; twice the same for a single one.
    """
    return Moments(
        *(
            (matrix.T @ (matrix * weights[:, None]))[first, second]
            for weights in (np.ones(len(losses)), losses, losses**2)
        )
    )


def more_errors_p_value(errors: Ints, sizes: Ints, all_errors: int, n: int) -> Floats:
    """Fisher's one-sided test: the chance of as many errors in a random part of the same size.

    Parts with fewer errors than their share get 1 without a computation.

    Parameters
    ----------
    errors, sizes : (part,) counts. all_errors, n : errors and instances in the whole.

    >>> more_errors_p_value(np.array([3]), np.array([3]), all_errors=3, n=6).round(2).tolist()
    [0.05]
    """
    from scipy.stats import hypergeom

    p = np.ones(len(errors))
    worse = np.flatnonzero(errors * n > sizes * all_errors)
    p[worse] = hypergeom.sf(errors[worse] - 1, n, all_errors, sizes[worse])
    return np.clip(p, 0.0, 1.0)


def larger_mean_p_value(inside: Moments, outside: Moments) -> Floats:
    """(part,) Welch's one-sided test; the null is that the mean inside is not larger than outside.

    References
    ----------
    Welch 1947, doi:10.1093/biomet/34.1-2.28.
    """
    from scipy.special import stdtr

    own, rest = inside.variances / inside.sizes, outside.variances / outside.sizes
    spread = np.maximum(own + rest, 1e-300)
    freedom = spread**2 / np.maximum(
        own**2 / (inside.sizes - 1) + rest**2 / (outside.sizes - 1), 1e-300
    )
    return np.asarray(stdtr(freedom, (outside.means - inside.means) / np.sqrt(spread)))
