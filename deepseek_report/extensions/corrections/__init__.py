"""What people say is wrong with a model, a model that keeps to it, and what became of that."""

from pathlib import Path

from deepseek_report.extension import Extension

EXTENSION = Extension(
    folder=Path(__file__).parent,
    blocks=(f"{__name__}.corrections_block",),
    services={"correction lines": f"{__name__}.correction_findings"},
    findings={f"{__name__}.correction_findings": ("corrections",)},
    case_marks=f"{__name__}.correction_marks",
    parts=(f"{__name__}.corrections_section",),
)
