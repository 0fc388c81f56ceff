"""`deepseek-report serve`: the page of a run, answered by its stored model on this machine."""

from __future__ import annotations

from deepseek_report.cli.parsing import add_store, add_trust, asked_model, run_parser
from deepseek_report.extensions.live.board import port_number


def command(arguments: list[str]) -> int:
    """Print the address of the page and answer until the person stops the command."""
    parser = run_parser("serve")
    add_store(parser)
    parser.add_argument(
        "--port", type=port_number, default=0, help="of the page (default: a free one)"
    )
    add_trust(parser, types=True)
    options = parser.parse_args(arguments)
    from deepseek_report.cli.output.console import say
    from deepseek_report.errors import ArtifactError
    from deepseek_report.extensions.live.live_server import serve_run
    from deepseek_report.runner.execution.given_rows import ModelRequest

    with serve_run(ModelRequest(*asked_model(options)), options.port) as server:
        if isinstance(server.companion.model, ArtifactError):
            say(f"note: no model answers what-if: {server.companion.model}")
        say(server.address)
        say("for this machine alone; it answers until you stop this command (Ctrl-C)")
        try:
            server.wait()
        except KeyboardInterrupt:
            say("stopped")
    return 0
