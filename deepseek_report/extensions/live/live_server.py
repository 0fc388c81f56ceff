"""The server of `deepseek-report serve`: this machine alone, one page, and what it asks.

It listens on 127.0.0.1. Every address holds a random token; the Host header must name this machine
and port, so that no other site's name can lead here; questions are JSON by POST from the page
itself, bounded in size; nothing is allowed to other origins.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.artifacts.storage import memory_bound
from deepseek_report.datasets.readers.case_rows import FaultyRowsError
from deepseek_report.errors import ConfigError, DeepseekReportError
from deepseek_report.extensions.live.companion import Companion
from deepseek_report.runner.execution.given_rows import ModelRequest
from deepseek_report.runner.run_folders.open_run import reading

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send
    from uvicorn import Server

    from deepseek_report.config.experiment import Experiment

    Answer = Callable[[Request], Awaitable[Response]]

HOST = "127.0.0.1"
#: Bytes of a question.
_MOST_ASKED = 65_536
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
#: What lies in the run folder may come from strangers: no script in it runs, whatever it is.
_STILL = {"Content-Security-Policy": "sandbox allow-downloads"}
_TYPES = {".html": "text/html", ".csv": "text/csv", ".svg": "image/svg+xml"}


@dataclass
class LiveServer:
    """A running server; `address` opens its page. Closing it ends the server."""

    companion: Companion
    address: str
    server: Server
    thread: threading.Thread

    def wait(self) -> None:
        """Until it is closed or interrupted."""
        while self.thread.is_alive():
            self.thread.join(0.5)

    def close(self) -> None:
        """End the server and drop what it made on the way."""
        self.server.should_exit = True
        self.thread.join(10)
        self.companion.close()

    def __enter__(self) -> LiveServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        return f'<a href="{self.address}" target="_blank" rel="noopener">{self.address}</a>'


def serve_run(
    request: ModelRequest, port: int = 0, experiment: Experiment | None = None
) -> LiveServer:
    """Open a run, load what answers, and serve it; see `Companion.of` and `serve`."""
    with reading(request.run):
        companion = Companion.of(request, experiment)
        companion.page()
        companion.warm()
    return serve(companion, port)


def serve(companion: Companion, port: int = 0) -> LiveServer:
    """Start a server of one run; port : 0 takes a free one.

    Raises ConfigError: the extra `serve` is not installed, or the port is taken.
    """
    try:
        import uvicorn
    except ImportError:
        how = pip_install("starlette", "uvicorn")
        raise ConfigError(f"serve needs starlette and uvicorn; install them with: {how}") from None
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise ConfigError(f"--port {port}: {error.strerror}; name another one") from None
    port, token = listening.getsockname()[1], secrets.token_urlsafe(24)
    config = uvicorn.Config(
        application(companion, token, port),
        log_level="critical",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    return LiveServer(companion, f"http://{HOST}:{port}/{token}/", server, thread)


def application(companion: Companion, token: str, port: int) -> ASGIApp:
    """The application that answers below `/<token>/`, for this port."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import Response
    from starlette.routing import Route

    async def page(_: Request) -> Response:
        text = await run_in_threadpool(companion.page)
        return Response(text, media_type="text/html", headers=_HEADERS)

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        content = await run_in_threadpool(companion.file, name)
        if content is None:
            return Response("there is no such file", 404, _HEADERS, "text/plain")
        kind = _TYPES.get(Path(name).suffix, "application/octet-stream")
        headers = _HEADERS | (_STILL if "/" in name else {})
        return Response(content, headers=headers, media_type=kind)

    async def ask(request: Request) -> Response:
        question = await _question(request)
        what = request.path_params["what"]
        return _json(await run_in_threadpool(companion.answer, what, question), 200)

    routes = [
        Route(f"/{token}/", _told(page), methods=["GET"]),
        Route(f"/{token}/ask/{{what}}", _told(ask), methods=["POST"]),
        Route(f"/{token}/{{name:path}}", _told(file), methods=["GET"]),
    ]
    return _OwnHostAlone(Starlette(routes=routes), port)


def _told(answer: Answer) -> Answer:
    """The same, whose errors are sentences."""

    async def told_in_words(request: Request) -> Response:
        try:
            return await answer(request)
        except _RefusedError as refused:
            return _json({"error": str(refused)}, refused.status)
        except FaultyRowsError as error:
            return _json({"error": str(error), "faults": dict(error.faults)}, 422)
        except DeepseekReportError as error:
            return _json({"error": str(error)}, 422)
        except Exception as error:  # the page says it; the server goes on
            return _json({"error": f"this could not be answered ({type(error).__name__})"}, 500)

    return told_in_words


class _RefusedError(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


async def _question(request: Request) -> dict[str, object]:
    """The question in a request: a JSON mapping of bounded size, from the page itself."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _RefusedError(415, "a question is JSON: send Content-Type: application/json")
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{request.headers.get('host')}":
        raise _RefusedError(403, "questions are taken from the page itself alone")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_ASKED:
            raise _RefusedError(413, f"a question is at most {_MOST_ASKED} bytes")
    try:
        question = memory_bound.parse(Path("question"), body)
    except ValueError:
        raise _RefusedError(422, "a question is a JSON mapping in UTF-8") from None
    if not isinstance(question, dict):
        raise _RefusedError(422, "a question is a JSON mapping")
    return question


def _json(answer: object, status: int) -> Response:
    from starlette.responses import Response

    text = json.dumps(answer, ensure_ascii=False, allow_nan=False)
    return Response(text, status, _HEADERS, "application/json")


class _OwnHostAlone:
    """Answers only what was sent to this machine by its own name."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.names = {f"{name}:{port}".encode() for name in (HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.responses import Response

        hosts = [value for name, value in scope.get("headers", ()) if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self.names:
            refused = Response("this server answers on this machine alone", 403, _HEADERS)
            await refused(scope, receive, send)
            return
        await self.app(scope, receive, send)
