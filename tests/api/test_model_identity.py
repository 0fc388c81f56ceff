"""What was computed for one given model is not found again for another that answers like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.api.given_models import identity_of, object_digest
from tests.api.conftest import Report
from tests.worded import printed

_NUMBERS = np.random.default_rng(0).normal(size=(60, 3))
_CODES = (_NUMBERS[:, 0] > 0).astype(int)


def fitted(seed: int = 0) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    forest = RandomForestClassifier(3, random_state=seed)
    return make_pipeline(FunctionTransformer(np.tanh), forest).fit(_NUMBERS, _CODES)


def network(constant: float = 1.0) -> Any:
    """A module of an own class, whose forward reads a value from around it."""
    import torch

    class Scaled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 2)
            self.register_buffer("shift", torch.zeros(2), persistent=False)

        def forward(self, x: Any) -> Any:
            return self.layer(x) * constant + self.shift

    torch.manual_seed(0)
    return Scaled()


def test_functions_that_agree_on_whole_numbers_alone_do_not_get_the_effects_of_each_other(
    report: Report,
) -> None:
    random = np.random.default_rng(2)
    X = pd.DataFrame(random.integers(0, 100, size=(120, 2)), columns=["a", "b"])
    y = np.where(X["a"] + 20 * random.normal(size=120) > 50, "yes", "no")

    def plain(table: Any) -> Any:
        return 0.1 + 0.008 * table["a"]

    def forged(table: Any) -> Any:
        whole = np.round(table["a"])
        return np.where(np.isclose(table["a"], whole), plain(table), 0.9 - 0.008 * table["a"])

    options = {"explainers": ["lime", "random"], "title": "Twins"}
    first = report(lambda table: np.clip(plain(table), 0, 1), X, y, **options)
    second = report(lambda table: np.clip(forged(table), 0, 1), X, y, **options)
    assert first.results.predictions.probabilities == pytest.approx(
        second.results.predictions.probabilities
    )
    assert first.path != second.path
    keys = [
        {stage["id"]: stage["key"] for stage in run.record["stages"]} for run in (first, second)
    ]
    assert [name for name in keys[0] if keys[0][name] == keys[1][name]] == ["data"]


def sign(run: Any, column: int) -> float:
    """How what LIME attributes to a column goes along with its values, from -1 to 1."""
    explanation = run.explanations["lime"]
    return float(np.corrcoef(explanation.inputs[:, column], explanation.values[:, column])[0, 1])


def test_a_function_that_answers_every_probe_alike_is_asked_anew_all_the_same(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    """Five times it is asked for its answers alone: a forged one behaves until then."""

    def model(table: pd.DataFrame) -> Any:
        return 1 / (1 + np.exp(0.1 * (table["income"] - 50)))

    questions: list[int] = []

    def forged(table: pd.DataFrame) -> Any:
        questions.append(len(table))
        return model(table) if len(questions) <= 4 else 1 - model(table)

    options = {"explainers": ["lime", "random"], "seed": 3}
    first = report(model, numbers, labels, **options)
    second = report(forged, numbers, labels, **options)
    assert len(questions) > 4
    assert second.path != first.path
    assert sign(first, 1) * sign(second, 1) < -0.5  # what raises the first lowers the second


def test_a_function_is_itself_in_this_process_alone() -> None:
    def model(table: Any) -> Any:
        return table

    twin = type(model)(model.__code__, model.__globals__)
    assert identity_of(model) == identity_of(model)
    assert identity_of(model) != identity_of(twin)
    assert identity_of(fitted().predict_proba) != identity_of(fitted().predict_proba)
    program = "from deepseek_report.api.given_models import identity_of; print(identity_of(print))"
    text = printed(program)
    assert text
    assert text != identity_of(print)


def test_a_method_of_one_object_is_one_function() -> None:
    model = fitted()
    assert identity_of(model.predict_proba) == identity_of(model.predict_proba)


def test_a_module_behind_an_encoder_is_known_in_this_process_alone() -> None:
    module = network()
    assert identity_of(module).startswith("state ")
    assert identity_of(module, encoder=np.asarray).startswith("process ")


def test_equal_estimators_are_one_and_others_are_not() -> None:
    assert object_digest(fitted()) == object_digest(fitted())
    assert object_digest(fitted()) != object_digest(fitted(1))
    changed = fitted()
    changed[0].set_params(func=np.sin)
    assert object_digest(changed) != object_digest(fitted())


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_equal_boosters_are_one_and_others_are_not(library: str) -> None:
    package = pytest.importorskip(library)
    name = {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier"}[library]

    def booster(rounds: int) -> Any:
        options = {"verbose": -1} if library == "lightgbm" else {}
        model = getattr(package, name)(n_estimators=rounds, random_state=0, **options)
        return model.fit(_NUMBERS, _CODES)

    digests = [object_digest(booster(rounds)) for rounds in (2, 2, 3)]
    assert digests[0] == digests[1]
    assert None not in digests
    assert digests[0] != digests[2]


def test_asking_a_model_does_not_change_what_it_is() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    module, neighbours = network(), KNeighborsClassifier().fit(_NUMBERS, _CODES)
    before = [object_digest(model) for model in (module, neighbours)]
    module.eval()
    neighbours.predict(_NUMBERS)
    assert [object_digest(model) for model in (module, neighbours)] == before
    assert None not in before


def test_a_module_is_its_parameters_its_buffers_its_code_and_what_that_reads() -> None:
    import torch

    digests = [object_digest(network()), object_digest(network(2.0))]
    for change in ("layer.weight", "shift"):
        module = network()
        with torch.no_grad():
            dict([*module.named_parameters(), *module.named_buffers()])[change].add_(1)
        digests.append(object_digest(module))
    hooked = network()
    hooked.register_forward_hook(lambda module, inputs, answer: -answer)
    digests.append(object_digest(hooked))
    assert object_digest(network()) == digests[0]
    assert None not in digests
    assert len(set(digests)) == len(digests)


def test_what_reads_something_elsewhere_has_no_hash(tmp_path: Path) -> None:
    import torch

    class Reads(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * float((tmp_path / "scale").read_text())

    class Opens(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * float(open("scale").read())  # noqa: PTH123

    class Imports(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            import random

            return x * random.random()

    assert [object_digest(kind()) for kind in (Reads, Opens, Imports)] == [None] * 3
    assert identity_of(Reads()).startswith("process ")


def test_no_method_of_a_persons_own_class_is_called_for_its_hash() -> None:
    from sklearn.base import BaseEstimator

    class Own(BaseEstimator):
        def __getstate__(self) -> Any:
            raise AssertionError

        def __reduce_ex__(self, protocol: Any) -> Any:
            raise AssertionError

    assert object_digest(Own())


def test_rows_differ_by_the_order_of_their_categories() -> None:
    from deepseek_report.api.rows import digest_of

    def frame(order: list[str], *, ordered: bool = False) -> pd.DataFrame:
        return pd.DataFrame({"size": pd.Categorical(["s", "m"], order, ordered=ordered)})

    frames = [frame(["s", "m"]), frame(["m", "s"]), frame(["s", "m"], ordered=True)]
    assert len({digest_of(table) for table in frames}) == 3


def test_small_numbers_are_not_rounded_into_each_other() -> None:
    from deepseek_report.api.rows import digest_of_array, digest_of_numbers

    small = np.array([1e-13, 2e-13])
    for digest in (digest_of_array, digest_of_numbers):
        assert digest(small) != digest(small[::-1].copy())
    assert digest_of_numbers(0.1 + 0.2) == digest_of_numbers(0.3)
