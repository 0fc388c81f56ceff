"""Data of the tests of training."""

from tests.training.conftest import dataset

__all__ = ["dataset"]
