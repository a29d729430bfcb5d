"""Guessing the passwords of staff, from many networks, while one of them logs in."""

from __future__ import annotations

from collections import Counter

from drill.attack.site import Row, Site, Visitor, at_once, in_words

GUESSES = 10_000
NETWORKS = 200


def attack(site: Site, scale: float) -> list[Row]:
    """10,000 wrong passwords for the organiser and for nobody, and then the organiser."""
    own = site.run["staff"]["organiser"]
    before = Visitor(site, "203.0.113.9").log_in(**own)
    assert before.status == 303, before
    count = max(12, int(GUESSES * scale))
    networks = min(NETWORKS, count // 2)
    thieves = [Visitor(site, f"10.{n % 16}.{n // 16}.1") for n in range(networks)]

    def one(thief: Visitor) -> list[tuple[bool, int]]:
        answers = []
        for number in range(count // networks):
            real = number % 2 == 0
            email = own["email"] if real else "nobody@lagoslive.example"
            answers.append((real, thief.log_in(email, f"wrong password {number}").status))
        return answers

    answers = [answer for answers in at_once(one, thieves) for answer in answers]
    found = Counter(status for _, status in answers)
    known, unknown = ({s for r, s in answers if r is real} for real in (True, False))
    after = Visitor(site, "203.0.113.9").log_in(**own)
    elsewhere = Visitor(site, "203.0.114.9").log_in(**site.run["staff"]["support"])
    return [
        Row(
            f"wrong passwords from {networks} networks, for an organiser and for nobody",
            len(answers),
            in_words(found),
            not found.keys() - {422, 429},
        ),
        Row(
            "telling an address of staff from another by the answer's number",
            len(answers),
            "the same numbers for both" if known == unknown else f"{known} and {unknown}",
            known == unknown,
        ),
        Row(
            "the organiser, from where they had logged in before, and a colleague, meanwhile",
            2,
            f"answered {after.status} and {elsewhere.status}",
            after.status == elsewhere.status == 303,
        ),
    ]
