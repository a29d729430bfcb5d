"""The stand-in as a running server: for `python -m sandbox.paystack` and for tests."""

from __future__ import annotations

import threading

from werkzeug.serving import make_server

from sandbox.paystack.desk import Desk
from sandbox.paystack.ledger import Ledger
from sandbox.paystack.web import create


class StandIn:
    """A desk with its HTTP and its clockwork; a port of 0 lets the system choose."""

    def __init__(
        self,
        secret: str,
        webhook_url: str | None = None,
        port: int = 0,
        ledger: str = ":memory:",
    ) -> None:
        self.desk = Desk(secret, webhook_url, Ledger(ledger))
        self._stopped = threading.Event()
        self._clockwork = threading.Thread(target=self.desk.run, args=(self._stopped,), daemon=True)
        self._server = make_server("127.0.0.1", port, create(self.desk), threaded=True)
        # A request that hangs on purpose must not keep the process alive.
        self._server.daemon_threads = True  # type: ignore[attr-defined]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Serve in threads of this process."""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        self._clockwork.start()
        self._server.serve_forever()

    def stop(self) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        if self._clockwork.is_alive():
            self._clockwork.join()
        self.desk.ledger.close()
