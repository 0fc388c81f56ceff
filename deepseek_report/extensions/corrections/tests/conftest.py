"""Data of the tests of training, and pages in a browser."""

from tests.browser.conftest import _as_at_first, driver, real_page
from tests.training.conftest import dataset

__all__ = ["_as_at_first", "dataset", "driver", "real_page"]
