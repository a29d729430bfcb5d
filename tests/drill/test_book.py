"""The fans' book finds what is out of order."""

from __future__ import annotations

from drill.book import Book, Story, share


def joined(number: int, asked_at: float, joined_at: float) -> Story:
    return Story(f"fan {number}", asked_at, asked_at, joined_at, number)


def test_a_lower_number_for_somebody_who_asked_after_another_had_theirs_is_found() -> None:
    book = Book()
    book.stories = [joined(1, 0.0, 1.0), joined(3, 0.5, 2.0), joined(2, 2.5, 3.0)]
    assert book.order_of_joining() == 1


def test_those_who_asked_at_the_same_time_may_have_any_order() -> None:
    book = Book()
    book.stories = [joined(2, 0.0, 2.0), joined(1, 1.0, 3.0), Story("asks still", 0.0)]
    assert book.order_of_joining() == 0


def test_books_add_up() -> None:
    book, other = Book(trail=True), Book(trail=True)
    for one in (book, other):
        one.answered("poll", 200, 0.5, repeated=True)
        one.refused("join", 503, "One moment", 0.1)
        one.stories.append(joined(1, 0, 1))
    book.merge(other)
    assert book.answers == {("poll", 200): 2}
    assert list(book.took["poll"]) == [0.5, 0.5]
    assert (len(book.refusals), len(book.stories), book.repeats["poll"]) == (2, 2, 2)
    assert book.seen is not None
    assert len(book.seen) == 2


def test_a_share_of_times_is_one_of_them() -> None:
    assert share([3.0, 1.0, 2.0], 0.5) == 2.0
    assert share([3.0, 1.0, 2.0], 0.99) == 3.0
    assert share([], 0.5) is None
