"""Many machines: launchers that send stages to others, stages that they share, runs in MLflow.

What is computed, and under which name it is stored, hangs on none of it.
"""

from pathlib import Path

from deepseek_report.extension import Command, Extension

EXTENSION = Extension(
    folder=Path(__file__).parent,
    commands={
        "track": Command(
            "RUN… [--uri URI]",
            "finished runs in MLflow",
            f"{__name__}.track_command",
            ("--uri", "--help"),
            {"--uri": ()},
            of_runs=True,
        )
    },
    services={
        "DEEPSEEK_REPORT_REMOTE_STORE": f"{__name__}.shared_store",
        "--remote": f"{__name__}.clean_command",
        "DEEPSEEK_REPORT_MLFLOW": f"{__name__}.track_command",
        "mlflow:": f"{__name__}.tracking",
    },
    doctor=f"{__name__}.machine",
)
