"""Use cases of staff: organisers, support, log-ins and what operators ask for."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from time import sleep

import pyotp

from app.domain import errors
from app.domain.event_forms import EMPTY
from app.domain.staff import HERE
from app.extensions import db
from app.services import (
    addresses,
    audit,
    backup,
    catalogue,
    claims,
    colleagues,
    dashboard,
    demo,
    events,
    gateway_watch,
    journal,
    line,
    marks,
    outbox,
    personal,
    plans,
    readiness,
    removals,
    samples,
    second_factor,
    sessions,
    sheets,
    staff,
    staff_links,
    support,
    trail,
)
from app.services.staff import StaffMember
from app.store import marks as store_marks
from jobs import ticks
from tests import factories
from tests.faults import failpoint_world
from tests.faults.failpoint_money import (
    bought,
    confirmed,
    deliver,
    given_back,
    held,
    opened,
    refund_owed,
    step,
)
from tests.faults.failpoint_world import Life, Sale, UseCases, World, a_sale, again

USE_CASES = UseCases()
PASSWORD = "a long password"


def somebody(world: World, role: str, sale: Sale | None = None) -> StaffMember:
    """A person of the sale's organisation."""
    number = len(world.rows("SELECT id FROM staff"))
    member = staff.add("Lagos Live", f"{role}{number}@example.com", "Ada", role, PASSWORD)
    if sale is not None:
        world.change(
            "UPDATE events SET organisation_id = :own WHERE id = :id",
            own=member.organisation_id,
            id=sale.id,
        )
        catalogue.forget_all()
    return member


def a_form(**values: str) -> dict[str, str]:
    def at(**distance: float) -> str:
        return (factories.utc_now() + timedelta(**distance)).strftime("%Y-%m-%dT%H:%M")

    form = {
        "slug": "harmattan-nights",
        "title": "Harmattan Nights",
        "venue": "Lagos",
        "starts_at": at(days=40),
        "sale_starts_at": at(days=-1),
        "sale_ends_at": at(days=30),
        "capacity": "5",
        "price": "15,000",
    }
    return EMPTY | form | values


def changes(world: World, verb: Callable[[], object], query: str, expected: object) -> Life:
    """A verb that carries what its caller saw: done once, and refused when it comes again."""
    yield verb
    again(verb, errors.StateGone)
    assert world.rows(query) == [(expected,)]


# -- organisers


@USE_CASES
def an_organiser_makes_an_event(world: World) -> Life:
    who = somebody(world, "organiser")

    def create() -> None:
        events.create(who, a_form())

    yield create
    again(create, errors.SlugTaken)
    assert world.rows("SELECT slug, state FROM events") == [("harmattan-nights", "draft")]


@USE_CASES
def an_organiser_edits_an_event(world: World) -> Life:
    who = somebody(world, "organiser")
    slug = events.create(who, a_form())
    seen = events.mark(events.look(who, slug))
    edit = lambda: events.edit(who, slug, seen, a_form(title="Harmattan Days"))  # noqa: E731
    yield from changes(world, edit, "SELECT title FROM events", "Harmattan Days")


@USE_CASES
def an_organiser_publishes_an_event(world: World) -> Life:
    who = somebody(world, "organiser")
    slug = events.create(who, a_form())
    publish = lambda: events.publish(who, slug, "draft")  # noqa: E731
    yield from changes(world, publish, "SELECT count(*) FROM tickets", 5)
    assert events.look(who, slug).state in ("published", "on_sale")


@USE_CASES
def an_organiser_opens_the_sale(world: World) -> Life:
    sale = a_sale(0, state="published", sale_starts_at=factories.utc_now() + timedelta(days=1))
    who = somebody(world, "organiser", sale)
    start = lambda: events.open_sale(who, sale.slug, "published", at_once=True)  # noqa: E731
    yield from changes(world, start, "SELECT state FROM events", "on_sale")


