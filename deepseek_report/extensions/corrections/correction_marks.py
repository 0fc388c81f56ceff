"""What a person may mark as wrong on the pages of cases, as the page's script reads it.

The script (`templates/html/marks.js`) collects the marks and saves them as the file that
`corrections: [{marks: FILE}]` of a new run takes (`declared_corrections.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.seeds import row_digests
from deepseek_report.config.portable import CALL, shell_line
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import shrunk
from deepseek_report.metrics.cases.single_case_rows import OfPlayer
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values
from deepseek_report.sections.single_cases.case_marks import CaseMarks
from deepseek_report.sections.single_cases.explained_cases import ExplainedCase
from deepseek_report.tasks import task_of

#: Where the name of the saved file stands in a command; the script puts it in.
FILE = "{file}"
#: Levels of a drawn course, the most points of one, and the most channels that are drawn.
_LEVELS, _POINTS, _CHANNELS = 99, 120, 12


def marks_of(draft: Draft, *, in_data: bool) -> CaseMarks:
    """What a person may mark; see the function of the same name of the core."""
    results = draft.results
    return CorrectionMarks(draft, in_data and results.privacy.is_full and results.has_rows)


@dataclass(frozen=True)
class CorrectionMarks(CaseMarks):
    """What can be marked in the cases of a run.

    names_rows : whether a mark may name a row: the cases are rows of the data, and the run may show
        them. Otherwise only features and rules can be marked, which are about no row.
    """

    draft: Draft
    names_rows: bool

    def shared(self) -> Values | None:
        """What all cases share, None where nothing can be marked.

        Players are counted from 0; the saved file counts them from 1.
        """
        draft, results = self.draft, self.draft.results
        kind = kind_of(results.schema)
        if not (self.names_rows or kind.named_columns):
            return None
        decides = task_of(results.schema.target).decides
        return {
            "run": results.run_id,
            "features": results.schema.names if kind.named_columns else [],
            "labels": [] if kind.quotes else list(results.schema.player_labels),
            "areas": [list(area) for area in areas(results.schema)],
            "channels": list(map(draft.words.name, kind.channels)),
            "classes": list(self._stored.schema.target.classes) if decides else [],
            "choose": draft.text(f"marks.choose.{kind.name}"),
            "means": {
                "must_not": draft.text(f"marks.means.{kind.name}"),
                "label": draft.text("marks.means.label"),
                "rule": draft.text("marks.means.rule"),
            },
            "use": _uses(draft),
        }

    def of_case(self, case: ExplainedCase) -> Values:
        """The row by its digest, and what the data say that happened; empty where none is named.

        was : position of the class, or the number; missing where it cannot be corrected.
        """
        if not self.names_rows or case.position is None:
            return {}
        results = self.draft.results
        (digest,) = row_digests(results.test.inputs[[case.position]])
        target = results.schema.target
        if not case.row.label or target.labels:
            return {"row": digest}
        label = results.predictions.labels[case.position]
        return {"row": digest, "was": int(label) if task_of(target).decides else float(label)}

    def of_page(self, case: ExplainedCase, numbers: Mapping[tuple[int, str], int]) -> Values:
        """What of an input can be marked that is no table.

        numbers : see `Pages.numbers`. In what is returned they are those of this case by player;
        words : [text, player or None] piece by piece. courses : see the function.
        """
        if not self.names_rows or case.position is None:
            return {}
        own = case.row.case
        listed = {
            str(self._players[label]): number
            for (of_case, label), number in numbers.items()
            if of_case == own and label in self._players
        }
        schema = self.draft.results.schema
        kind = kind_of(schema)
        if kind.quotes:
            return {"words": self._words(case.position)}
        drawn = next((_WHOLE[view] for view in kind.views if view in _WHOLE), None)
        if drawn is not None:
            row = self.draft.results.test.inputs[case.position]
            return {**drawn(row.reshape(kind.shape)), "numbers": listed}
        return {"numbers": listed} if listed else {}

    def listed(self, rows: Sequence[OfPlayer]) -> list[int]:
        """The players that these rows of a table of reasons are about."""
        named = kind_of(self.draft.results.schema).named_columns
        keys = [row.feature if named else row.label for row in rows]
        return [self._players[key] for key in keys if key in self._players]

    @cached_property
    def _players(self) -> dict[str, int]:
        """{how tables of reasons call a player: its position}."""
        schema = self.draft.results.schema
        names = schema.names if kind_of(schema).named_columns else schema.player_labels
        return {name: at for at, name in enumerate(names)}

    @cached_property
    def _stored(self) -> Results:
        """The results with the names that the data have, in whatever language they are shown."""
        return replace(self.draft.results, naming=None)

    def _words(self, position: int) -> list[list[object]]:
        """A text in pieces; words that the model does not know belong to no player."""
        results = self.draft.results
        if results.test.texts is None:
            return []
        whole, owners = results.test.texts.text(position), results.schema.owners
        read = kind_of(results.schema).nameable(results.test.inputs[[position]])[0]
        spans = [
            (*results.test.texts.span(position, np.flatnonzero(owners == player)), int(player))
            for player in np.flatnonzero(read)
        ]
        pieces, behind = list[list[object]](), 0
        for start, end, player in sorted(span for span in spans if span[0] >= 0):
            if start < behind:  # a token that overlaps the one before it
                continue
            pieces += [[whole[behind:start], None], [whole[start:end], player]]
            behind = end
        pieces.append([whole[behind:], None])
        return [piece for piece in pieces if piece[0]]


def areas(schema: Schema) -> list[tuple[int, ...]]:
    """Where the players of a grid lie, ends included; empty where columns have no places.

    An image: (first row, last row, first column, last column), a series: (channel, first step,
    last step).
    """
    kind, owners = kind_of(schema), schema.owners
    if kind.quotes or not kind.axes:
        return []
    spans = list[tuple[int, ...]]()
    for player in range(int(owners.max()) + 1):
        places = np.unravel_index(np.flatnonzero(owners == player), kind.shape)
        ends = [(int(place.min()), int(place.max())) for place in places]
        if len(kind.axes) == 2:
            spans.append((*ends[0], *ends[1]))
        else:
            spans.append((ends[1][0], *ends[0]))
    return spans


def courses(series: Floats) -> list[list[object]]:
    """[channel, [level, …]] of (step, channel) readings, each channel on a scale of its own.

    Levels go from 0 to 99; None is missing. Long series are drawn by the means of pieces.

    >>> courses(np.array([[1.0], [3.0], [2.0]]))
    [[0, [0, 99, 50]]]
    """
    drawn = []
    for channel in range(min(series.shape[1], _CHANNELS)):
        course = shrunk(series[:, channel], _POINTS)
        known = course[np.isfinite(course)]
        low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
        levels = np.round((course - low) / ((high - low) or 1.0) * _LEVELS)
        drawn.append([channel, [None if np.isnan(x) else int(x) for x in levels]])
    return drawn


#: What the script draws of a whole input, by the names of `DataKind.views`.
_WHOLE: Mapping[str, Callable[[Floats], Values]] = {
    "curves": lambda series: {"courses": courses(series)}
}


def _with_file(overrides: Sequence[str]) -> list[str]:
    """The overrides of a run with the saved file among its corrections.

    >>> _with_file(["seed=2", "corrections=[{marks: a.yaml}]"])
    ['seed=2', 'corrections=[{marks: a.yaml}, {marks: {file}}]']
    """
    entry, key = f"{{marks: {FILE}}}", "corrections="
    earlier = [text for text in overrides if text.startswith(f"{key}[") and text.endswith("]")]
    kept = [text for text in overrides if text not in earlier]
    inside = earlier[-1].removeprefix(key)[1:-1].strip() if earlier else ""
    return [*kept, f"{key}[{inside}, {entry}]" if inside else f"{key}[{entry}]"]


def _uses(draft: Draft) -> list[list[str]]:
    """[sentence, what to type] of the ways in which a new run takes the saved file."""
    results = draft.results
    command = results.command
    if command["program"] == [CALL]:
        return [[draft.text("marks.use.call"), f'corrections=[{{"marks": "{FILE}"}}]']]
    overrides = [str(text) for text in command.get("overrides") or ()]
    overridden = any(text.startswith("corrections=") for text in overrides)
    if results.config.get("corrections") and not overridden:
        return [[draft.text("marks.use.config"), f"- {{marks: {FILE}}}"]]
    with_file = _with_file(overrides)
    uses = [[draft.text("marks.use.command"), shell_line({**command, "overrides": with_file})]]
    if not command.get("variables"):
        call = f"deepseek_report.run(overrides={with_file!r})"
        uses.append([draft.text("marks.use.python"), call])
    return uses
