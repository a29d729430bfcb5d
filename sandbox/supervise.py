"""supervisord, but prompter: `python -m sandbox.supervise` takes the same arguments.

Its loop looks at the programs once a second, so one that ends is started again after a whole
second, and the start and end of a run wait as long. Here it looks ten times as often.
"""

from __future__ import annotations

from typing import Any

from supervisor import poller, supervisord

LOOK_EVERY = 0.1


class PromptPoller(poller.Poller):
    """The poller of this platform, with short waits."""

    def poll(self, timeout: float) -> Any:
        return super().poll(min(timeout, LOOK_EVERY))


if __name__ == "__main__":
    poller.Poller = PromptPoller
    supervisord.main()