@USE_CASES
def an_organiser_pauses_the_sale(world: World) -> Life:
    sale = a_sale(0)
    who = somebody(world, "organiser", sale)
    pause = lambda: events.pause(who, sale.slug, "on_sale", "A check.")  # noqa: E731
    yield from changes(world, pause, "SELECT state FROM events", "paused")


@USE_CASES
def an_organiser_says_more_about_the_pause(world: World) -> Life:
    sale = a_sale(0, state="paused")
    who = somebody(world, "organiser", sale)
    seen = events.look(who, sale.slug).pause_reason
    say = lambda: events.say_more(who, sale.slug, seen, "A check.")  # noqa: E731
    yield from changes(world, say, "SELECT pause_reason FROM events", "A check.")


@USE_CASES
def an_organiser_resumes_the_sale(world: World) -> Life:
    sale = a_sale(0, state="paused")
    who = somebody(world, "organiser", sale)
    resume = lambda: events.resume(who, sale.slug, "paused")  # noqa: E731
    yield from changes(world, resume, "SELECT state FROM events", "on_sale")


@USE_CASES
def an_organiser_closes_the_sale(world: World) -> Life:
    sale = a_sale(0)
    who = somebody(world, "organiser", sale)
    close = lambda: events.close(who, sale.slug, "on_sale")  # noqa: E731
    yield from changes(world, close, "SELECT state FROM events", "closed")


@USE_CASES
def an_organiser_changes_the_rate(world: World) -> Life:
    sale = a_sale(0)
    who = somebody(world, "organiser", sale)
    change = lambda: events.change_rate(who, sale.slug, 60_000, 120)  # noqa: E731
    yield from changes(world, change, "SELECT admit_per_minute FROM events", 120)


@USE_CASES
def an_organiser_posts_a_message(world: World) -> Life:
    sale = a_sale(0)
    who = somebody(world, "organiser", sale)
    post = lambda: events.post_message(who, sale.slug, "", "Doors at six.")  # noqa: E731
    yield from changes(world, post, "SELECT message FROM events", "Doors at six.")


@USE_CASES
def an_organiser_makes_more_tickets(world: World) -> Life:
    sale = a_sale(0)
    who = somebody(world, "organiser", sale)
    more = lambda: events.change_capacity(who, sale.slug, 5, 8)  # noqa: E731
    yield from changes(world, more, "SELECT count(*) FROM tickets", 8)


@USE_CASES
def an_organiser_takes_tickets_away(world: World) -> Life:
    sale = a_sale(0)
    who = somebody(world, "organiser", sale)
    fewer = lambda: events.change_capacity(who, sale.slug, 5, 3)  # noqa: E731
    yield from changes(world, fewer, "SELECT count(*) FROM tickets", 3)


@USE_CASES
def an_organiser_looks_around(world: World) -> Life:
    sale = a_sale(0)
    who = somebody(world, "organiser", sale)

    def look() -> None:
        assert [event.slug for event in events.own(who)] == [sale.slug]
        events.history(who, events.look(who, sale.slug))
        assert gateway_watch.away_since() is None
        assert not dashboard.live(who, sale.slug).line_away
        assert samples.story(events.look(who, sale.slug)).healed == []
        world.line_redis.flushall()
        assert dashboard.live(who, sale.slug).line_away

    yield look
    assert not dashboard.live(who, sale.slug).line_away


@USE_CASES
def an_organiser_tries_mail_and_gateway(world: World) -> Life:
    sale = a_sale(0)
    who = somebody(world, "organiser", sale)
    yield lambda: readiness.ask(who, sale.slug)
    # Who has died on the way asks again.
    readiness.ask(who, sale.slug)
    assert readiness.look(who, sale.slug).asking
    failpoint_world.deliver(outbox.MAIL)
    failpoint_world.deliver(outbox.MONEY)
    answers = "SELECT name, ok FROM checks WHERE name <> 'beats' ORDER BY name"
    assert world.rows(answers) == [("gateway", True), ("mail", True)]
    assert world.mails_to(who.email)


