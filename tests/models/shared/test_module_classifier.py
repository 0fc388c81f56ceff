from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.special import logsumexp

from deepseek_report.errors import ArtifactError
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.models.shared.loading import load_classifier
from deepseek_report.models.shared.module_classifier import rows_of_batch

SMALL = DeepSeek(width=16, heads=2, experts=4, expert_width=8, bins=4)


@pytest.fixture
def classifier(schema, train):
    return SMALL.wrap(SMALL.build(schema, train, 3), schema, "cpu")


def test_probabilities_sum_to_one_and_log_odds_are_their_log_odds(classifier, train):
    shares = classifier.probabilities(train.inputs)
    np.testing.assert_allclose(shares.sum(1), 1.0)
    expected = np.log(shares[:, 2] / (1 - shares[:, 2]))
    np.testing.assert_allclose(classifier.log_odds(train.inputs, 2), expected, atol=1e-9)


def test_log_odds_stay_finite_where_the_probability_rounds_to_one(classifier, train):
    with torch.no_grad():
        classifier.module.output.linear.bias.copy_(torch.tensor([0.0, 0.0, 500.0]))
    odds = classifier.log_odds(train.inputs[:5], 2)
    logits = classifier.logits(train.inputs[:5])
    assert np.isfinite(odds).all()
    np.testing.assert_allclose(odds, logits[:, 2] - logsumexp(logits[:, :2], axis=1))


def test_batches_give_what_one_row_at_a_time_gives(classifier, train):
    rows = np.resize(train.inputs, (700, train.inputs.shape[1]))
    single = np.concatenate([classifier.logits(row[None]) for row in rows[-9:]])
    np.testing.assert_allclose(classifier.logits(rows)[-9:], single, atol=1e-5)


def test_narrow_rows_are_taken_by_more_and_wide_ones_by_fewer() -> None:
    sizes = [rows_of_batch(columns) for columns in (0, 23, 32, 50, 100, 1000, 2000, 10**6)]
    assert sizes == [512, 512, 512, 327, 256, 256, 131, 1]


def test_calls_count_the_rows(classifier, train):
    classifier.logits(train.inputs[:7])
    classifier.probabilities(train.inputs[:3])
    assert classifier.calls == 10
    assert classifier.logits(train.inputs[:0]).shape == (0, 3)


def test_a_randomised_copy_has_other_weights_and_the_same_statistics(classifier, train):
    copy, again = classifier.randomised(5), classifier.randomised(5)
    assert not np.allclose(copy.logits(train.inputs), classifier.logits(train.inputs))
    np.testing.assert_array_equal(copy.logits(train.inputs), again.logits(train.inputs))
    for (name, old), (_, new) in zip(
        classifier.module.named_parameters(), copy.module.named_parameters(), strict=True
    ):
        trivial = torch.equal(new, torch.zeros_like(new)) or torch.equal(new, torch.ones_like(new))
        assert trivial or not torch.equal(old, new), name
    for old, new in zip(classifier.module.buffers(), copy.module.buffers(), strict=True):
        assert torch.equal(old, new)


def test_a_stored_model_predicts_as_before(classifier, schema, train, tmp_path):
    save_file(classifier.module.state_dict(), tmp_path / "weights.safetensors")
    loaded = load_classifier(SMALL, schema, train, tmp_path)
    np.testing.assert_array_equal(loaded.logits(train.inputs), classifier.logits(train.inputs))


def test_weights_hold_the_statistics_so_other_training_rows_change_nothing(
    classifier, schema, train, tmp_path
):
    save_file(classifier.module.state_dict(), tmp_path / "weights.safetensors")
    loaded = load_classifier(SMALL, schema, train.take(np.arange(50)), tmp_path)
    np.testing.assert_array_equal(loaded.logits(train.inputs), classifier.logits(train.inputs))


def test_weights_of_another_architecture_are_refused_by_name(classifier, schema, train, tmp_path):
    with pytest.raises(ArtifactError, match="are missing; train"):
        load_classifier(SMALL, schema, train, tmp_path)
    save_file(classifier.module.state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(ArtifactError, match=r"do not fit the configured model: \d+ missing"):
        load_classifier(MLP(), schema, train, tmp_path)
    with pytest.raises(ArtifactError, match="of another shape"):
        load_classifier(DeepSeek(width=32, heads=2), schema, train, tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ArtifactError, match="not a readable safetensors file"):
        load_classifier(SMALL, schema, train, tmp_path)


def test_capabilities_name_what_the_model_hands_out(classifier):
    assert MLP.capabilities == {"module", "gradients"}
    assert classifier.capabilities == MLP.capabilities | {"attention", "routing", "experts"}
