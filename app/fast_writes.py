"""The short way for what writes: a claim, the button "Pay", a webhook; as app/fast.py for reads.

The same holds as there: these call the services that the views call, and whatever is unusual goes
on to Flask. What writes must not be done twice because it goes on:

- What a service refused goes on together with the refusal, which the view raises again instead of
  asking once more (guard.not_again).
- Only a fault of ours makes Flask ask again. That changes nothing, for a claim has its form key, a
  webhook its hash, and a claim one open payment.

No limit per network counts what is answered here; app/views/limits.py says why.

tests/test_fast_writes.py asks both ways and compares their answers.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from urllib.parse import parse_qsl

from app import metrics
from app.domain.claims import check_form
from app.domain.errors import Invalid, Refusal
from app.domain.references import as_claim_reference
from app.fast import EMPTY, HTML, NOT_KEPT, Answer, Environ, of_body
from app.services import catalogue, claims, inbox, payments
from app.views import cookies, guard, paying
from app.views.claims import FORM_KEY, fan_id, made, shown_at
from app.views.language import of_browser

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 10


def writes(environ: Environ) -> Answer | None:
    """The answer, or None if Flask is to find it."""
    if environ["REQUEST_METHOD"] != "POST" or environ.get("QUERY_STRING"):
        return None
    _, first, *rest = (environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]).split("/")
    ask = ASKED.get((first, *rest[1:]))
    if ask is None or not guard.host_is_ours(environ):
        return None
    try:
        return ask(environ, rest[0])
    except Refusal as refusal:
        environ[guard.REFUSED] = refusal
        return None


def claim(environ: Environ, slug: str) -> Answer | None:
    facts = catalogue.facts_if_known(slug)
    jar = cookies.jar_of(environ.get("HTTP_COOKIE", ""))
    if facts is None or not sent_by_us(environ, jar):
        return None
    place, turn, fan = cookies.place(facts.id, jar), cookies.turn(facts.id, jar), cookies.fan(jar)
    if place is None or turn is None or fan is None or turn.place_id != place.place_id:
        return None
    form = form_of(environ)
    if form is None or not FORM_KEY.fullmatch(form.get("form_key", "")):
        return None
    try:
        checked = check_form(form, facts.max_per_fan)
    except Invalid:
        return None
    reference = claims.claim(facts, turn, fan.fan_id, checked, form["form_key"])
    return Answer("claims.make", 303, [*EMPTY, *made(reference), NOT_KEPT], document=False)


def pay(environ: Environ, reference: str) -> Answer | None:
    jar = cookies.jar_of(environ.get("HTTP_COOKIE", ""))
    if reference != as_claim_reference(reference) or not sent_by_us(environ, jar):
        return None
    if not guard.has_short_body(environ):
        return None
    fan, htmx = fan_id(reference, jar), environ.get("HTTP_HX_REQUEST")
    if htmx == "true":
        opened = payments.pay_first(reference, fan)
        language = of_browser(jar, environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        html = paying.fragment_if_known(reference, opened, language) if opened else None
        if html is None:
            return None
        body = html.encode()
        return Answer("claims.pay", 200, [*of_body(body, HTML), NOT_KEPT], body)
    if htmx is not None or payments.pay(reference, fan) is not None:
        return None
    return Answer("claims.pay", 303, [*EMPTY, *shown_at(reference), NOT_KEPT], document=False)


def webhook(environ: Environ, _: str) -> Answer | None:
    if not guard.may_be_the_gateway(environ):
        return None
    body = body_of(environ, guard.LONGEST_WEBHOOK)
    if body is None:
        return None
    inbox.receive(body, environ.get("HTTP_X_PAYSTACK_SIGNATURE"))
    metrics.WEBHOOKS.labels("stored").inc()
    return Answer("webhooks.paystack", 200, [*EMPTY, NOT_KEPT])


def sent_by_us(environ: Environ, jar: dict[str, str]) -> bool:
    """As guard.check() decides it for these."""
    ours = guard.asked_by_us(environ)
    if ours is not None:
        return ours
    form = form_of(environ)
    return form is not None and guard.is_own_form(jar, form.get(guard.FIELD))


def form_of(environ: Environ) -> dict[str, str] | None:
    """The fields of a form that is sent as browsers send it, each once."""
    body = body_of(environ) if environ.get("CONTENT_TYPE") == FORM else None
    if body is None:
        return None
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        return None
    form = dict(pairs)
    return form if len(form) == len(pairs) else None


def body_of(environ: Environ, longest: int = guard.LONGEST) -> bytes | None:
    """The whole body, which stays there to be read for whoever answers in our place."""
    if not environ.get("CONTENT_LENGTH") or not guard.has_short_body(environ, longest):
        return None
    length = int(environ["CONTENT_LENGTH"])
    body = guard.read_body(environ, length)
    environ["wsgi.input"] = BytesIO(body)
    return body if len(body) == length else None


# By the address without its second part, which names the event or the claim.
ASKED: dict[tuple[str, ...], Callable[[Environ, str], Answer | None]] = {
    ("events", "claim"): claim,
    ("claims", "pay"): pay,
    ("webhooks",): webhook,
}
