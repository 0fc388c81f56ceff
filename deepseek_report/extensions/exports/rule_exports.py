"""The rules of a model that is a list of rules, as text, as SQL and as JSON, to decide elsewhere.

The sum of points is written in the order in which the model adds it up, with every number in full,
so that SQL in double precision gets the same sum to the last digit.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.data_kinds.rule_lists import RuleList, ValueSet
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.extensions.exports.exported_run import ExportedRun, one_line
from deepseek_report.tasks import task_of

#: A code of the source that SQL holds as a number.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,15})")
#: Roundings between a sum of points and its probability, as a multiple of the machine's precision:
#: a sum that lies so little below the threshold is on it, since thresholds are often a sum's own.
_ROUNDED = 16 * 2.0**-52


def rules_as_text(run: ExportedRun) -> str:
    """The list as plain text, one rule a line, with every number in full."""
    return "\n".join(_RuleExport.of(run).text()) + "\n"


def rules_as_sql(run: ExportedRun) -> str:
    """One SELECT over a table with the columns of the source: the sums and the decision."""
    return "\n".join(_RuleExport.of(run).sql()) + "\n"


def rules_as_json(run: ExportedRun) -> str:
    """The list as plain data."""
    return json.dumps(_RuleExport.of(run).plain(), indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class _RuleExport:
    run: ExportedRun
    rules: RuleList

    @classmethod
    def of(cls, run: ExportedRun) -> _RuleExport:
        """Raises ConfigError : the model is no list of rules, or the folder must not hold it."""
        plain = run.architecture.get("rule_list")
        privacy = run.results.privacy
        if not plain and run.architecture.get("name") == "rule list" and not privacy.is_full:
            raise ConfigError(
                f"{run.results.run_id}: report.privacy={privacy.level} keeps the rules in full out "
                "of the folder, as their conditions hold values that few rows have\n"
                "    what to do: export a run of report.privacy=full"
            )
        if not plain:
            name = one_line(str(run.architecture.get("name") or "the model"))
            raise ConfigError(
                f"{run.results.run_id}: {name} is no list of rules, so there are none to export\n"
                "    what to do: export a run of model=rules"
            )
        try:
            return cls(run, RuleList.from_json(plain, run.results.schema))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{run.results.run_id}: its rules do not fit its data") from error

    @property
    def schema(self) -> Schema:
        return self.rules.schema

    @cached_property
    def threshold(self) -> float | None:
        """The least sum of points with which a case is decided for the explained class of two."""
        probability = self.run.results.predicted.threshold
        if probability is None or self.rules.link == "value" or len(self.rules.names) != 1:
            return None
        if not 0 < probability < 1:
            return -math.inf if probability <= 0 else math.inf
        least = math.log(probability) - math.log1p(-probability)
        return least - _ROUNDED * (1 / (1 - probability) + abs(least) + 1)

    @property
    def _label_output(self) -> int:
        """Of several labels the position of the one that the report is about."""
        several = task_of(self.schema.target).several
        return self.schema.target.label_index if several else 0

    # --- as text ----------------------------------------------------------------------------------

    def text(self) -> Iterator[str]:
        yield one_line(self.run.text("rules.title", name=self.run.name))
        yield one_line(self.run.text("rules.from", run=self.run.results.run_id))
        yield ""
        starts = self._amounts(self.rules.base)
        yield one_line(self.run.text("rules.start", starts=starts))
        for rule in self.rules.rules:
            when = " and ".join(self._in_full(part) for part in rule.sets)
            line = self.run.text(
                "rules.rule", rule=rule.number, when=when, points=self._amounts(rule.weights)
            )
            yield one_line(line)
        yield ""
        yield one_line(self._ending())

    def _amounts(self, values: Sequence[float]) -> str:
        """One number, or one for each class or label."""
        if len(values) == 1:
            return repr(values[0])
        named = zip(self.rules.names, values, strict=True)
        return ", ".join(f"“{name}” {value!r}" for name, value in named)

    def _in_full(self, part: ValueSet) -> str:
        """A condition in words, with its numbers as they are compared."""
        feature = self.schema.features[part.feature]
        if part.levels is not None or part.is_empty:
            return part.in_words(feature)
        parts = (f"{sign} {end!r}" for sign, end in _bounds(part))
        met = f"{feature.label} {' and '.join(parts) or 'is known'}"
        return f"({met} or is missing)" if part.missing else met

    def _ending(self) -> str:
        target = self.schema.target
        if self.rules.link == "value":
            return self.run.text("rules.number", unit=target.unit or "")
        if self.rules.link == "softmax":
            return self.run.text("rules.largest")
        about = self.rules.names[self._label_output]
        least = "0" if self.threshold is None else repr(self.threshold)
        return self.run.text("rules.decision", about=about, least=least)

    # --- as SQL -----------------------------------------------------------------------------------

    def sql(self) -> Iterator[str]:
        yield f"-- {one_line(self.run.text('rules.title', name=self.run.name))}"
        yield f"-- {one_line(self.run.text('rules.from', run=self.run.results.run_id))}"
        yield f"-- {one_line(self.run.text('rules.columns'))}"
        taken = {feature.name.lower() for feature in self.schema.features}
        sums = [_free(f"score_{n}", taken) for n, _ in enumerate(self.rules.names, start=1)]
        sums = [_free("score", taken)] if len(sums) == 1 else sums
        decision = _free("decision", taken)
        yield "SELECT scored.*,"
        yield f"  {self._decided(sums)} AS {_identifier(decision)}"
        yield "FROM ("
        yield "  SELECT cases.*,"
        for output, name in enumerate(sums):
            yield f"    -- {one_line(self.rules.names[output])}"
            yield f"    {_number(self.rules.base[output])}"
            yield from self._points(output)
            yield f"    AS {_identifier(name)}{',' if output < len(sums) - 1 else ''}"
        yield "  FROM cases"
        yield ") AS scored;"

    def _points(self, output: int) -> Iterator[str]:
        for rule in self.rules.rules:
            points = _number(rule.weights[output])
            met = (_as_sql(part, self.schema.features[part.feature]) for part in rule.sets)
            yield f"    + CASE WHEN {' AND '.join(met)} THEN {points} ELSE 0.0 END -- {rule.number}"

    def _decided(self, sums: Sequence[str]) -> str:
        target = self.schema.target
        if self.rules.link == "value":
            return f"scored.{_identifier(sums[0])}"
        if self.rules.link == "softmax":
            return _largest(sums, target.classes)
        own = f"scored.{_identifier(sums[self._label_output])}"
        toward = 1 if task_of(target).several else target.explained
        yes, no = _text(target.classes[toward]), _text(target.classes[1 - toward])
        least = 0.0 if self.threshold is None else self.threshold
        if math.isinf(least):
            return yes if least < 0 else no
        return f"CASE WHEN {own} >= {_number(least)} THEN {yes} ELSE {no} END"

    # --- as JSON ----------------------------------------------------------------------------------

    def plain(self) -> dict[str, object]:
        target = self.schema.target
        features = {part.feature for rule in self.rules.rules for part in rule.sets}
        least = self.threshold
        return {
            "format": "deepseek-report rules 1",
            "run": self.run.results.run_id,
            "target": {"name": target.name, "classes": list(target.classes)},
            "features": [_described(self.schema.features[at]) for at in sorted(features)],
            "decided_from": None if least is None or math.isinf(least) else least,
            **self.rules.to_json(),
        }


def _described(feature: Feature) -> dict[str, object]:
    values = {category.code: category.label for category in feature.categories}
    named: dict[str, object] = {"name": feature.name, "label": feature.label, "unit": feature.unit}
    return {**named, "values": values} if values else named


def _largest(sums: Sequence[str], classes: Sequence[str]) -> str:
    """The class with the largest sum, the first of equal ones."""
    cases = []
    for at, own in enumerate(sums[:-1]):
        others = [other for place, other in enumerate(sums) if place > at]
        wins = " AND ".join(f"scored.{_identifier(own)} >= scored.{_identifier(o)}" for o in others)
        cases.append(f"WHEN {wins} THEN {_text(classes[at])}")
    return f"CASE {' '.join(cases)} ELSE {_text(classes[len(sums) - 1])} END"


def _as_sql(part: ValueSet, feature: Feature) -> str:
    """A condition that is true or false, and never NULL."""
    column = f"cases.{_identifier(feature.name)}"
    known = _known_values(part, feature, column)
    if part.missing:
        return f"({column} IS NULL OR {known})" if known else f"{column} IS NULL"
    return f"({column} IS NOT NULL AND {known})" if known else "1 = 0"


def _known_values(part: ValueSet, feature: Feature, column: str) -> str:
    """What holds for a value that is known; empty where none meets the condition."""
    if part.is_empty:
        return ""
    if part.levels is not None:
        codes = [category.code for category in feature.categories]
        others = [code for at, code in enumerate(codes) if at not in part.levels]
        if not others:
            return "1 = 1"
        inside = len(part.levels) <= len(others)
        chosen = [codes[at] for at in part.levels] if inside else others
        numbers = all(_NUMBER.fullmatch(code) for code in codes)
        listed = ", ".join(code if numbers else _text(code) for code in chosen)
        return f"{column} {'IN' if inside else 'NOT IN'} ({listed})"
    ends = (f"{column} {sign} {_number(end)}" for sign, end in _bounds(part))
    return " AND ".join(ends) or "1 = 1"


def _bounds(part: ValueSet) -> Iterator[tuple[str, float]]:
    """(sign, end) of the ends of a range that are finite."""
    signs = {">=" if part.low_in else ">": part.low, "<=" if part.high_in else "<": part.high}
    return ((sign, end) for sign, end in signs.items() if math.isfinite(end))


def _number(value: float) -> str:
    """The number in full; a negative one in brackets, since two signs would begin a comment."""
    return repr(float(value)) if value >= 0 else f"({float(value)!r})"


def _text(value: str) -> str:
    """A text of SQL, in which nothing ends it but its own quotation mark."""
    return _quoted(value, "'")


def _identifier(name: str) -> str:
    """A name of SQL in quotation marks."""
    return _quoted(name, '"')


def _quoted(text: str, mark: str) -> str:
    """Raises ConfigError : the text holds the character NUL, which no SQL can."""
    if "\0" in text:
        raise ConfigError(f"{one_line(text)[:60]}: no SQL can hold a name with the character NUL")
    return f"{mark}{text.replace(mark, mark * 2)}{mark}"


def _free(name: str, taken: set[str]) -> str:
    """A name that no column has, by underscores behind it."""
    while name.lower() in taken:
        name += "_"
    taken.add(name.lower())
    return name
