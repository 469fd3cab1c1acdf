"""A door to a server, which can be shut: to who asks, the server has stopped."""

import socket
import threading
from contextlib import suppress
from types import TracebackType


class Door:
    """Passes bytes on, to and fro, while it is open.

    Parameters
    ----------
    port : int
        Of the server.
    after : int, optional
        It shuts by itself when so many have come through.

    Attributes
    ----------
    port : int
        Where to knock.
    shut_by_itself : Event
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self._open: set[socket.socket] = set()
        self._left = -1
        self.shut_by_itself = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._serve()

    def __enter__(self) -> "Door":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.shut()

    def shut_after(self, requests: int) -> None:
        """Shut it by itself when so many more have come."""
        self.shut_by_itself.clear()
        self._left = requests

    def shut(self) -> None:
        """Let nobody in, and throw everybody out."""
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def open(self) -> None:
        """Let them in again."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                guest, _ = listener.accept()
            except OSError:
                return
            if self._left == 0:
                self._left = -1
                guest.close()
                self.shut()
                self.shut_by_itself.set()
                return
            self._left -= self._left > 0
            server = socket.create_connection(("127.0.0.1", self._server))
            self._open |= {guest, server}
            for pair in ((guest, server), (server, guest)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(2**16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
