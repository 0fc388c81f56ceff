"""The modules of the package, without the tests that extensions hold."""

from pathlib import Path

import deepseek_report

PACKAGE = Path(deepseek_report.__file__).parent


def modules() -> list[Path]:
    """All modules, in the order of their paths."""
    files = PACKAGE.rglob("*.py")
    return sorted(path for path in files if "tests" not in path.relative_to(PACKAGE).parts)
