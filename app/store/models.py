"""The tables. Constraints have names that say what they forbid.

Money is in the smallest unit of its currency; times are UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.store.base import Base

Moment = DateTime(timezone=True)


def _id() -> Mapped[int]:
    return mapped_column(BigInteger, Identity(always=True), primary_key=True)


def _created() -> Mapped[datetime]:
    return mapped_column(Moment, server_default=func.now())


def _one_of(column: str, *values: str) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Organisation(Base):
    __tablename__ = "organisations"

    id: Mapped[int] = _id()
    name: Mapped[str] = mapped_column(Text)
    # Whether each of its people has to have a second factor.
    second_factor_required: Mapped[bool] = mapped_column(server_default=text("false"))
    # No code is sent to addresses of these; NULL for the usual ones (app/domain/addresses.py).
    refused_domains: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = _created()


class Staff(Base):
    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint(_one_of("role", "organiser", "support", "admin"), name="role_is_known"),
        CheckConstraint("email = lower(email)", name="email_is_lower_case"),
        CheckConstraint(
            "totp_since IS NULL OR totp_seed IS NOT NULL", name="second_factor_has_a_seed"
        ),
    )

    id: Mapped[int] = _id()
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"))
    email: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    disabled_at: Mapped[datetime | None] = mapped_column(Moment)
    # The second factor: of what its secret is made, since when it is asked for, and which half
    # minute's code was the last that counted.
    totp_seed: Mapped[str | None] = mapped_column(Text)
    totp_since: Mapped[datetime | None] = mapped_column(Moment)
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = _created()


class Event(Base):
    __tablename__ = "events"
    __table_args__ = (
        CheckConstraint(
            _one_of("state", "draft", "published", "on_sale", "paused", "closed"),
            name="state_is_known",
        ),
        CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug_is_plain"),
        CheckConstraint("sale_ends_at > sale_starts_at", name="sale_ends_after_it_starts"),
        CheckConstraint("capacity > 0", name="capacity_is_positive"),
        CheckConstraint("price > 0", name="price_is_positive"),
        CheckConstraint("max_per_fan BETWEEN 1 AND 20", name="max_per_fan_is_sane"),
        CheckConstraint("hold_seconds > 0", name="hold_is_positive"),
        CheckConstraint("pass_seconds > 0", name="pass_is_positive"),
        CheckConstraint("admit_per_minute > 0", name="rate_is_positive"),
        CheckConstraint("pass_capacity > 0", name="pass_capacity_is_positive"),
        CheckConstraint(
            "(state = 'paused') = (paused_at IS NOT NULL)", name="paused_says_since_when"
        ),
        CheckConstraint("state <> 'paused' OR pause_reason <> ''", name="paused_says_why"),
        CheckConstraint(_one_of("proof", "off", "light", "heavy"), name="proof_is_known"),
        CheckConstraint("mark_joins >= 0", name="mark_joins_is_a_count"),
    )

    id: Mapped[int] = _id()
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"))
    slug: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    venue: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    starts_at: Mapped[datetime] = mapped_column(Moment)
    time_zone: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="draft")
    sale_starts_at: Mapped[datetime] = mapped_column(Moment)
    sale_ends_at: Mapped[datetime] = mapped_column(Moment)
    capacity: Mapped[int]
    price: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    max_per_fan: Mapped[int] = mapped_column(server_default="4")
    hold_seconds: Mapped[int] = mapped_column(server_default="600")
    pass_seconds: Mapped[int] = mapped_column(server_default="300")
    admit_per_minute: Mapped[int]
    pass_capacity: Mapped[int]
    # The work that is asked of each place before its turn (app/domain/proofs.py).
    proof: Mapped[str] = mapped_column(Text, server_default="off")
    # Places are marked when so many join from one network within a minute; 0 marks none at all.
    mark_joins: Mapped[int] = mapped_column(server_default="30")
    message: Mapped[str] = mapped_column(Text, server_default="")
    message_at: Mapped[datetime | None] = mapped_column(Moment)
    pause_reason: Mapped[str] = mapped_column(Text, server_default="")
    paused_at: Mapped[datetime | None] = mapped_column(Moment)
    # When the fans were told that they will hear more; NULL when no time was named.
    pause_next_word_at: Mapped[datetime | None] = mapped_column(Moment)
    # How long the sale has been paused in all. Passes run out in sale time, which stands
    # still during a pause: sale time = time - paused_ms.
    paused_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[datetime] = _created()

    line: Mapped[Line] = relationship(back_populates="event", uselist=False)


class Line(Base):
    """What Postgres knows of one event's line: which life of the Redis copy counts, and how
    far its journal has been read. Made when the event is published."""

    __tablename__ = "lines"

    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), primary_key=True)
    # 0 until the Redis copy has been written for the first time.
    epoch: Mapped[int] = mapped_column(server_default="0")
    number_floor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    journaled_number: Mapped[int] = mapped_column(BigInteger, server_default="0")
    journal_id: Mapped[str] = mapped_column(Text, server_default="0-0")
    guard_number: Mapped[int | None] = mapped_column(BigInteger)
    guard_until: Mapped[datetime | None] = mapped_column(Moment)
    # Until the beat `forget` has taken the networks off the places of a sale that is over.
    networks_kept: Mapped[bool] = mapped_column(server_default=text("true"))

    event: Mapped[Event] = relationship(back_populates="line")


class Fan(Base):
    __tablename__ = "fans"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_is_lower_case"),)

    id: Mapped[int] = _id()
    email: Mapped[str] = mapped_column(Text, unique=True)
    # In which we write mails: that of the page on which the address was last proven.
    language: Mapped[str] = mapped_column(Text, server_default="en")
    created_at: Mapped[datetime] = _created()


class Place(Base):
    __tablename__ = "places"
    __table_args__ = (
        CheckConstraint(
            _one_of(
                "state",
                "waiting",
                "admitted",
                "suspended",
                "used",
                "left",
                "expired",
                "merged",
                "removed",
            ),
            name="state_is_known",
        ),
        CheckConstraint("number > 0", name="number_is_positive"),
        CheckConstraint(
            "(state = 'merged') = (merged_into IS NOT NULL)", name="merged_says_into_which"
        ),
        CheckConstraint(_one_of("proof", "work", "address"), name="proof_is_known"),
        CheckConstraint("(proof IS NULL) = (proof_at IS NULL)", name="proof_says_when"),
        UniqueConstraint("event_id", "number", name="places_number_is_given_once"),
        UniqueConstraint("id", "event_id", name="places_id_and_event"),
        Index(
            "places_one_live_per_fan",
            "event_id",
            "fan_id",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'admitted')"),
        ),
        Index("places_by_fan", "fan_id"),
        Index(
            "places_live",
            "event_id",
            "number",
            postgresql_where=text("state IN ('waiting', 'admitted')"),
        ),
    )

    # 16 characters from secrets.token_urlsafe(12), the same in Redis, Postgres and the cookie.
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    visitor: Mapped[str | None] = mapped_column(Text)
    number: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int]
    # How often a pass of this place ran out and put it back. (turn, state) only moves forward.
    turn: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str] = mapped_column(Text, server_default="waiting")
    fan_id: Mapped[int | None] = mapped_column(ForeignKey("fans.id"))
    merged_into: Mapped[str | None] = mapped_column(ForeignKey("places.id"))
    # Sale time in milliseconds; see Event.paused_ms.
    pass_until: Mapped[int | None] = mapped_column(BigInteger)
    # The turn whose pass was made longer: once for each turn.
    extended_turn: Mapped[int | None]
    # How it has proven that it is worth a turn, if it has (app/domain/proofs.py).
    proof: Mapped[str | None] = mapped_column(Text)
    proof_at: Mapped[datetime | None] = mapped_column(Moment)
    # Where it was joined from, as network_mark() names it (app/domain/networks.py); NULL when the
    # sale is over.
    network: Mapped[str | None] = mapped_column(Text)
    joined_at: Mapped[datetime] = mapped_column(Moment)
    admitted_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)


class Mark(Base):
    """Why a place looks as if somebody took many (sql/functions/marks.sql). It stays in line.

    `shared` is what the places of one group have in common, as a hash; `together` how many they
    are. Staff who cleared a mark have `cleared_at` set, and the place is not marked again for the
    same reason.
    """

    __tablename__ = "marks"
    __table_args__ = (
        CheckConstraint(_one_of("rule", "network", "mailbox"), name="rule_is_known"),
        Index("marks_by_event", "event_id", "rule", "shared"),
    )

    place_id: Mapped[str] = mapped_column(ForeignKey("places.id"), primary_key=True)
    rule: Mapped[str] = mapped_column(Text, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    shared: Mapped[str] = mapped_column(Text)
    together: Mapped[int]
    marked_at: Mapped[datetime] = _created()
    cleared_at: Mapped[datetime | None] = mapped_column(Moment)


class Removal(Base):
    """Staff want a place to go. It is suspended until `due_at`, and then removed, unless the fan
    has appealed: then until staff have decided. The fan reads `reason` and `answer`."""

    __tablename__ = "removals"
    __table_args__ = (
        CheckConstraint(_one_of("outcome", "removed", "kept"), name="outcome_is_known"),
        CheckConstraint("(outcome IS NULL) = (decided_at IS NULL)", name="decided_says_how"),
        CheckConstraint("(appeal = '') = (appealed_at IS NULL)", name="appeal_says_when"),
        Index(
            "removals_one_open_per_place",
            "place_id",
            unique=True,
            postgresql_where=text("outcome IS NULL"),
        ),
        Index("removals_by_place", "place_id", "id"),
    )

    id: Mapped[int] = _id()
    place_id: Mapped[str] = mapped_column(ForeignKey("places.id"))
    reason: Mapped[str] = mapped_column(Text)
    announced_at: Mapped[datetime] = _created()
    due_at: Mapped[datetime] = mapped_column(Moment)
    appeal: Mapped[str] = mapped_column(Text, server_default="")
    appealed_at: Mapped[datetime | None] = mapped_column(Moment)
    outcome: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text, server_default="")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)


class Carry(Base):
    """A link that carries a place to another browser, once."""

    __tablename__ = "carries"
    __table_args__ = (
        CheckConstraint("(used_at IS NULL) = (used_by IS NULL)", name="used_says_by_whom"),
        Index("carries_by_place", "place_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    place_id: Mapped[str] = mapped_column(ForeignKey("places.id"))
    # Whose proof of an address goes along: only in mails, which reach nobody but this fan.
    fan_id: Mapped[int | None] = mapped_column(ForeignKey("fans.id"))
    created_at: Mapped[datetime] = _created()
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    # The visitor that used it, who is given the same answer again.
    used_by: Mapped[str | None] = mapped_column(Text)


class Verification(Base):
    """One code sent to one address for one place. The code itself is derived, never stored."""

    __tablename__ = "verifications"
    __table_args__ = (
        CheckConstraint("tries BETWEEN 0 AND 5", name="five_tries_at_most"),
        Index("verifications_by_place", "place_id"),
        Index("verifications_by_email", "email", "created_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    place_id: Mapped[str] = mapped_column(ForeignKey("places.id"))
    email: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = _created()
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    proven_at: Mapped[datetime | None] = mapped_column(Moment)


class Claim(Base):
    __tablename__ = "claims"
    __table_args__ = (
        CheckConstraint(
            _one_of("state", "HELD", "CONFIRMED", "REFUNDED", "RELEASED", "EXPIRED"),
            name="state_is_known",
        ),
        CheckConstraint("quantity > 0", name="quantity_is_positive"),
        CheckConstraint("amount = quantity * unit_price", name="amount_is_quantity_times_price"),
        UniqueConstraint("place_id", name="claims_place_buys_once"),
        UniqueConstraint("form_key", name="claims_form_is_sent_once"),
        UniqueConstraint("id", "event_id", name="claims_id_and_event"),
        ForeignKeyConstraint(
            ["place_id", "event_id"],
            ["places.id", "places.event_id"],
            name="claims_place_is_of_the_same_event",
        ),
        Index(
            "claims_one_live_per_fan",
            "event_id",
            "fan_id",
            unique=True,
            postgresql_where=text("state IN ('HELD', 'CONFIRMED')"),
        ),
        Index("claims_by_fan", "fan_id"),
        Index("claims_held", "held_until", postgresql_where=text("state = 'HELD'")),
        Index("claims_by_event", "event_id", "created_at"),
    )

    id: Mapped[int] = _id()
    reference: Mapped[str] = mapped_column(Text, unique=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    fan_id: Mapped[int] = mapped_column(ForeignKey("fans.id"))
    place_id: Mapped[str] = mapped_column(Text)
    form_key: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="HELD")
    quantity: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(Text, server_default="")
    unit_price: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime] = _created()
    held_until: Mapped[datetime] = mapped_column(Moment)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    # When the hold was made longer, which happens once at most.
    extended_at: Mapped[datetime | None] = mapped_column(Moment)

    event: Mapped[Event] = relationship()
    fan: Mapped[Fan] = relationship()
    payments: Mapped[list[Payment]] = relationship(back_populates="claim", order_by="Payment.id")
    tickets: Mapped[list[Ticket]] = relationship(
        order_by="Ticket.number", primaryjoin="Ticket.claim_id == Claim.id", viewonly=True
    )


class Ticket(Base):
    """One numbered unit of an event. There is no other place to put a sale."""

    __tablename__ = "tickets"
    __table_args__ = (
        CheckConstraint("number > 0", name="number_is_positive"),
        CheckConstraint("code IS NULL OR claim_id IS NOT NULL", name="code_needs_a_claim"),
        ForeignKeyConstraint(
            ["claim_id", "event_id"],
            ["claims.id", "claims.event_id"],
            name="tickets_claim_is_of_the_same_event",
        ),
        Index("tickets_free", "event_id", "number", postgresql_where=text("claim_id IS NULL")),
        Index("tickets_by_claim", "claim_id", postgresql_where=text("claim_id IS NOT NULL")),
    )

    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    claim_id: Mapped[int | None] = mapped_column(BigInteger)
    code: Mapped[str | None] = mapped_column(Text, unique=True)


class Payment(Base):
    """One attempt to pay a claim, written before the gateway hears of it."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint(
            _one_of(
                "state", "INITIALIZING", "PENDING", "SUCCEEDED", "FAILED", "ABANDONED", "SUPERSEDED"
            ),
            name="state_is_known",
        ),
        CheckConstraint("amount > 0", name="amount_is_positive"),
        CheckConstraint("NOT counts OR state = 'SUCCEEDED'", name="only_a_success_counts"),
        Index(
            "payments_one_counts_per_claim",
            "claim_id",
            unique=True,
            postgresql_where=text("counts"),
        ),
        Index("payments_by_claim", "claim_id"),
        Index(
            "payments_to_ask",
            "next_check_at",
            postgresql_where=text("next_check_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = _id()
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"))
    reference: Mapped[str] = mapped_column(Text, unique=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(Text, server_default="INITIALIZING")
    counts: Mapped[bool] = mapped_column(server_default=text("false"))
    authorization_url: Mapped[str | None] = mapped_column(Text)
    # What the gateway said last, in its own word (success, failed, abandoned, ongoing ...).
    gateway_status: Mapped[str | None] = mapped_column(Text)
    gateway_id: Mapped[int | None] = mapped_column(BigInteger)
    gateway_log: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    received_amount: Mapped[int | None] = mapped_column(BigInteger)
    received_currency: Mapped[str | None] = mapped_column(String(3))
    paid_at: Mapped[datetime | None] = mapped_column(Moment)
    checked_at: Mapped[datetime | None] = mapped_column(Moment)
    next_check_at: Mapped[datetime | None] = mapped_column(Moment)
    taken_until: Mapped[datetime | None] = mapped_column(Moment)
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = _created()

    claim: Mapped[Claim] = relationship(back_populates="payments")
    refund: Mapped[Refund | None] = relationship(back_populates="payment", uselist=False)


class Refund(Base):
    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint(
            _one_of(
                "state",
                "owed",
                "pending",
                "processing",
                "processed",
                "failed",
                "needs-attention",
                "settled",
            ),
            name="state_is_known",
        ),
        CheckConstraint("amount > 0", name="amount_is_positive"),
        UniqueConstraint("payment_id", name="refunds_one_per_payment"),
    )

    id: Mapped[int] = _id()
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(Text, server_default="owed")
    reason: Mapped[str] = mapped_column(Text)
    gateway_id: Mapped[int | None] = mapped_column(BigInteger)
    asked_at: Mapped[datetime | None] = mapped_column(Moment)
    next_try_at: Mapped[datetime | None] = mapped_column(Moment)
    taken_until: Mapped[datetime | None] = mapped_column(Moment)
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = _created()
    done_at: Mapped[datetime | None] = mapped_column(Moment)

    payment: Mapped[Payment] = relationship(back_populates="refund")


class InboxEntry(Base):
    """What the gateway told us, as it told us, before anything is done about it."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("key", name="inbox_heard_once"),
        Index("inbox_unhandled", "id", postgresql_where=text("handled_at IS NULL")),
    )

    id: Mapped[int] = _id()
    key: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    received_at: Mapped[datetime] = _created()
    handled_at: Mapped[datetime | None] = mapped_column(Moment)


class OutboxEntry(Base):
    """What we owe the outside world, written in the transaction that made us owe it."""

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint(_one_of("lane", "money", "mail"), name="lane_is_known"),
        UniqueConstraint("key", name="outbox_owed_once"),
        Index("outbox_due", "lane", "due_at", postgresql_where=text("done_at IS NULL")),
    )

    id: Mapped[int] = _id()
    lane: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    # Two entries with the same key are one debt; NULL when every entry counts.
    key: Mapped[str | None] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = _created()
    due_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    taken_until: Mapped[datetime | None] = mapped_column(Moment)
    attempts: Mapped[int] = mapped_column(server_default="0")
    done_at: Mapped[datetime | None] = mapped_column(Moment)
    last_error: Mapped[str | None] = mapped_column(Text)


class TimelineEntry(Base):
    """Who did what when. `actor` is fan, system, gateway or staff:<id>."""

    __tablename__ = "timeline"
    __table_args__ = (
        Index("timeline_by_claim", "claim_id", postgresql_where=text("claim_id IS NOT NULL")),
        Index("timeline_by_event", "event_id", "at"),
    )

    id: Mapped[int] = _id()
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    claim_id: Mapped[int | None] = mapped_column(ForeignKey("claims.id"))
    place_id: Mapped[str | None] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    verb: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    at: Mapped[datetime] = _created()


class StaffSession(Base):
    """One log-in in one browser, which holds the token of which this keeps the hash."""

    __tablename__ = "staff_sessions"
    __table_args__ = (Index("staff_sessions_by_person", "staff_id", "created_at"),)

    id: Mapped[int] = _id()
    token_hash: Mapped[str] = mapped_column(Text, unique=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    address: Mapped[str] = mapped_column(Text)
    network: Mapped[str] = mapped_column(Text)
    browser: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = _created()
    seen_at: Mapped[datetime] = _created()
    ended_at: Mapped[datetime | None] = mapped_column(Moment)


class RecoveryCode(Base):
    """A code for who has lost the second factor; it counts once."""

    __tablename__ = "staff_recovery_codes"

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class StaffLink(Base):
    """A link in a mail that works once; the number alone opens nothing. `staff_id` is whose
    password it changes, or who invites."""

    __tablename__ = "staff_links"
    __table_args__ = (
        CheckConstraint(_one_of("kind", "reset", "invitation"), name="kind_is_known"),
        CheckConstraint(
            "(kind = 'invitation') = (role IS NOT NULL)", name="an_invitation_names_a_role"
        ),
        CheckConstraint(_one_of("role", "organiser", "support", "admin"), name="role_is_known"),
        Index(
            "staff_links_open",
            "organisation_id",
            "email",
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"))
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    email: Mapped[str] = mapped_column(Text)
    role: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = _created()
    expires_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)


class StaffTry(Base):
    """Somebody tried to log in, or the like, and is not known to have succeeded. `account` is the
    hash of what was typed as the address."""

    __tablename__ = "staff_tries"
    __table_args__ = (
        Index("staff_tries_of_account", "account", "at"),
        Index("staff_tries_of_network", "network", "at"),
    )

    id: Mapped[int] = _id()
    kind: Mapped[str] = mapped_column(Text)
    account: Mapped[str] = mapped_column(Text)
    network: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Moment, server_default=func.now(), index=True)


class StaffAction(Base):
    """What somebody of an organisation did: never changed, never deleted.

    It refers to nobody by a foreign key: it says what was so then. `staff_id` is NULL where nobody
    was logged in. `kind` is event, claim, place, staff or organisation, `subject` its slug,
    reference, id, address or name.
    """

    __tablename__ = "staff_actions"
    __table_args__ = (
        Index("staff_actions_latest", "organisation_id", "id"),
        Index("staff_actions_by_person", "staff_id", "id"),
        Index("staff_actions_by_subject", "subject", "id"),
    )

    id: Mapped[int] = _id()
    at: Mapped[datetime] = _created()
    organisation_id: Mapped[int] = mapped_column(BigInteger)
    staff_id: Mapped[int | None] = mapped_column(BigInteger)
    verb: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    before: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    after: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    address: Mapped[str] = mapped_column(Text, server_default="")
    request_id: Mapped[str] = mapped_column(Text, server_default="")


class Sample(Base):
    """How an event stood at one moment, for the charts (services/samples.py).

    The first four count what is so now: places that wait and are inside, tickets free and held.
    The others only grow, refunds and merges aside: tickets sold, places that joined and were
    admitted, claims made and paid.
    """

    __tablename__ = "samples"

    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), primary_key=True)
    # The beginning of its ten seconds, so that ten seconds have one sample.
    at: Mapped[datetime] = mapped_column(Moment, primary_key=True)
    waiting: Mapped[int]
    inside: Mapped[int]
    free: Mapped[int]
    held: Mapped[int]
    sold: Mapped[int]
    joined: Mapped[int]
    admitted: Mapped[int]
    claimed: Mapped[int]
    paid: Mapped[int]


class Check(Base):
    """The latest time that something was tried which a sale needs, and what came of it.

    `name` is mail, gateway or beats. `ok` is NULL until the first answer; `trouble` is what was
    in the way, for people who look after the machine.
    """

    __tablename__ = "checks"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    asked_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    ok: Mapped[bool | None]
    trouble: Mapped[str] = mapped_column(Text, server_default="")
    took_ms: Mapped[int | None]
