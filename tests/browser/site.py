"""The tests' own application behind a port, for a browser, with pages that a test made up.

The real product shows what happens when everything runs; here a test decides what has happened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from flask import Flask, request
from werkzeug.serving import WSGIRequestHandler, make_server

SCENE = "/scene/"


class Site:
    """`scenes` maps a name to what draws a page; /scene/<name> answers it with the headers that
    every page has. `view_args` are what those pages find in their address. While `still`, nothing
    answers what a page asks for by itself, nor what it frames; the browser could refuse that too,
    but one that is asked to (Playwright's `route`) keeps no files from page to page."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.scenes: dict[str, Callable[[], Any]] = {}
        self.view_args: dict[str, Any] = {}
        self.still = False
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        name = unquote(environ["PATH_INFO"])
        if self.still and (environ.get("HTTP_HX_REQUEST") or "/preview/" in name):
            start("204 No Content", [])
            return []
        if not name.startswith(SCENE):
            answer = self.app.wsgi_app(environ, start)
            try:
                return list(answer)
            finally:
                # A browser that hangs up may keep werkzeug's server from closing a file itself.
                getattr(answer, "close", lambda: None)()
        with self.app.request_context(environ):
            self.app.preprocess_request()
            request.view_args = self.view_args
            response = self.app.make_response(self.scenes[name.removeprefix(SCENE)]())
            return list(self.app.process_response(response)(environ, start))


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        """Nobody reads it."""