@USE_CASES
def the_workers_answer_the_readiness_list(world: World) -> Life:
    sale = a_sale(0)
    who = somebody(world, "organiser", sale)
    readiness.ask(who, sale.slug)

    def deliver_both() -> None:
        failpoint_world.deliver(outbox.MAIL)
        failpoint_world.deliver(outbox.MONEY)

    yield deliver_both
    deliver_both()
    assert world.rows("SELECT count(*) FROM checks WHERE ok") == [(2,)]


@USE_CASES
def an_organiser_has_looked_at_the_pages(world: World) -> Life:
    sale = a_sale(0)
    who = somebody(world, "organiser", sale)
    yield lambda: readiness.note_preview(who, sale.slug)
    readiness.note_preview(who, sale.slug)
    assert readiness.previewed_at(sale.id) is not None


@USE_CASES
def the_beats_look_at_a_sale(world: World) -> Life:
    sale = a_sale(0)
    yield samples.samples_once
    world.change("UPDATE samples SET at = at - interval '20 seconds'")
    assert samples.samples_once() == 1
    assert world.rows("SELECT DISTINCT event_id FROM samples") == [(sale.id,)]


@USE_CASES
def the_chart_of_a_long_sale_is_thinned(world: World) -> Life:
    a_sale(0)
    samples.samples_once()
    world.change(
        "INSERT INTO samples SELECT event_id, date_bin('1 minute', at, 'epoch')"
        " - interval '5 hours' + n * interval '10 seconds', waiting, inside, free, held, sold,"
        " joined, admitted, claimed, paid FROM samples, generate_series(0, 5) n"
    )
    world.change("UPDATE events SET sale_starts_at = now() - interval '9 days'")
    yield samples.thin_once
    assert samples.thin_once() == 0
    assert world.rows("SELECT count(*) FROM samples") == [(2,)]


@USE_CASES
def tables_that_have_grown_are_counted(world: World) -> Life:
    world.change(
        "WITH added AS (INSERT INTO fans (email) SELECT n FROM generate_series(1, 1000) n"
        " RETURNING 1) SELECT count(*), pg_stat_force_next_flush() FROM added"
    )
    # What earlier tests did to other tables is told late, so their number differs.
    yield lambda: plans.analyze_once(most=1)
    plans.analyze_once()
    assert world.rows("SELECT reltuples::int >= 1000 FROM pg_class WHERE relname = 'fans'") == [
        (True,)
    ]


@USE_CASES
def what_is_held_about_a_fan_is_handed_out(world: World) -> Life:
    _, claim = held()
    world.change("UPDATE fans SET email = 'ada@example.com'")
    yield lambda: personal.export("ada@example.com")
    found = personal.export("ada@example.com")["claims"]
    assert [one["reference"] for one in found] == [claim]


@USE_CASES
def a_fan_is_erased(world: World) -> Life:
    _, claim = held()
    world.change("UPDATE claims SET state = 'EXPIRED', ended_at = now()")
    world.change("UPDATE tickets SET claim_id = NULL")
    world.change("UPDATE fans SET email = 'ada@example.com'")
    yield lambda: personal.erase("ada@example.com")
    again(lambda: personal.erase("ada@example.com"), errors.AddressUnknown)
    assert world.rows("SELECT name, phone FROM claims") == [("erased", "")], claim


@USE_CASES
def what_was_kept_for_long_enough_is_erased(world: World) -> Life:
    world.change(
        "INSERT INTO outbox (lane, kind, payload, done_at)"
        " VALUES ('mail', 'send_tickets', '{}', now() - interval '9 years')"
    )
    yield personal.forget_once
    assert personal.forget_once() == 0
    assert world.rows("SELECT count(*) FROM outbox") == [(0,)]


@USE_CASES
def a_back_up_is_made(world: World) -> Life:
    held()
    file = Path(tempfile.mkdtemp(prefix="fairqueue-")) / "sale.dump"
    yield lambda: backup.back_up(file)
    assert backup.back_up(file) == file.stat().st_size > 10_000
    shutil.rmtree(file.parent)


