"""The built site on this computer, for this computer alone."""

from __future__ import annotations

import errno
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from groundup.book import BookError, UsageError

HOST = "127.0.0.1"


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012  # Windows may know .js as something that browsers do not run
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
    }

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the address stays the last line."""

    def end_headers(self) -> None:
        """Have the browser ask again, so that a rebuilt page is seen."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that hangs up is no error of the book's."""


def reserved(port: int, folder: Path) -> ThreadingHTTPServer:
    """A server that holds `port` and will serve `folder`, so that a taken port is found before the site is built.

    Raises: UsageError when there is no such port, BookError when it is taken.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"there is no port {port}: a port is a number up to 65535, such as 8001")
    try:
        return _Server((HOST, port), partial(_Handler, directory=str(folder)))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "taken" if error.errno == errno.EADDRINUSE else "not yours to use"
        another = port + 1 if 1024 <= port < 65535 else 8001
        raise BookError(
            f"port {port} is {why}: make serve PORT={another} (or groundup serve --port {another})"
        ) from None


def serve(server: ThreadingHTTPServer) -> None:
    """Serve until Ctrl-C."""
    try:
        print(f"http://{HOST}:{server.server_port}/  (Ctrl-C stops it)", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print()
