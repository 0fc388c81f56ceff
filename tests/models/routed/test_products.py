from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from deepseek_report.models.routed.experts import product


@pytest.mark.parametrize("shape", [(5, 3, 2), (2, 3, 5), (4, 3, 4), (3, 1, 5), (5, 1, 1)])
def test_a_product_and_its_derivatives_are_those_of_torch(shape):
    n, k, m = shape
    torch.manual_seed(0)
    left = torch.randn(2, n, k, dtype=torch.float64, requires_grad=True)
    right = torch.randn(2, k, m, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(product(left, right), left @ right)
    with torch.no_grad():
        torch.testing.assert_close(product(left, right), left @ right)
    assert gradcheck(product, (left, right))
    assert gradgradcheck(product, (left, right))
