"""What is wrong with a configuration, said so that a person can correct it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from deepseek_report.errors import ConfigError


@dataclass(frozen=True)
class Problem:
    """One problem: where it stands, what is wrong there, what is allowed, what to do."""

    where: str
    fault: str
    allowed: str = ""
    todo: str = ""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.fault}"]
        if self.allowed:
            lines.append(f"    allowed: {self.allowed}")
        if self.todo:
            lines.append(f"    what to do: {self.todo}")
        return "\n".join(lines)


class ConfigProblems(ConfigError):  # noqa: N818 - it is several problems
    """All problems of one configuration.

    untrusted : {package: the class by which it is named}, of packages that nobody trusts here.
    """

    about: ClassVar[str] = "the configuration"

    def __init__(
        self, problems: Sequence[Problem], untrusted: Mapping[str, str] | None = None
    ) -> None:
        self.problems = tuple(problems)
        self.untrusted = dict(untrusted or {})
        many = len(problems) != 1
        head = f"{len(problems)} problem{'s' if many else ''} in {self.about}"
        super().__init__("\n".join([head, *(f"- {problem}" for problem in problems)]))

    def _render_traceback_(self) -> list[str]:
        """One problem in three lines: where and what, what is allowed, what to do."""
        if len(self.problems) != 1:
            return super()._render_traceback_()
        first, *others = str(self.problems[0]).split("\n")
        return [f"{type(self).__name__}: {first}", *others]

    @classmethod
    def of(cls, where: str, fault: str, allowed: str = "", todo: str = "") -> Self:
        """One problem alone."""
        return cls([Problem(where, fault, allowed, todo)])


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean "sex"?`, or an empty string if nothing is near."""
    close = nearest_name(name, known)
    return f'did you mean "{close}"?' if close else ""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The known name that is most like this one, or an empty string if none is near."""
    names = list(map(str, known))
    longer = [other for other in sorted(names) if len(name) > 2 and other.startswith(name)]
    close = difflib.get_close_matches(name, longer or names, n=1, cutoff=0.6)
    return next(iter([*close, *longer]), "")


def choices(known: Iterable[str], most: int = 40) -> str:
    """The allowed names as a list for a message."""
    names = sorted(map(str, known))
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names)} in all)"
