"""A web server over a folder, and one that answers what it is told to."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Quiet(SimpleHTTPRequestHandler):
    """Sends files, and lists nothing."""

    def list_directory(self, path: Any) -> None:
        self.send_error(404)

    def log_message(self, *args: Any) -> None:
        pass


class Answer(BaseHTTPRequestHandler):
    """Gives one answer to everything."""

    protocol_version = "HTTP/1.1"

    def __init__(self, said: Mapping[str, Any], asked: list[str], *others: Any) -> None:
        self._said, self._asked = said, asked
        super().__init__(*others)

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._asked.append(f"{self.command} {self.path}")
        body = self._said.get("body", "").encode()
        self.send_response(self._said["status"])
        for name, value in self._said.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving(handler: Any) -> Iterator[str]:
    """Have a server run at this machine alone, and give its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def web(folder: Path) -> Iterator[str]:
    """Have the files of a folder sent."""
    with serving(partial(Quiet, directory=str(folder))) as address:
        yield address


@contextmanager
def answering(said: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Have everything answered alike; give the address, and what will have been asked."""
    asked: list[str] = []
    with serving(partial(Answer, said, asked)) as address:
        yield address, asked
