"""What fans meet while a server is lost, measured by probes beside the crowd."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.domain.line import SAFE, STANDS
from drill.probe import Probe, Reserve
from drill.stage import Stage

# A web process looks at line and event once a second, and waits 0.3 s for Redis, 2.2 for Postgres.
KNOWN_AFTER = {"redis": 2.5, "postgres": 3.9}
CLAIM_AFTER = 0.3
LOOK_EVERY = 0.4


@dataclass(slots=True)
class Seen:
    """`claimed` is how many seconds after the loss a claim was made, None if nobody was ready or
    none was made; `wrong` is what should not have been said."""

    claimed: float | None = None
    asked_to_claim: bool = False
    wrong: list[str] = field(default_factory=list)


class Watcher:
    """Looks on while one server is away: "redis" or "postgres"; `silent` says that Redis is away
    altogether, and does not merely refuse to write."""

    def __init__(self, stage: Stage, slug: str, event_id: int, reserve: Reserve) -> None:
        self.stage, self.slug, self.event_id, self.reserve = stage, slug, event_id, reserve
        # Has a place in the line all the time, to be asked about.
        self.waiting: Probe | None = None
        self.seen = Seen()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, lost: str, silent: bool) -> None:
        self.waiting = Probe(self.stage.run, self.slug)
        with contextlib.suppress(httpx.HTTPError):
            self.waiting.join()
        self._thread = threading.Thread(target=self._watch, args=(lost, silent), daemon=True)
        self._thread.start()

    def end(self) -> Seen:
        self._over.set()
        if self._thread is not None:
            self._thread.join(20)
        if self.waiting is not None:
            with contextlib.suppress(httpx.HTTPError):
                self.waiting.leave()
            self.waiting.close()
        return self.seen

    def _watch(self, lost: str, silent: bool) -> None:
        began = time.monotonic()
        if lost == "redis":
            self._over.wait(CLAIM_AFTER)
            self._claim(began)
        while not self._over.wait(LOOK_EVERY):
            if time.monotonic() - began > KNOWN_AFTER[lost]:
                self._poll(lost, silent)

    def _claim(self, began: float) -> None:
        probe = self.reserve.take()
        if probe is None:
            return
        self.seen.asked_to_claim = True
        if probe.claim(patience=10):
            self.seen.claimed = time.monotonic() - began
        probe.close()

    def _poll(self, lost: str, silent: bool) -> None:
        assert self.waiting is not None
        try:
            said = self.waiting.status()
        except httpx.HTTPError as exc:
            said, why = None, repr(exc)
        else:
            why = "refused"
        # The fault may have ended while the answer was on its way.
        if self._over.is_set():
            return
        wrong = _wrong(said, why, lost, silent)
        if wrong and wrong not in self.seen.wrong:
            self.seen.wrong.append(wrong)


def _wrong(said: dict[str, Any] | None, why: str, lost: str, silent: bool) -> str:
    if said is None:
        return f"a poll without {lost}: {why}"
    if lost == "redis" and silent and said["message"] != SAFE:
        return f"a poll without Redis says {said['message']!r}"
    if lost == "postgres" and said["message"] != STANDS:
        return f"a poll without Postgres says {said['message']!r}"
    return ""
