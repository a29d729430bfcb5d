"""An event as a file for calendars: iCalendar, RFC 5545."""

from __future__ import annotations

from datetime import UTC, datetime

# A line holds at most 75 octets; longer ones go on in the next, after a space.
_WIDTH = 75


def calendar(
    *,
    uid: str,
    made_at: datetime,
    starts_at: datetime,
    title: str,
    venue: str,
    description: str,
    link: str,
) -> str:
    """One event. It has no end, because nobody told us when it ends."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//FairQueue//FairQueue//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{_moment(made_at)}",
        f"DTSTART:{_moment(starts_at)}",
        f"SUMMARY:{_text(title)}",
        f"LOCATION:{_text(venue)}",
        f"DESCRIPTION:{_text(description)}",
        f"URL:{link}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,")):
        value = value.replace(plain, escaped)
    return "\\n".join(value.splitlines())


def _folded(line: str) -> str:
    """The line in pieces that hold whole characters."""
    pieces, piece, width = [], "", _WIDTH
    for letter in line:
        if len((piece + letter).encode()) > width:
            pieces.append(piece)
            # The space that begins each further line counts.
            piece, width = "", _WIDTH - 1
        piece += letter
    return "\r\n ".join([*pieces, piece])
