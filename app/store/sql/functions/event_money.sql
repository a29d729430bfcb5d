-- The money of one event: a row for each of its payments and what that counts as. The figures on
-- the organiser's page and both downloads are read from here, so they cannot differ.
--
--   taken        it pays for the tickets of a confirmed claim
--   refund owed  it came in and has to go back; it is not there yet
--   refunded     it went back, through the gateway or by hand
--   unexplained  it came in and is none of these; the audit calls that a violation
--   in doubt     see below
--   nothing      no money has moved
--
-- In doubt is a payment that may have succeeded without our knowing: one that is being opened, or
-- one that the gateway is still asked about (next_check_at) and that is open or has never been
-- called over by it; since every hold ends at its hard limit, every question gets an answer or
-- ends 72 hours after the payment was made, this comes to nothing by itself.
--
-- counted_amount and counted_currency are what the row adds to its kind: the refund's where there
-- is one, else what was received, else what was asked for.
DROP FUNCTION IF EXISTS event_money(bigint);

CREATE FUNCTION event_money(wanted_event_id bigint) RETURNS TABLE (
    payment_id bigint, payment text, claim text, claim_state text, state text, counts_as text,
    counted_amount bigint, counted_currency text,
    amount bigint, currency text, received_amount bigint, received_currency text,
    gateway_status text, gateway_id bigint,
    created_at timestamptz, paid_at timestamptz, checked_at timestamptz,
    refund_id bigint, refund_state text, refund_reason text, refund_gateway_id bigint,
    refund_created_at timestamptz, refund_done_at timestamptz
) LANGUAGE sql STABLE AS $$
    SELECT
        p.id, p.reference, c.reference, c.state, p.state,
        CASE
            WHEN r.state IN ('processed', 'settled') THEN 'refunded'
            WHEN r.id IS NOT NULL THEN 'refund owed'
            WHEN p.counts AND c.state = 'CONFIRMED' THEN 'taken'
            WHEN p.state = 'SUCCEEDED' THEN 'unexplained'
            WHEN p.state = 'INITIALIZING' THEN 'in doubt'
            WHEN p.next_check_at IS NULL THEN 'nothing'
            WHEN p.state = 'PENDING' THEN 'in doubt'
            WHEN p.gateway_status IN ('abandoned', 'failed', 'reversed') THEN 'nothing'
            ELSE 'in doubt'
        END,
        coalesce(r.amount, p.received_amount, p.amount),
        coalesce(r.currency, p.received_currency, p.currency),
        p.amount, p.currency, p.received_amount, p.received_currency,
        p.gateway_status, p.gateway_id, p.created_at, p.paid_at, p.checked_at,
        r.id, r.state, r.reason, r.gateway_id, r.created_at, r.done_at
    FROM claims c
    JOIN payments p ON p.claim_id = c.id
    LEFT JOIN refunds r ON r.payment_id = p.id
    WHERE c.event_id = wanted_event_id
$$;
