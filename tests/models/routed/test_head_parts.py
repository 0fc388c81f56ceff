from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from deepseek_report.models.routed.branched_attention import split_heads


@pytest.mark.parametrize(("kinds", "heads"), [(3, 2), (2, 4), (1, 1)])
def test_each_head_gets_its_part_of_each_kind_and_derivatives_go_back_there(kinds, heads):
    torch.manual_seed(0)
    projected = torch.randn(2, 3, kinds * heads * 2, dtype=torch.float64, requires_grad=True)
    parts = split_heads(projected, kinds, heads)
    assert len(parts) == kinds
    by_head = projected.view(2, 3, kinds, heads, 2)
    for kind, part in enumerate(parts):
        for row in range(2):
            for head in range(heads):
                expected = by_head[row, :, kind, head]
                torch.testing.assert_close(part[row * heads + head], expected)
    with torch.no_grad():
        for part, again in zip(parts, split_heads(projected, kinds, heads), strict=True):
            torch.testing.assert_close(part, again)
    assert gradcheck(lambda rows: split_heads(rows, kinds, heads), projected)
    assert gradgradcheck(lambda rows: split_heads(rows, kinds, heads), projected)
