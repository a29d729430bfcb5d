-- A success that is ordinary, in one round trip: the claim is held, the payment is its own and
-- has not succeeded before, and what came in is what was asked for. Then the claim is confirmed,
-- its tickets get their codes, the mail is owed, and the inbox entry and the outbox entry that
-- brought the news are done. A success that is known already is ordinary too, and only written down
-- as heard again. Whatever is not ordinary answers FALSE and changes nothing: it is decided by the
-- table in app/domain/payments.py.
--
-- p_codes  a code for each ticket, or more
-- p_inbox, p_outbox  the entries that end with this, or NULL
--
-- Locks: the claim, its payments by id, its tickets by number.
CREATE OR REPLACE FUNCTION confirm_claim(
    p_payment bigint,
    p_amount bigint,
    p_currency text,
    p_gateway_id bigint,
    p_paid_at timestamptz,
    p_log jsonb,
    p_codes text[],
    p_inbox bigint,
    p_outbox bigint
) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    the_claim claims%ROWTYPE;
    the_payment payments%ROWTYPE;
    the_numbers int[];
BEGIN
    SELECT c.* INTO the_claim FROM claims c
    WHERE c.id = (SELECT p.claim_id FROM payments p WHERE p.id = p_payment)
    FOR UPDATE;
    PERFORM FROM payments p WHERE p.claim_id = the_claim.id ORDER BY p.id FOR UPDATE;
    SELECT * INTO the_payment FROM payments p WHERE p.id = p_payment;
    IF the_payment.state = 'SUCCEEDED' THEN
        UPDATE payments SET
            gateway_status = 'success',
            gateway_id = p_gateway_id,
            gateway_log = coalesce(p_log, gateway_log),
            checked_at = now(),
            attempts = attempts + 1,
            next_check_at = NULL,
            last_error = NULL
        WHERE id = p_payment;
        UPDATE inbox SET handled_at = now() WHERE id = p_inbox;
        UPDATE outbox SET done_at = clock_timestamp(), taken_until = NULL, last_error = NULL
        WHERE id = p_outbox AND done_at IS NULL;
        RETURN TRUE;
    END IF;
    IF the_claim.state IS DISTINCT FROM 'HELD'
        OR (p_amount, p_currency) <> (the_claim.amount, the_claim.currency)
        OR cardinality(p_codes) < the_claim.quantity
    THEN
        RETURN FALSE;
    END IF;

    UPDATE payments SET
        state = 'SUCCEEDED',
        counts = TRUE,
        received_amount = p_amount,
        received_currency = p_currency,
        paid_at = p_paid_at,
        gateway_status = 'success',
        gateway_id = p_gateway_id,
        gateway_log = coalesce(p_log, gateway_log),
        checked_at = now(),
        attempts = attempts + 1,
        next_check_at = NULL,
        last_error = NULL
    WHERE id = p_payment;
    UPDATE claims SET state = 'CONFIRMED', confirmed_at = now(), ended_at = NULL
    WHERE id = the_claim.id;

    SELECT array_agg(mine.number) INTO the_numbers
    FROM (
        SELECT t.number FROM tickets t WHERE t.claim_id = the_claim.id ORDER BY t.number FOR UPDATE
    ) mine;
    IF cardinality(the_numbers) IS DISTINCT FROM the_claim.quantity THEN
        RAISE EXCEPTION '% holds % of % tickets',
            the_claim.reference, cardinality(the_numbers), the_claim.quantity;
    END IF;
    UPDATE tickets t SET code = p_codes[array_position(the_numbers, t.number)]
    WHERE t.event_id = the_claim.event_id AND t.number = ANY (the_numbers);

    INSERT INTO timeline (event_id, claim_id, actor, verb, detail)
    VALUES (
        the_claim.event_id, the_claim.id, 'gateway', 'confirmed',
        jsonb_build_object(
            'payment', the_payment.reference, 'numbers', to_jsonb(the_numbers), 'late', FALSE
        )
    );
    INSERT INTO outbox (lane, kind, payload, key)
    VALUES (
        'mail', 'send_tickets', jsonb_build_object('claim_id', the_claim.id),
        'tickets:' || the_claim.id
    )
    ON CONFLICT (key) DO NOTHING;
    UPDATE inbox SET handled_at = now() WHERE id = p_inbox;
    UPDATE outbox SET done_at = clock_timestamp(), taken_until = NULL, last_error = NULL
    WHERE id = p_outbox AND done_at IS NULL;
    RETURN TRUE;
END
$$;
