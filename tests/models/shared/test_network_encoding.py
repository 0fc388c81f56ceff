from __future__ import annotations

import numpy as np
import pytest
import torch

from deepseek_report.models.shared.network_encoding import FeatureEncoder


@pytest.fixture
def encoder(schema, train):
    return FeatureEncoder(schema, train, bins=8)


def _row(**values: float) -> torch.Tensor:
    names = ("amount", "late", "age", "region", "constant")
    typical = dict(zip(names, (100.0, 1.0, 40.0, 2.0, 3.0), strict=True))
    return torch.tensor([list((typical | values).values())])


def test_the_standardised_value_has_mean_zero_and_deviation_one_in_training(encoder, train):
    _, standard, missing = encoder.numbers(torch.tensor(train.inputs, dtype=torch.float32))
    present_values = standard[:, 0][missing[:, 0] == 0]
    assert present_values.mean().abs() < 1e-4
    assert present_values.std(correction=0) == pytest.approx(1.0, abs=1e-3)


def test_shares_agree_with_numpy_interpolation_of_the_quantiles(encoder, train):
    ages = train.inputs[:, 2]
    z = np.arcsinh((ages - np.median(ages)) / (np.subtract(*np.quantile(ages, [0.75, 0.25])) / 2))
    cuts = np.quantile(z, np.linspace(0, 1, 9))
    shares, _, _ = encoder.numbers(torch.tensor(train.inputs, dtype=torch.float32))
    np.testing.assert_allclose(
        shares[:, 1].sum(-1).numpy(), np.interp(z, cuts, np.arange(9)), atol=2e-3
    )


def test_every_quantile_bin_holds_about_as_many_rows(encoder, train):
    shares, _, _ = encoder.numbers(torch.tensor(train.inputs, dtype=torch.float32))
    bins = shares[:, 1].sum(-1).floor().clamp(max=7).long()
    assert torch.bincount(bins).max() <= 1.2 * len(bins) / 8


def test_values_beyond_the_training_range_change_nothing_more(encoder, train):
    top = float(np.nanmax(train.inputs[:, 0]))
    shares, standard, _ = encoder.numbers(torch.cat([_row(amount=top), _row(amount=100 * top)]))
    torch.testing.assert_close(shares[0, 0], torch.ones(8))
    torch.testing.assert_close(shares[0], shares[1])
    torch.testing.assert_close(standard[0], standard[1])


def test_a_missing_number_takes_the_median_and_raises_its_flag(encoder, train):
    median = float(np.nanmedian(train.inputs[:, 0]))
    shares, _, missing = encoder.numbers(torch.cat([_row(amount=np.nan), _row(amount=median)]))
    assert torch.allclose(shares[0], shares[1])
    assert missing.tolist() == [[1, 0, 0], [0, 0, 0]]


def test_a_constant_feature_encodes_to_finite_numbers(encoder):
    shares, standard, _ = encoder.numbers(_row(constant=3.0))
    assert torch.isfinite(shares).all()
    assert standard[0, 2] == 0


def test_codes_of_known_unseen_impossible_and_missing_categories(encoder):
    rows = [_row(region=r) for r in (2.0, 4.0, 9.0, -1.0, np.nan)]
    codes = encoder.codes(torch.cat(rows))[:, 1].tolist()
    first = 4 + 2
    assert codes == [first + 2, first + 5, first + 5, first + 5, first + 6]


def test_a_fractional_position_takes_the_nearest_category(encoder):
    assert torch.equal(encoder.codes(_row(late=1.4)), encoder.codes(_row(late=1.0)))


def test_row_features_name_the_feature_of_every_table_row(encoder):
    assert encoder.row_features == [1] * 6 + [3] * 7
    assert encoder.table_rows == 13


def test_statistics_are_buffers_and_not_parameters(encoder):
    assert not list(encoder.parameters())
    assert {"medians", "spreads", "edges", "rows"} <= encoder.state_dict().keys()
