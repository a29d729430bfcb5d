"""The load while faults are struck: a crowd that never ends, in a thread of its own."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from drill.book import Book
from drill.fans import Fan, Site
from drill.habits import draw_habits

# Fans who hang up in mid-request are rare in a crowd; here they are the point.
HANG_UP = 0.15
# A fan's place in the crowd is taken by the next one after a breath.
LONGEST_BREATH = 2.0


class Strain:
    """So many fans at once; who has finished is replaced."""

    def __init__(
        self, run: Mapping[str, Any], slug: str, fans: int, seed: int, pass_seconds: float
    ) -> None:
        self.run, self.slug, self.fans, self.pass_seconds = run, slug, fans, pass_seconds
        self.book = Book()
        self.asleep: set[str] = set()
        self._chance = random.Random(seed)
        self._no_more = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._crowd: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self, patience: float) -> None:
        """Nobody comes any more; who is not done after so many seconds is sent home."""
        self._no_more.set()
        self._thread.join(patience)
        if self._thread.is_alive() and self._crowd is not None:
            self._loop.call_soon_threadsafe(self._crowd.cancel)
            self._thread.join(10)

    def _run(self) -> None:
        try:
            self._crowd = self._loop.create_task(self._live())
            self._loop.run_until_complete(self._crowd)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    async def _live(self) -> None:
        site = Site(self.run, self.slug, near=30, pass_seconds=self.pass_seconds)
        async with site:
            chances = [random.Random(self._chance.random()) for _ in range(self.fans)]
            await asyncio.gather(*(self._seat(site, chance) for chance in chances))

    async def _seat(self, site: Site, chance: random.Random) -> None:
        while not self._no_more.is_set():
            await asyncio.sleep(chance.uniform(0, LONGEST_BREATH))
            habits = replace(draw_habits(chance), hangs_up=chance.random() < HANG_UP)
            fan = Fan(site, habits, random.Random(chance.random()), self.book)
            if habits.sleeps:
                self.asleep.add(fan.name)
            await fan.live()
