"""What others can hold a run to: seals, signatures, policies, packs, and making it again.

Before any result exists a seal fixes what it will be judged by; a policy says which decisions it
needs; keys sign its files. `verify` says what of all this is proved, `pack` hands a run on whole,
and `reproduce` makes it again. The files that lie beside a config, a policy and a seal, become part
of the run.
"""

from pathlib import Path

from deepseek_report.extension import Command, Extension

EXTENSION = Extension(
    folder=Path(__file__).parent,
    commands={
        "verify": Command(
            "RUN|PACK [--keys DIR] [--policy FILE]",
            "what is proved, by whom, and what is not",
            f"{__name__}.verify_command",
            ("--expect", "--keys", "--policy", "--previous", "--trust", "--help"),
            of_runs=True,
        ),
        "key": Command(
            "new NAME [--out DIR]",
            "a key of your own to sign with",
            f"{__name__}.key_command",
            ("--out", "--help"),
        ),
        "sign": Command(
            "RUN [--decision FILE] --key K",
            "a signature over every file, and decisions",
            f"{__name__}.sign_command",
            ("--decision", "--all", "--key", "--help"),
            of_runs=True,
        ),
        "pack": Command(
            "RUN [--previous PACK]",
            "the run as one zip, and what changed",
            f"{__name__}.pack_command",
            ("--previous", "--out", "--help"),
            of_runs=True,
        ),
        "reproduce": Command(
            "RUN [--env] [--dry-run]",
            "make it again: is it the same, and what moved?",
            f"{__name__}.reproduce_command",
            (
                *("--store", "--output", "--jobs", "--env", "--package", "--dry-run"),
                *("--trust", "--trust-type", "--help"),
            ),
            of_runs=True,
        ),
    },
    services={"--seal": f"{__name__}.seal_command", "verify": f"{__name__}.verifying"},
    beside_config=f"{__name__}.policy_and_seal",
)