@USE_CASES
def the_lines_begin_again_after_a_restore(world: World) -> Life:
    sale = a_sale()
    yield backup.begin_again
    assert backup.begin_again() == 1
    assert world.rows(f"SELECT epoch > 100 FROM lines WHERE event_id = {sale.id}") == [(True,)]


# -- support


def seen(who: StaffMember, claim: str) -> str:
    return support.look(who, claim).seen


@USE_CASES
def support_looks_around(world: World) -> Life:
    sale, claim = held()
    who = somebody(world, "support", sale)

    def look() -> None:
        email = support.look(who, claim).claim.email
        assert support.find(who, email).claims
        assert support.flagged(who) == []

    yield look
    look()


@USE_CASES
def support_gives_a_claim_back(world: World) -> Life:
    sale, claim = held()
    who = somebody(world, "support", sale)
    mark = seen(who, claim)
    give_back = lambda: support.give_back(who, claim, mark, "asked by phone")  # noqa: E731
    yield from changes(world, give_back, "SELECT state FROM claims", "RELEASED")


@USE_CASES
def support_gives_the_money_back(world: World) -> Life:
    sale, claim = confirmed(world)
    who = somebody(world, "support", sale)
    mark = seen(who, claim)
    refund = lambda: support.refund(who, claim, mark, "the fan fell ill")  # noqa: E731
    yield refund
    again(refund, errors.StateGone)
    world.beats()
    given_back(world, claim, "REFUNDED")


@USE_CASES
def support_settles_a_refund(world: World) -> Life:
    sale, claim = refund_owed(world)
    who = somebody(world, "support", sale)
    deliver()
    world.desk.move_refund(world.ledger.repayments()[0].id, "failed")
    step(world)()
    mark, payment = seen(who, claim), claims.look(claim).payments[0].reference
    settle = lambda: support.settle(who, claim, mark, payment, "cash at the door")  # noqa: E731
    yield settle
    again(settle, errors.StateGone)
    assert claims.look(claim).payments[0].refund_state in ("settled", "processed")


@USE_CASES
def support_sends_the_tickets_again(world: World) -> Life:
    sale, claim = confirmed(world)
    world.deliver()
    who = somebody(world, "support", sale)
    mark = seen(who, claim)
    send = lambda: support.send_tickets_again(who, claim, mark, "a-form-key", "lost")  # noqa: E731
    yield send
    send()
    assert world.rows("SELECT count(*) FROM outbox WHERE kind = 'send_tickets'") == [(2,)]
    bought(world, claim)


@USE_CASES
def support_asks_the_gateway(world: World) -> Life:
    sale, claim = opened()
    world.at_checkout(claim)
    who = somebody(world, "support", sale)
    mark = seen(who, claim)
    ask = lambda: support.ask_gateway(who, claim, mark)  # noqa: E731
    yield ask
    again(ask, errors.StateGone)
    bought(world, claim)


# -- marks


@USE_CASES
def places_of_one_network_are_marked(world: World) -> Life:
    event = factories.an_event(mark_joins=2)
    for _ in range(2):
        line.join(event.slug, factories.an_id(), network="203.0.113.9")
    world.beats()
    yield marks.mark_once
    marks.mark_once()
    assert world.rows("SELECT rule, together, cleared_at FROM marks") == [("network", 2, None)] * 2


def marked(world: World) -> tuple[StaffMember, str]:
    """Two marked places, the first with a proven address: who decides of them, and the event."""
    sale = a_sale(0, mark_joins=2)
    who = somebody(world, "organiser", sale)
    for _ in range(2):
        line.join(sale.slug, factories.an_id(), network="203.0.113.9")
    journal.journal_once()
    fan = factories.a_fan("ada@example.com").id
    world.change("UPDATE places SET fan_id = :fan WHERE number = 1", fan=fan)
    marks.mark_once()
    db.session.remove()
    return who, sale.slug


def of_all(who: StaffMember, slug: str, remove: bool) -> Callable[[], object]:
    """Decide of the one group."""
    found = marks.look(who, slug)
    choice = removals.Choice(found.groups[0].rule, found.groups[0].shared)
    return lambda: removals.decide(who, slug, choice, found.seen, remove, "of one hand")


