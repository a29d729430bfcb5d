"""The rules by which the faults drill judges the line, on small stories."""

from __future__ import annotations

from drill.book import Book, Story
from drill.verdict import Place, inversions, lost_places


def a_story(fan, number, joined, *, heard=None, until=100.0):
    story = Story(fan, came_at=joined, joined_at=joined, number=number, place_id=fan)
    story.ended_at = until
    if heard is not None:
        story.states.append(("admitted", heard))
    return story


def judged(*stories, admitted=None, asleep=(), unknown=(), turns=(), left=None):
    """The inversions, where `admitted` has the journal's moments by fan."""
    book = Book()
    book.stories += stories
    known = {
        story.fan: Place(
            number=story.number,
            state="used",
            turn=int(story.fan in turns),
            admitted_at=(admitted or {}).get(story.fan),
            admission_known=story.fan not in unknown,
            ended_at=(left or {}).get(story.fan),
        )
        for story in stories
    }
    return [found.partition(",")[0] for found in inversions(book, known, asleep)]


def test_who_is_admitted_in_the_order_of_numbers_passes_nobody_over():
    ada, bola = a_story("ada", 1, 10), a_story("bola", 2, 11)
    assert judged(ada, bola, admitted={"ada": 20, "bola": 21}) == []
    assert judged(ada, bola, admitted={"ada": 20, "bola": 20}) == [], "of one and the same call"


def test_who_goes_before_a_lower_number_that_still_asks_is_found():
    ada, bola = a_story("ada", 1, 10), a_story("bola", 2, 11)
    assert judged(ada, bola, admitted={"ada": 21, "bola": 20}) == ["bola (2) went before ada (1)"]
    assert judged(ada, bola, admitted={"bola": 20}) == ["bola (2) went before ada (1)"]


def test_who_asks_no_more_is_not_passed_over():
    bola = a_story("bola", 2, 11)
    gone = a_story("ada", 1, 10, until=19)
    assert judged(gone, bola, admitted={"bola": 20}) == []
    assert judged(a_story("ada", 1, 10), bola, admitted={"bola": 20}, left={"ada": 19}) == []
    assert judged(a_story("ada", 1, 10), bola, admitted={"bola": 20}, asleep=["ada"]) == []


def test_a_number_that_was_given_after_the_admission_was_not_passed_over():
    late, bola = a_story("late", 1, 30), a_story("bola", 2, 11)
    assert judged(late, bola, admitted={"bola": 20, "late": 31}) == []


def test_an_admission_that_a_lost_redis_forgot_counts_from_when_the_fan_heard_of_it():
    ada, bola = a_story("ada", 1, 10, heard=15), a_story("bola", 2, 11)
    assert judged(ada, bola, admitted={"ada": 40, "bola": 20}) == []


def test_an_admission_of_which_only_the_claim_tells_is_judged_for_nobody():
    ada, bola = a_story("ada", 1, 10), a_story("bola", 2, 11)
    assert judged(ada, bola, admitted={"ada": 21, "bola": 20}, unknown=["ada"]) == []


def test_a_place_that_came_back_from_a_turn_has_had_it():
    ada, bola = a_story("ada", 1, 10), a_story("bola", 2, 11)
    assert judged(ada, bola, admitted={"ada": 40, "bola": 20}, turns=["ada"]) == []


def test_a_fan_without_the_place_that_was_promised_is_found():
    book = Book()
    book.stories += [a_story("ada", 1, 10), a_story("bola", 2, 11), a_story("chi", 3, 12)]
    known = {
        "ada": Place(1, "waiting", 0, None, True),
        "bola": Place(7, "waiting", 0, None, True),
    }
    assert lost_places(book, known) == [
        "bola has number 2, its place 7",
        "chi has number 3 and no place (still asking)",
    ]
