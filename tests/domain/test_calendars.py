"""Files for calendars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from app.domain.calendars import calendar

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=1)))


def made(**changes: str) -> list[str]:
    values = {"title": "Harbour Lights", "venue": "Eko Hotel, Lagos", "description": "2 tickets"}
    text = calendar(
        uid="FQ-1@example.com",
        made_at=NOON.astimezone(UTC),
        starts_at=NOON,
        link="https://example.com/claims/FQ-1/tickets",
        **(values | changes),
    )
    assert text.endswith("END:VCALENDAR\r\n")
    return text.split("\r\n")[:-1]


def test_moments_are_in_utc_and_commas_are_escaped() -> None:
    lines = made()
    assert "DTSTART:20260301T110000Z" in lines
    assert "LOCATION:Eko Hotel\\, Lagos" in lines
    assert "BEGIN:VEVENT" in lines


def test_no_text_can_add_a_line() -> None:
    lines = made(title="A\r\nBEGIN:VALARM\nB; C\\D")
    assert "SUMMARY:A\\nBEGIN:VALARM\\nB\\; C\\\\D" in lines


def test_long_lines_are_folded_between_whole_characters() -> None:
    lines = made(title="é" * 200)
    assert max(len(line.encode()) for line in lines) <= 75
    start = next(i for i, line in enumerate(lines) if line.startswith("SUMMARY"))
    end = next(i for i, line in enumerate(lines) if line.startswith("LOCATION"))
    assert (
        "".join([lines[start], *(x[1:] for x in lines[start + 1 : end])]) == "SUMMARY:" + "é" * 200
    )