PLACES = "SELECT DISTINCT p.state FROM places p JOIN marks m ON m.place_id = p.id"


@USE_CASES
def marked_places_are_looked_at(world: World) -> Life:
    who, slug = marked(world)

    def look() -> None:
        assert marks.counts(marks.look(who, slug).event) == (2, 0)

    yield look
    look()


@USE_CASES
def marked_places_are_suspended_and_go(world: World) -> Life:
    who, slug = marked(world)
    suspend = of_all(who, slug, remove=True)
    yield lambda: (suspend(), failpoint_world.deliver(outbox.MAIL))
    suspend()
    assert world.rows(PLACES) == [("suspended",)]
    assert ticks.reconcile() == 0
    world.change("UPDATE removals SET due_at = now()")
    assert removals.lapse_once() == 2
    assert world.rows(PLACES) == [("removed",)]


@USE_CASES
def the_time_of_suspended_places_is_over(world: World) -> Life:
    who, slug = marked(world)
    of_all(who, slug, remove=True)()
    world.change("UPDATE removals SET due_at = now()")
    yield removals.lapse_once
    removals.lapse_once()
    assert world.rows(PLACES) == [("removed",)]


@USE_CASES
def suspended_places_are_cleared(world: World) -> Life:
    who, slug = marked(world)
    of_all(who, slug, remove=True)()
    clear = of_all(who, slug, remove=False)
    yield clear
    again(clear, errors.StateGone)
    assert world.rows(PLACES) in ([("waiting",)], [("admitted",)], [("expired",)])
    assert ticks.reconcile() == 0


@USE_CASES
def a_fan_appeals(world: World) -> Life:
    who, slug = marked(world)
    facts, token = catalogue.facts(slug), line.join(slug, factories.an_id())
    world.beats()
    store_marks.decide(facts.id, [token.place_id], True, "of one hand", 600, who.actor)
    appeal = lambda: removals.appeal(facts, token, "I queue with my class.")  # noqa: E731
    yield appeal
    appeal()
    assert world.rows("SELECT appeal FROM removals") == [("I queue with my class.",)]


# -- people and operators


@USE_CASES
def somebody_is_given_a_log_in(world: World) -> Life:
    def add() -> None:
        staff.add("Lagos Live", "ada@example.com", "Ada", "admin", PASSWORD)

    yield add
    again(add, errors.StaffExists)
    assert world.rows("SELECT email FROM staff") == [("ada@example.com",)]
    assert world.rows("SELECT name FROM organisations") == [("Lagos Live",)]


@USE_CASES
def somebody_logs_in(world: World) -> Life:
    who = somebody(world, "support")

    def log_in() -> None:
        key = staff.log_in(who.email, PASSWORD).key
        loaded = sessions.load(key)
        assert loaded is not None
        assert loaded.id == staff.by_email(who.email).id == who.id

    yield log_in
    log_in()
    with suppress(errors.LogInRefused):
        staff.log_in(who.email, "wrong")


@USE_CASES
def a_password_is_changed(world: World) -> Life:
    who = somebody(world, "support")
    another = f"{PASSWORD} indeed"
    yield lambda: staff.change_password(who, PASSWORD, another)
    with suppress(errors.Invalid):
        staff.change_password(who, PASSWORD, another)
    assert staff.log_in(who.email, another).id == who.id


@USE_CASES
def somebody_ends_sessions(world: World) -> Life:
    email = somebody(world, "support").email
    here, there = staff.log_in(email, PASSWORD), staff.log_in(email, PASSWORD)
    world.change("UPDATE staff_sessions SET seen_at = now() - interval '2 minutes'")
    who = sessions.load(here.key)
    assert who is not None
    assert there.session_id is not None

    def end_them() -> None:
        sessions.seen(who)
        staff.make_sure(who, PASSWORD)
        assert there.session_id is not None
        sessions.end(who, there.session_id)
        sessions.log_out_everywhere(who)
        assert sessions.living(who) == []

    yield end_them
    end_them()
    assert sessions.load(here.key) is None


