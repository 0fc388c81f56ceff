"""`deepseek-report key new NAME`: a key of one's own to sign with."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.cli.output.console import printable
from deepseek_report.cli.parsing import make_parser


def command(arguments: list[str]) -> int:
    """Make an Ed25519 key and print where its halves lie."""
    parser = make_parser("key")
    parser.add_argument("action", choices=["new"], help="make a key")
    parser.add_argument("name", metavar="NAME", help="what the key is called, such as ada")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where; else keys/ of your configuration folder"
    )
    options = parser.parse_args(arguments)
    from deepseek_report.extensions.assurance.signatures import keys_folder, new_key

    private, public = new_key(options.name, options.out or keys_folder())
    print(f"private key, for you alone: {printable(private)}")
    print(f"public key, to hand on: {printable(public)}")
    return 0
