"""Opens the model of a finished run for a stream of new cases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import ConfigError, DataError
from deepseek_report.extensions.live.drift_watch import DriftWatch
from deepseek_report.extensions.live.incoming_rows import LONGEST_LINE, header_of, line_of
from deepseek_report.extensions.live.scored_batches import (
    CaseStream,
    Explained,
    StreamRequest,
    attributions_of,
    to_explain,
)
from deepseek_report.runner.execution.given_rows import StoredModel, run_to_ask, stored_model
from deepseek_report.runner.planning.work import planned_calls, size_of
from deepseek_report.wording.of_results import in_words, words_of


@dataclass(frozen=True)
class Idle:
    """Nothing has come since the last look. restarted : the file was begun anew."""

    restarted: bool = False


def lines_of_stream(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of an open stream, until it ends; a longer one than may be comes in pieces' first.

    What is left of such a line is passed over, so that it counts as one.
    """
    while line := stream.readline(LONGEST_LINE + 1):
        yield line
        while not line.endswith(b"\n") and len(line) > LONGEST_LINE:
            line = stream.readline(LONGEST_LINE + 1)


def lines_of_file(path: Path, *, follow: bool) -> Iterator[bytes | Idle]:
    """The lines of a file; with `follow` for ever, with `Idle` where nothing new is there.

    A line that has no end yet is waited for. A file that becomes shorter, or is replaced by
    another one, was begun anew: it is read from its start.

    Raises DataError: there is no such file, or it cannot be read.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DataError(
            f"{path}: the file cannot be read ({error.strerror}); name a file of rows, or - for "
            "standard input"
        ) from None
    while True:
        with stream:
            if not follow:
                yield from lines_of_stream(stream)
                return
            yield from _growing(stream, path)
            stream = path.open("rb")
        yield Idle(restarted=True)


def _growing(stream: BinaryIO, path: Path) -> Iterator[bytes | Idle]:
    """Until the file is begun anew."""
    held = b""
    while True:
        piece = stream.readline(LONGEST_LINE + 1)
        if len(held) <= LONGEST_LINE:
            held += piece
        if piece.endswith(b"\n"):
            yield held
            held = b""
        elif not piece:
            if _begun_anew(stream, path):
                if held:
                    yield held
                return
            yield Idle()


def _begun_anew(stream: BinaryIO, path: Path) -> bool:
    mine = os.fstat(stream.fileno())
    try:
        now = path.stat()
    except FileNotFoundError:  # it is being replaced
        return False
    return (now.st_ino, now.st_dev) != (mine.st_ino, mine.st_dev) or now.st_size < stream.tell()


#: Cases of the run whose reasons those of the stream are compared with, and how many rows the model
#: may evaluate for them where that leaves as many as the fewest.
_FEWEST, _MOST, _EVALUATIONS = 50, 400, 1_000_000


def open_stream(request: StreamRequest) -> CaseStream:
    """Check the run and its model, and read what new cases are compared with.

    The scores and the reasons of new cases are compared with those of cases that the model was not
    fitted to: it states others of cases that it has learnt.

    Raises ArtifactError, DataError, ConfigProblems: what is missing, not as the run wrote it, not
        trusted, or cannot come as lines.
    """
    lines = ", which do not come as lines of named cells; score-stream reads tables and series"
    opened = run_to_ask(request, lambda kind: kind.one_line, lines)
    schema = opened.results.schema
    if request.explain == "refused" and schema.target.favourable is None:
        raise DataError(
            f"{opened.folder}: nothing says which class is favourable, so no case is known to be "
            "refused; declare it by dataset.favourable, or name another --explain"
        )
    stored = stored_model(opened, request)
    results = in_words(opened.results)
    seed = stored.experiment.seeds.measure
    parts = ["validation"] if request.replays else ["validation", "test"]
    scores = [Predictions.load(opened.results.paths[f"predictions/{part}"]) for part in parts]
    data = stored.dataset
    inputs, pilot = data.train.inputs, data.validation.inputs
    pool = pilot if request.replays else np.concatenate([pilot, data.test.inputs])

    def watching() -> DriftWatch:
        attributions = _attributions(stored, results.schema, pool, request.explain, seed)
        return DriftWatch.of(results.schema, inputs, pilot, scores, seed, attributions)

    return CaseStream(request, stored, results.schema, words_of(results), watching, seed)


def _attributions(
    stored: StoredModel, schema: Schema, pool: Floats, explain: Explained, seed: int
) -> Floats | None:
    """(case, player) attributions of some rows (row, column), made as those of the stream are.

    The rows are drawn from those that the stream would explain, as many as counted work allows;
    None where it explains none.
    """
    if not explain:
        return None
    predictions = stored.predictions_of(pool)
    able = to_explain(predictions, schema, explain)
    experiment, size = stored.experiment, size_of(stored.stages["data"])
    explainer = experiment.explainers[stored.explainer]
    before, first = (planned_calls(experiment, explainer, size, cases) for cases in (0, 1))
    affordable = (_EVALUATIONS - before) // max(first - before, 1)
    n = min(int(np.clip(affordable, _FEWEST, _MOST)), len(able))
    drawn = np.random.default_rng([seed, 0]).choice(able, n, replace=False)
    return attributions_of(stored, schema, pool, predictions, np.sort(drawn))


@dataclass(frozen=True)
class PlantedDrift:
    """Drift of a feature or a channel, to demonstrate, in the second half of the stream.

    shift : by so many standard deviations of the training part; None deals its values out anew
    among the cases, so that each stays as frequent and goes with other values of the rest.
    """

    name: str
    shift: float | None

    @classmethod
    def of(cls, text: str) -> PlantedDrift:
        """From `NAME=SHIFT` or `NAME=shuffled`.

        Raises ConfigError: it is none.
        """
        name, _, shift = text.rpartition("=")
        try:
            return cls(name.strip(), None if shift == "shuffled" else float(shift))
        except ValueError:
            raise ConfigError(
                f"--plant {text}: not NAME=SHIFT, such as income=0.5 or income=shuffled; SHIFT "
                "counts standard deviations of the training part"
            ) from None

    def into(self, inputs: Floats, columns: Ints, train: Floats, seed: int) -> Floats:
        """(row, column) inputs with the drift; columns : (column,) in which it is."""
        half, changed = len(inputs) // 2, inputs.copy()
        if self.shift is None:
            late = changed[half:]
            order = np.random.default_rng([seed, 1]).permutation(len(late))
            late[:, columns] = late[order][:, columns]
        else:
            changed[half:, columns] += self.shift * np.nanstd(train[:, columns])
        return changed


def replayed(stored: StoredModel, planted: PlantedDrift | None) -> Iterator[bytes]:
    """The test part as lines of a stream, in random order, with drift where it is planted.

    Raises ConfigError: no numeric feature or channel has the name of the planted drift.
    """
    dataset = stored.dataset
    schema, test = dataset.schema, dataset.test
    inputs = test.inputs[np.random.default_rng(stored.experiment.seeds.data).permutation(len(test))]
    if planted is not None:
        columns = kind_of(schema).columns_called(planted.name)
        if planted.shift is not None:
            numeric = [schema.features[column].is_numeric for column in columns]
            columns = columns[np.array(numeric, dtype=bool)]
        if not len(columns):
            shuffled = planted.shift is None
            names = [f.name for f in schema.features if shuffled or f.is_numeric]
            raise ConfigError(
                f"--plant {planted.name}: no {'' if shuffled else 'numeric '}feature or channel is "
                f"called so; there are {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"
            )
        seed = stored.experiment.seeds.data
        inputs = planted.into(inputs, columns, dataset.train.inputs, seed)
    yield f"{header_of(schema)}\n".encode()
    for row in inputs:
        yield f"{line_of(row, schema)}\n".encode()
