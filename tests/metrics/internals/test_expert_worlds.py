"""The small form of `benchmarks/worlds/experts.py`: drawn models whose needed experts are known."""

from __future__ import annotations

from worlds.experts import audited


def test_needed_experts_are_told_from_spare_ones_that_are_busier() -> None:
    experts = [expert for seed in (100, 101) for expert in audited(600, seed)]
    spare = [expert for expert in experts if expert.effect < 0.001]
    needed = [expert for expert in experts if expert.effect >= 0.1]
    assert {expert.verdict for expert in spare} == {"spare"}
    assert {expert.verdict for expert in needed} == {"needed"}
    assert len(spare) >= 8
    assert max(expert.load for expert in spare) > max(expert.load for expert in needed)
