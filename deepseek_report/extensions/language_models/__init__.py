"""Language models, asked which token follows, and chains of thought that one wrote elsewhere."""

from pathlib import Path

from deepseek_report.extension import Extension

_OF_FINDINGS = ("continuation", "hint_acknowledgement", "prompt_pairs")
EXTENSION = Extension(
    folder=Path(__file__).parent,
    services={"prompts": f"{__name__}.chains"},
    findings={f"{__name__}.language_findings": _OF_FINDINGS},
    parts=(f"{__name__}.language_section", f"{__name__}.language_pictures"),
)