def link_to(world: World, email: str) -> str:
    """The end of the link in the newest mail to this address that has one of one use."""
    failpoint_world.deliver(outbox.MAIL)
    for one in world.mails_to(email):
        if found := re.search(r"/staff/(?:reset|invitation)/([\w.-]+)", one.text):
            return found[1]
    raise AssertionError("no link was sent")


@USE_CASES
def a_forgotten_password_is_asked_for(world: World) -> Life:
    who = somebody(world, "support")

    def ask_and_send() -> None:
        staff_links.ask_for_reset(who.email, HERE)
        failpoint_world.deliver(outbox.MAIL)

    yield ask_and_send
    ask_and_send()
    world.beats()
    assert staff_links.look_at_reset(link_to(world, who.email)).email == who.email


@USE_CASES
def a_forgotten_password_is_changed(world: World) -> Life:
    who = somebody(world, "support")
    staff_links.ask_for_reset(who.email, HERE)
    link, another = link_to(world, who.email), f"{PASSWORD} indeed"
    yield lambda: staff_links.reset(link, another, HERE)
    again(lambda: staff_links.reset(link, another, HERE), errors.StaffLinkOver)
    assert staff.log_in(who.email, another).id == who.id
    world.beats()
    assert "was changed" in world.mails_to(who.email)[0].subject


@USE_CASES
def somebody_is_invited(world: World) -> Life:
    admin = somebody(world, "admin")

    def invite_and_send() -> None:
        staff_links.invite(admin, "bisi@example.com", "support")
        failpoint_world.deliver(outbox.MAIL)

    yield invite_and_send
    invite_and_send()
    world.beats()
    link = link_to(world, "bisi@example.com")
    assert staff_links.look_at_invitation(link).role == "support"


@USE_CASES
def an_invitation_is_accepted(world: World) -> Life:
    admin = somebody(world, "admin")
    staff_links.invite(admin, "bisi@example.com", "support")
    link = link_to(world, "bisi@example.com")
    yield lambda: staff_links.accept(link, "Bisi", PASSWORD, HERE)
    again(lambda: staff_links.accept(link, "Bisi", PASSWORD, HERE), errors.StaffLinkOver)
    assert staff.log_in("bisi@example.com", PASSWORD).role == "support"


@USE_CASES
def an_admin_looks_after_the_people(world: World) -> Life:
    admin, other = somebody(world, "admin"), somebody(world, "support")
    staff_links.invite(admin, "bisi@example.com", "support")
    waiting = colleagues.everybody(admin)[1][0].id

    def look_after() -> None:
        colleagues.disable(admin, other.id)
        colleagues.enable(admin, other.id)
        colleagues.log_out(admin, other.id)
        with suppress(errors.StateGone):
            colleagues.change_role(admin, other.id, "support", "organiser")
        staff_links.withdraw(admin, waiting)
        colleagues.everybody(admin)

    yield look_after
    look_after()
    people, invitations = colleagues.everybody(admin)
    assert [(one.role, one.disabled_at) for one in people if one.id == other.id] == [
        ("organiser", None)
    ]
    assert invitations == []


def the_app_of(member: StaffMember) -> Callable[[int], str]:
    """Turns the second factor on with the code of the last half minute: the app's other codes."""
    phone = pyotp.TOTP(second_factor.offer(member).secret)
    began = factories.utc_now()
    left = 30 - began.timestamp() % 30
    if left < 1:
        # In the next half minute the code of the last one would count no more.
        sleep(left)
        began += timedelta(seconds=left)
    code = lambda steps: phone.at(began + timedelta(seconds=30 * steps))  # noqa: E731
    second_factor.turn_on(member, code(-1))
    return code


@USE_CASES
def a_second_factor_is_turned_on(world: World) -> Life:
    who = somebody(world, "support")

    def turn_on() -> None:
        phone = pyotp.TOTP(second_factor.offer(who).secret)
        second_factor.turn_on(who, phone.now())

    yield turn_on
    again(turn_on, errors.StateGone)
    assert staff.log_in(who.email, PASSWORD).has_code
    assert world.rows("SELECT count(*) FROM staff_recovery_codes") == [(10,)]


