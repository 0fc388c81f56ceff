"""What a person declares of causes: contradictions in data, effects, and gaps by path.

`graph` says what may be computed, `cross_fitting` predicts from what must be held alike, `effects`
and `gap_by_path` estimate, `independence` tests what the graph claims, `sensitivity` says how far
an effect can be trusted. Who asks for an effect that cannot be answered gets a `CausalRefusal` with
the reason. Values of weighted rows are those of the rows themselves: weights are not used.
"""

from pathlib import Path

from deepseek_report.extension import Extension

EXTENSION = Extension(
    folder=Path(__file__).parent,
    blocks=(f"{__name__}.causes_block",),
    services={
        "causal": f"{__name__}.declared_causes",
        "consequences": f"{__name__}.graph_consequences",
    },
    findings={f"{__name__}.cause_findings": ("causal_claims", "causal_effects", "causal_gaps")},
    parts=(f"{__name__}.causes_section", f"{__name__}.causal_graph"),
)
