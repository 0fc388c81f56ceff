"""A run folder from a stranger, one that is made by hand, and a file of loans to check."""

from tests.cli.test_check import check
from tests.compliance.conftest import run, written
from tests.safety.conftest import received

__all__ = ["check", "received", "run", "written"]
