"""What `check` says of the time that a plan takes: scaled from what ran before, and a range."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.config.experiment import Experiment
from deepseek_report.metrics.explanations.stability import MaxSensitivity, ParameterRandomisation
from deepseek_report.runner.planning.cost import (
    TRAINING_ROW,
    Past,
    PastTimes,
    Span,
    cost_left,
    cost_of,
    memory_of,
    row_by_training,
    span_of,
)
from deepseek_report.runner.planning.forecast import forecast, seconds_of_a_row
from deepseek_report.runner.planning.plan import Stage, make_plan
from deepseek_report.runner.planning.work import Size, Work, size_of, work_of
from deepseek_report.store import Store
from deepseek_report.training.trainer import GradientTrainer
from tests.builders import table
from tests.configured import experiment_of


def past(root: Path, stage: str, seconds: Any, memory: Any = None, **work: Any) -> None:
    folder = root / stage / f"{len(list(root.rglob('*'))):032x}"
    folder.mkdir(parents=True)
    peak = {} if memory is None else {"peak_memory": memory}
    facts = {"seconds": seconds, "work": work, **peak}
    (folder / "manifest.json").write_text(json.dumps(facts))


def size_with(rows: int) -> Size:
    """The size of a table of so many rows of 38 numbers, with two classes."""
    schema = table(*(f"x{i}" for i in range(38)))
    return Size(schema, rows * 3 // 5, rows // 5, rows // 5)


SHAP = Stage("explanations/shap", "k")


def test_a_stage_that_ran_here_is_expected_to_take_as_long_again(tmp_path: Path) -> None:
    past(tmp_path, SHAP.id, 10.0, units=1000, like="a")
    span = span_of(SHAP, Work(1000, "a"), PastTimes(tmp_path), None)
    assert span.basis == "measured"
    assert span.expected == pytest.approx(10.0)
    assert span.low < 10.0 < span.high < 15.0


def test_the_time_grows_with_the_work_and_so_does_the_range(tmp_path: Path) -> None:
    past(tmp_path, SHAP.id, 10.0, units=1000, like="a")
    times = PastTimes(tmp_path)
    span = span_of(SHAP, Work(4000, "a"), times, None)
    assert 20.0 < span.expected < 40.0
    assert span.low < 20.0
    assert span.high > 40.0
    less = span_of(SHAP, Work(250, "a"), times, None)
    assert 2.5 < less.expected < 5.0


def test_of_several_times_the_one_with_the_nearest_work_counts(tmp_path: Path) -> None:
    for units in (10, 1000):
        past(tmp_path, SHAP.id, units / 10, units=units, like="a")
    assert span_of(SHAP, Work(900, "a"), PastTimes(tmp_path), None).expected > 80


def test_another_model_gives_a_wider_range_than_the_same(tmp_path: Path) -> None:
    past(tmp_path, SHAP.id, 10.0, units=1000, like="a")
    times = PastTimes(tmp_path)
    same, other = (span_of(SHAP, Work(1000, like), times, None) for like in ("a", "b"))
    assert other.basis == "similar"
    assert other.high / other.low > 2 * same.high / same.low


def test_a_measure_of_a_new_explainer_is_judged_by_that_of_another(tmp_path: Path) -> None:
    past(tmp_path, "measures/deletion/lime", 2.0, units=100, like="a")
    stage = Stage("measures/deletion/mine", "k")
    assert span_of(stage, Work(100, "b"), PastTimes(tmp_path), None).basis == "similar"


def test_what_never_ran_is_judged_by_the_time_of_a_row_or_else_by_what_is_usual(
    tmp_path: Path,
) -> None:
    times = PastTimes(tmp_path)
    timed = span_of(SHAP, Work(100_000, "a"), times, 0.001)
    assert timed.basis == "timed"
    assert timed.low < 100 < timed.high
    assert span_of(SHAP, Work(100_000, "a"), times, None).basis == "typical"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"seconds": "x"}', '{"seconds": NaN}', '{"seconds": 1, "work": 3}']
)
def test_a_damaged_manifest_tells_no_time(content: str, tmp_path: Path) -> None:
    folder = tmp_path / SHAP.id / ("a" * 32)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(content)
    assert PastTimes(tmp_path).of(SHAP.id) == []


def test_only_a_long_training_tells_the_time_of_a_row() -> None:
    short, long = Past(2.0, Work(1000, "a")), Past(30.0, Work(10_000, "a"))
    assert row_by_training([short], "a") is None
    assert row_by_training([short, long], "a") == pytest.approx(0.003 / TRAINING_ROW)
    assert row_by_training([long], "b") is None


def test_the_work_of_a_training_is_that_of_its_epochs() -> None:
    trainer = GradientTrainer(max_epochs=4, min_steps=0, batch_size=100)
    assert trainer.planned_rows(1000) == 4000
    assert GradientTrainer(min_steps=50, batch_size=100, max_rows=500).planned_rows(1000) == 5000


def test_metrics_that_explain_again_say_how_often() -> None:
    assert MaxSensitivity(instances=8, perturbations=4).explained_again(200) == 40
    assert MaxSensitivity(instances=8, perturbations=4).explained_again(5) == 25
    assert ParameterRandomisation(instances=16, draws=2).explained_again(200) == 32


@pytest.fixture(scope="module")
def experiment(small_run: Any) -> Experiment:
    return experiment_of(*small_run.overrides(Path("unused")))


@pytest.fixture(scope="module")
def size(small_run: Any, experiment: Experiment) -> Size:
    folder = make_plan(experiment)[0].folder(Store(small_run.store))
    assert folder is not None
    return size_of(folder)


def test_every_finished_stage_keeps_its_work(
    small_run: Any, experiment: Experiment, size: Size
) -> None:
    store = Store(small_run.store)
    for stage in make_plan(experiment):
        if (stage.folder(store)) is not None:
            facts = store.manifest(stage.id, stage.key).facts
            if "refused" not in facts:
                assert facts["work"] == vars(work_of(experiment, stage, size))


def test_more_explained_instances_cost_more_and_stay_comparable(
    experiment: Experiment, small_run: Any, size: Size
) -> None:
    few = [*small_run.overrides(Path("unused")), "explain.instances=10"]
    less = experiment_of(*few)
    for stage in make_plan(experiment):
        now, then = (work_of(configured, stage, size) for configured in (experiment, less))
        assert now.like == then.like
        assert now.units >= then.units
    assert work_of(experiment, SHAP, size).units > 1.5 * work_of(less, SHAP, size).units


def test_the_time_of_a_plan_counts_what_runs_at_the_same_time(
    experiment: Experiment, tmp_path: Path, size: Size
) -> None:
    for name in ("shap", "lime"):
        past(tmp_path, f"explanations/{name}", 100.0)
    past(tmp_path, "training", 50.0)
    stages = [stage for stage in make_plan(experiment) if stage.id in {"training", SHAP.id}]
    cost = cost_of(experiment, stages, PastTimes(tmp_path), size)
    assert cost.total.expected == pytest.approx(50 + 100 + cost.stages["report"].expected, rel=0.05)
    assert cost.total.low < cost.total.expected < cost.total.high


def test_a_plugin_that_cannot_foretell_its_work_stops_nothing(
    experiment: Experiment, tmp_path: Path
) -> None:
    cost = cost_left(experiment, [SHAP], Store(tmp_path), tmp_path / "no data here")
    assert set(cost.stages) == {SHAP.id, "report"}


def test_a_model_is_timed_in_about_a_second_and_an_estimator_is_not(
    small_run: Any, experiment: Experiment
) -> None:
    from deepseek_report.artifacts.split import Dataset

    folder = make_plan(experiment)[0].folder(Store(small_run.store))
    assert folder is not None
    dataset = Dataset.load(folder)
    started = time.perf_counter()
    row = seconds_of_a_row(experiment, dataset, "cpu")
    assert time.perf_counter() - started < 5  # with a machine that has other work
    assert row is not None
    assert 0 < row < 0.1
    fitted = experiment_of(*small_run.overrides(Path("unused")), "model=sklearn")
    assert seconds_of_a_row(fitted, dataset, "cpu") is None


def test_a_stored_plan_costs_nothing_and_is_not_timed(
    small_run: Any, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("a stored plan needs no timing")

    monkeypatch.setattr("deepseek_report.runner.planning.forecast.seconds_of_a_row", never)
    plan = forecast(experiment)
    assert plan.cost.stages == {}
    assert plan.cost.total == Span(0, 0, 0)


@pytest.mark.parametrize(
    ("question", "answered"), [("background", True), ("baseline", True), ("conditional", False)]
)
def test_the_plan_says_whether_an_explanation_answers_the_question(
    small_run: Any, question: str, answered: bool
) -> None:
    chosen = ["explainers=[shap,lime,random]", f"explain.question={question}"]
    plan = forecast(experiment_of(*small_run.overrides(Path("unused")), *chosen))
    assert plan.answered == answered


# --- memory ---------------------------------------------------------------------------------------


def test_the_largest_peak_of_the_same_stages_is_what_a_process_will_take(tmp_path: Path) -> None:
    lime = Stage("explanations/lime", "k")
    past(tmp_path, SHAP.id, 1.0, 600.0, units=1000, like="a")
    past(tmp_path, lime.id, 1.0, 500.0, units=1000, like="a")
    span = memory_of({SHAP: Work(1000, "a"), lime: Work(1000, "a")}, PastTimes(tmp_path), None)
    assert (span.basis, span.expected) == ("measured", 600.0)
    assert span.low < 600.0 < span.high < 800.0


@pytest.mark.parametrize("work", [Work(1000, "b"), Work(9000, "a"), None])
def test_memory_of_other_work_or_another_model_is_a_wider_guess(
    tmp_path: Path, work: Work | None
) -> None:
    past(tmp_path, SHAP.id, 1.0, 600.0, units=1000, like="a")
    span = memory_of({SHAP: work}, PastTimes(tmp_path), None)
    assert span.basis == "similar"
    assert span.high / span.low > 3


@pytest.mark.parametrize("mib", [0, -5, "much", float("nan"), [1]])
def test_where_no_peak_is_known_memory_is_a_usual_value(tmp_path: Path, mib: Any) -> None:
    past(tmp_path, SHAP.id, 1.0, mib, units=1000, like="a")
    span = memory_of({SHAP: Work(1000, "a")}, PastTimes(tmp_path), None)
    assert span.basis == "typical"
    assert span.low < span.expected < span.high


@pytest.mark.parametrize(("rows", "seen"), [(50_000, 509), (200_000, 843)])
def test_memory_of_a_table_is_foretold_within_30_percent_of_what_was_measured(
    rows: int, seen: float, tmp_path: Path
) -> None:
    span = memory_of({}, PastTimes(tmp_path), size_with(rows))
    assert span.expected == pytest.approx(seen, rel=0.3)
    assert span.low < seen < span.high


def test_a_larger_table_is_foretold_more_than_a_smaller_one_took(tmp_path: Path) -> None:
    past(tmp_path, SHAP.id, 1.0, 500.0, units=10, like="a")
    span = memory_of({SHAP: Work(1000, "a")}, PastTimes(tmp_path), size_with(10**6))
    assert (span.basis, span.expected > 1500) == ("similar", True)
