"""`deepseek-report serve`: the page of a run, answered by its stored model on this machine."""

from __future__ import annotations

from deepseek_report.cli.parsing import add_store, add_trust, asked_model, port_number, run_parser


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
    from deepseek_report.runner.companion import Companion
    from deepseek_report.runner.execution.given_rows import ModelRequest
    from deepseek_report.runner.live_server import serve
    from deepseek_report.runner.run_folders.open_run import reading

    request = ModelRequest(*asked_model(options))
    with reading(options.run):
        companion = Companion.of(request)
        companion.page()
        companion.warm()
    if isinstance(companion.model, ArtifactError):
        say(f"note: no model answers what-if: {companion.model}")
    with serve(companion, options.port) as server:
        say(server.address)
        say("for this machine alone; it answers until you stop this command (Ctrl-C)")
        try:
            server.wait()
        except KeyboardInterrupt:
            say("stopped")
    return 0