@USE_CASES
def somebody_logs_in_with_a_code(world: World) -> Life:
    who = somebody(world, "support")
    code = the_app_of(who)

    def log_in() -> None:
        half = second_factor.halfway(staff.log_in(who.email, PASSWORD))
        with suppress(errors.Invalid):
            second_factor.log_in(half, "wrong", HERE)
        assert second_factor.log_in(half, code(0), HERE).id == who.id

    yield log_in
    with suppress(errors.Invalid):
        log_in()
    # Its owner is told that a used code was sent again.
    failpoint_world.deliver(outbox.MAIL)
    assert any("opened nothing" in one.text for one in world.mails_to(who.email))
    half = second_factor.halfway(staff.log_in(who.email, PASSWORD))
    assert second_factor.log_in(half, code(1), HERE).id == who.id


@USE_CASES
def a_second_factor_is_kept_in_order(world: World) -> Life:
    who = somebody(world, "support")
    code = the_app_of(who)

    def keep() -> None:
        assert second_factor.recovery_codes_left(who) == 10
        second_factor.new_recovery_codes(who, code(0))
        second_factor.turn_off(who, code(1))

    yield keep
    with suppress(errors.Invalid):
        second_factor.turn_off(who, code(1))
    assert not staff.log_in(who.email, PASSWORD).has_code


@USE_CASES
def a_second_factor_is_lost(world: World) -> Life:
    admin, who = somebody(world, "admin"), somebody(world, "support")
    the_app_of(who)
    the_app_of(admin)

    def help_both() -> None:
        second_factor.require(admin, True)
        colleagues.take_code_away(admin, who.id)
        with suppress(errors.StateGone):
            second_factor.take_away(admin.email)

    yield help_both
    help_both()
    assert not staff.log_in(who.email, PASSWORD).has_code
    assert not staff.log_in(admin.email, PASSWORD).has_code
    assert staff.by_email(admin.email).must_have_code


@USE_CASES
def somebody_logs_out(world: World) -> Life:
    who = somebody(world, "support")
    yield lambda: sessions.log_out(who)
    sessions.log_out(who)
    assert world.rows("SELECT DISTINCT verb FROM staff_actions ORDER BY 1")[-1] == ("logged out",)


@USE_CASES
def an_admin_reads_who_fetched_what(world: World) -> Life:
    sale = a_sale(0)
    who = somebody(world, "admin", sale)

    def fetch_and_read() -> None:
        sheets.payments(who, sale.slug).close()
        assert trail.page(who).actions[0].verb == "downloaded the payments"

    yield fetch_and_read
    fetch_and_read()


@USE_CASES
def the_demo_data_is_loaded(world: World) -> Life:
    yield demo.load_demo
    loaded = demo.load_demo()
    assert world.rows("SELECT count(*) FROM staff") == [(3,)]
    assert len(world.rows("SELECT slug FROM events")) == len(loaded["events"])
    states = dict(world.rows("SELECT slug, state FROM events"))
    found = [states[slug] for slug in loaded["events"]]
    assert found == ["on_sale", "published", "paused"], found


@USE_CASES
def the_books_are_audited(world: World) -> Life:
    refund_owed(world)
    deliver()
    yield lambda: audit.audit(ask_gateway=True)
    assert audit.audit(ask_gateway=True).violations == []


@USE_CASES
def an_organiser_edits_the_refused_domains(world: World) -> Life:
    organiser = somebody(world, "organiser")
    before = addresses.mark(addresses.refused(organiser))

    def change() -> None:
        addresses.change(organiser, addresses.mark(addresses.refused(organiser)), "bots.example")

    yield change
    with suppress(errors.StateGone):
        addresses.change(organiser, before, "bots.example")
    assert addresses.refused(organiser) == ["bots.example"]
    assert world.rows("SELECT count(*) FROM staff_actions WHERE kind = 'organisation'") == [(1,)]
