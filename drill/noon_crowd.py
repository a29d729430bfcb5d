"""One client process of the noon: some thousand fans, and the book of what they saw."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from drill.book import Book
from drill.fans import Site, crowd
from drill.habits import draw_habits

TELL_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class Order:
    """What a client process is told: who comes (`fans`, drawn by `seed`), when (`begins_at`, by
    time.time(), within `within` seconds), until when at the latest (`ends_at`), and the Site's
    other arguments."""

    run: Mapping[str, Any]
    slug: str
    fans: int
    seed: int
    begins_at: float
    within: float
    ends_at: float
    site: Mapping[str, Any]


def client(order: Order, parent: Connection) -> None:
    """The process: sends (joined, ended, odd answers) now and then, and the Book at the end."""
    book = Book()
    asyncio.run(_noon(order, book, parent))
    parent.send(book)
    parent.close()


async def _noon(order: Order, book: Book, parent: Connection) -> None:
    chance = random.Random(order.seed)
    await asyncio.sleep(max(0.0, order.begins_at - time.time()))
    async with Site(order.run, order.slug, **order.site) as site:
        fans = asyncio.create_task(crowd(site, order.fans, draw_habits, chance, book, order.within))
        while not fans.done() and time.time() < order.ends_at:
            await asyncio.wait({fans}, timeout=TELL_EVERY)
            joined = sum(story.number is not None for story in book.stories)
            ended = sum(story.ended_at is not None for story in book.stories)
            odd = len(book.wrong) + len(book.failures) + len(book.refusals)
            parent.send((joined, ended, odd))
        if not fans.done():
            fans.cancel()
        with suppress(asyncio.CancelledError):
            await fans
