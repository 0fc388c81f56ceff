"""What of a finished run leaves the house in a format of others: a bill, cards, letters.

An export reads a run folder, in which `privacy` has left what may be told, and computes nothing.
"""

from pathlib import Path

from deepseek_report.extension import Command, Extension

EXTENSION = Extension(
    folder=Path(__file__).parent,
    commands={
        "export": Command(
            "RUN --to bom,model-card,docx",
            "a bill of materials, a model card, your template",
            f"{__name__}.export_command",
            ("--to", "--template", "--out", "--help"),
            {"--to": ("bom", "model-card", "docx"), "--template": ("development", "validation")},
            of_runs=True,
        )
    },
    services={"export": f"{__name__}.exporting", "--letter": f"{__name__}.letter_command"},
)
