"""python -m sandbox.paystack --port N --webhook-url URL --secret KEY [--ledger PATH]"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

from sandbox.paystack.server import StandIn


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="sandbox.paystack", description="A stand-in gateway.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--webhook-url", help="where events are posted; none without it")
    parser.add_argument("--secret", required=True, help="the secret key it shares with the shop")
    parser.add_argument("--ledger", default=":memory:", help="a file that keeps the books")
    options = parser.parse_args(arguments)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stand_in = StandIn(options.secret, options.webhook_url, options.port, options.ledger)
    try:
        stand_in.serve()
    except KeyboardInterrupt:
        stand_in.stop()


main()
