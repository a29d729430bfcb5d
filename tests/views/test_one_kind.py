"""A token of one kind is never another, wherever a browser shows it."""

from __future__ import annotations

import pytest

from app.domain.tokens import (
    CarryToken,
    ClaimLink,
    FanToken,
    FormToken,
    PlaceToken,
    TicketToken,
    VisitorToken,
    new_id,
)
from app.extensions import settings
from tests import factories
from tests.views.browsing import FORM, heading, join


class World:
    """A fan at the till, with a claim at another event, and every token there is of them."""

    def __init__(self):
        self.event = factories.an_event()
        self.buyer = factories.a_buyer(self.event)
        held = self.buyer.pass_token
        self.claim = factories.a_claim(factories.an_event())
        self.tokens = {
            "visitor": VisitorToken(held.place_id),
            "place": PlaceToken(held.event_id, held.epoch, held.place_id, held.number),
            "pass": held,
            "fan": FanToken(self.buyer.fan_id),
            "other fan": FanToken(self.claim.fan_id),
            "claim": ClaimLink(self.claim.reference),
            "ticket": TicketToken(new_id()),
            "carry": CarryToken(new_id()),
            "form": FormToken(held.place_id),
        }

    def signed(self, kind):
        return self.tokens[kind].sign(settings.secret_key)


def waiting(world, browser, shown):
    browser.set_cookie(f"fq_place_{world.event.id}", shown)
    return browser.get(f"/events/{world.event.slug}/line").status_code == 200


def joining(world, browser, shown):
    browser.set_cookie("fq_visitor", shown)
    return browser.post(f"/events/{world.event.slug}/line").status_code == 303


def claiming(world, browser, shown):
    browser.set_cookie(f"fq_place_{world.event.id}", world.signed("place"))
    browser.set_cookie("fq_fan", world.signed("fan"))
    browser.set_cookie(f"fq_pass_{world.event.id}", shown)
    form = FORM | {"email": world.buyer.email}
    return browser.post(f"/events/{world.event.slug}/claim", data=form).status_code == 303


def the_claims_fan(world, browser, shown):
    browser.set_cookie("fq_fan", shown)
    return browser.get(f"/claims/{world.claim.reference}").status_code == 200


def the_claims_link(world, browser, shown):
    browser.set_cookie(f"fq_claim_{world.claim.reference}", shown)
    return browser.get(f"/claims/{world.claim.reference}").status_code == 200


def the_mails_link(world, browser, shown):
    path = f"/claims/{world.claim.reference}"
    return browser.get(path, query_string={"key": shown}).status_code == 303


def carrying(world, browser, shown):
    # A carried place that nobody knows has run out; any other token is no link of ours.
    status = browser.get(f"/events/{world.event.slug}/line/carry/{shown}").status_code
    return status != 404


def a_form(world, browser, shown):
    del browser.environ_base["HTTP_SEC_FETCH_SITE"]
    browser.set_cookie("fq_visitor", world.signed("visitor"))
    browser.set_cookie(f"fq_claim_{world.claim.reference}", world.signed("claim"))
    path = f"/claims/{world.claim.reference}/pay"
    return browser.post(path, data={"form_token": shown}).status_code == 303


def staff(world, browser, shown):
    browser.set_cookie("fq_staff", shown)
    return browser.get("/organiser/").status_code == 200


@pytest.mark.parametrize(
    ("door", "key"),
    [
        (waiting, "place"),
        (joining, "visitor"),
        (claiming, "pass"),
        (the_claims_fan, "other fan"),
        (the_claims_link, "claim"),
        (the_mails_link, "claim"),
        (a_form, "form"),
        (carrying, None),
        (staff, None),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_each_door_opens_to_its_own_kind_only(app, door, key):
    world = World()
    for kind in world.tokens:
        if kind != key:
            assert not door(world, app.test_client(), world.signed(kind)) or (
                door is carrying and kind == "carry"
            ), kind
    if key is not None:
        assert door(world, app.test_client(), world.signed(key))


@pytest.mark.parametrize("door", [waiting, claiming], ids=lambda door: door.__name__)
def test_a_place_or_a_pass_of_one_event_is_none_at_another(app, door):
    world, other = World(), World()
    kind = {waiting: "place", claiming: "pass"}[door]
    assert not door(world, app.test_client(), other.signed(kind))


def test_a_claims_link_opens_no_other_claim(app):
    world = World()
    another = factories.a_claim(factories.an_event())
    link = ClaimLink(another.reference).sign(settings.secret_key)
    assert not the_claims_link(world, app.test_client(), link)
    assert not the_mails_link(world, app.test_client(), link)


def test_a_pass_of_another_place_is_none(app):
    world, browser = World(), app.test_client()
    join(browser, world.event)
    browser.set_cookie("fq_fan", world.signed("fan"))
    browser.set_cookie(f"fq_pass_{world.event.id}", world.signed("pass"))
    form = FORM | {"email": world.buyer.email}
    answer = browser.post(f"/events/{world.event.slug}/claim", data=form)
    assert answer.status_code == 403
    assert heading(answer.text) == "It is not your turn"
