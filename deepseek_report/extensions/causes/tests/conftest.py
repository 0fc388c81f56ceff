"""Loans in memory, as the tests of the Python interface have them."""

from tests.api.conftest import folder, loans, report

__all__ = ["folder", "loans", "report"]
