"""A fan who is asked to do something at a certain moment, and who does not wait when refused.

The crowd (drill/fans.py) obeys the site's own delays; a probe tries again at once, so that it can
tell how long something was not possible.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

import httpx

from app.domain.line import SAFE

# As long as a request may take to be refused, and a little more to see that it took longer.
PATIENCE = 5.0
_CODE = re.compile(r"^(\d{6})")
_SOON = 0.2


class Probe:
    """One browser at one event. Every method raises httpx.HTTPError when there is no answer."""

    def __init__(self, run: Mapping[str, Any], slug: str) -> None:
        self.run = run
        self.event = f"/events/{slug}"
        self.email = f"probe-{secrets.token_hex(6)}@example.com"
        self.http = httpx.Client(
            base_url=run["url"], timeout=PATIENCE, headers={"Sec-Fetch-Site": "same-origin"}
        )

    def close(self) -> None:
        self.http.close()

    def join(self) -> bool:
        """Take a place; whether there is one now."""
        answer = self._post(f"{self.event}/line")
        if answer.status_code == 307:
            answer = self._post(answer.headers["location"])
        return answer.status_code == 303

    def status(self) -> dict[str, Any] | None:
        """What the waiting page says to a program, None when it is refused."""
        answer = self.http.get(f"{self.event}/line/status", headers={"Accept": "application/json"})
        return dict(answer.json()) if answer.status_code == 200 else None

    def leave(self) -> bool:
        return self._post(f"{self.event}/line/leave").status_code == 303

    def prove(self) -> bool:
        """Ask for a code, read it in the mailbox and type it; whether the address is proven."""
        path = f"{self.event}/verify"
        if self._post(path, {"email": self.email}).status_code != 303:
            return False
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            time.sleep(_SOON)
            mails = httpx.get(
                f"{self.run['mailbox_url']}/messages.json",
                params={"to": self.email, "limit": 1},
                timeout=PATIENCE,
            ).json()
            found = _CODE.match(mails[0]["subject"]) if mails else None
            if found:
                return self._post(path, {"code": found[1]}).status_code == 303
        return False

    def claim(self, patience: float) -> str | None:
        """Claim one ticket, trying again at once for so long: the claim's reference."""
        form = {"form_key": secrets.token_urlsafe(16), "name": "Ada Obi", "quantity": "1"}
        form |= {"email": self.email, "phone": ""}
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                answer = self._post(f"{self.event}/claim", form)
                if answer.status_code == 303:
                    return str(answer.headers["location"]).rpartition("/")[2]
            time.sleep(0.05)
        return None

    def _post(self, path: str, form: Mapping[str, str] | None = None) -> httpx.Response:
        return self.http.post(path, data=dict(form or {}))


def line_answers(run: Mapping[str, Any], slug: str) -> str:
    """What is wrong with the line as a fan meets it now: joining, waiting, leaving. Empty when
    all is well."""
    probe = Probe(run, slug)
    try:
        if not probe.join():
            return "joining is refused"
        said = probe.status()
        if said is None:
            return "a poll is refused"
        if said["message"] == SAFE:
            return "a poll hears only that the place is safe"
        return "" if probe.leave() else "leaving is refused"
    except httpx.HTTPError as exc:
        return f"no answer: {exc!r}"
    finally:
        probe.close()


class Reserve:
    """Fans whose turn it is and whose address is proven, who wait to be asked for a claim.

    A thread keeps `size` of them ready; a turn that is nearly over is given up.
    """

    def __init__(self, run: Mapping[str, Any], slug: str, size: int, good_for: float) -> None:
        self.run, self.slug, self.size, self.good_for = run, slug, size, good_for
        self._ready: list[tuple[float, Probe]] = []
        self._coming: list[Probe] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(30)
        for probe in [*self._coming, *(probe for _, probe in self._ready)]:
            probe.close()

    def take(self) -> Probe | None:
        """One of them, or None when nobody is ready."""
        with self._lock:
            self._drop_late()
            return self._ready.pop(0)[1] if self._ready else None

    def count(self) -> int:
        with self._lock:
            self._drop_late()
            return len(self._ready)

    def _drop_late(self) -> None:
        self._ready = [(since, p) for since, p in self._ready if self._good(since)]

    def _good(self, since: float) -> bool:
        return time.monotonic() - since < self.good_for

    def _keep(self) -> None:
        while not self._over.wait(_SOON):
            # A probe that a fault hit is let go; the next one comes.
            with contextlib.suppress(httpx.HTTPError, KeyError, ValueError):
                self._bring_one_nearer()

    def _bring_one_nearer(self) -> None:
        if self.count() + len(self._coming) < self.size:
            probe = Probe(self.run, self.slug)
            if probe.join() and probe.prove():
                self._coming.append(probe)
            else:
                probe.close()
        for probe in list(self._coming):
            self._coming.remove(probe)
            said = probe.status()
            if said is not None and said["state"] == "admitted":
                with self._lock:
                    self._ready.append((time.monotonic(), probe))
            elif said is None or said["state"] in ("waiting", "none_free"):
                self._coming.append(probe)
            else:
                probe.close()
