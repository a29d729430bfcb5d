-- Open a payment for a held claim, or find the one that is open: the button "Pay", in one round
-- trip. Pressing it twice makes one payment.
--
-- p_fan   the fan who presses it, or NULL for who came by the claim's signed link
-- p_look  whether to answer with the claim's page as it is afterwards; NULL: only with what the
--         answer to a first payment says
--
-- outcome    address
-- unknown    -        there is no such claim
-- not_yours  -        it is another fan's
-- gone       -        it is no longer held
-- too_late   -        its time is over, and no payment is open
-- open       of the payment that is open; NULL while the gateway has not named it
-- started    -        a payment has been opened
--
-- page  what claim_page() says, where a payment is open; with p_look NULL event_id, quantity, amount,
--       currency, held_until, extended, name and email of a claim whose only payment is INITIALIZING
--
-- Locks: the claim, then its payments by id.
CREATE OR REPLACE FUNCTION claim_to_pay(p_claim claims) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'event_id', p_claim.event_id, 'quantity', p_claim.quantity, 'amount', p_claim.amount,
        'currency', p_claim.currency, 'held_until', p_claim.held_until,
        'extended', p_claim.extended_at IS NOT NULL, 'name', p_claim.name,
        'email', (SELECT f.email FROM fans f WHERE f.id = p_claim.fan_id)
    )
$$;

CREATE OR REPLACE FUNCTION pay_claim(
    p_reference text,
    p_fan bigint,
    p_look boolean,
    OUT outcome text,
    OUT address text,
    OUT page jsonb
)
LANGUAGE plpgsql
-- As in claim_tickets(): a table that was empty when the plan was made is read by its indexes, too.
SET enable_seqscan = off
AS $$
DECLARE
    the_claim claims%ROWTYPE;
    the_payment payments%ROWTYPE;
    payments_so_far int := 0;
    asking boolean := FALSE;
BEGIN
    SELECT * INTO the_claim FROM claims c WHERE c.reference = p_reference FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    IF the_claim.fan_id <> p_fan THEN
        outcome := 'not_yours';
        RETURN;
    END IF;
    IF the_claim.state <> 'HELD' THEN
        outcome := 'gone';
        RETURN;
    END IF;

    FOR the_payment IN
        -- "+ 0": or the order alone would make the primary key look as good as the claim's own index.
        SELECT * FROM payments p WHERE p.claim_id = the_claim.id ORDER BY p.id + 0 FOR UPDATE
    LOOP
        payments_so_far := payments_so_far + 1;
        asking := the_payment.state = 'INITIALIZING';
        IF the_payment.state IN ('INITIALIZING', 'PENDING')
            AND the_payment.amount = the_claim.amount
        THEN
            outcome := 'open';
            address := the_payment.authorization_url;
        END IF;
    END LOOP;
    IF outcome = 'open' THEN
        IF p_look THEN
            page := claim_page(the_claim.id);
        ELSIF p_look IS NULL AND payments_so_far = 1 AND asking THEN
            page := claim_to_pay(the_claim);
        END IF;
        RETURN;
    END IF;
    IF now() >= the_claim.held_until THEN
        outcome := 'too_late';
        RETURN;
    END IF;

    -- The claim has shrunk since: the old amount must not be paid any more.
    UPDATE payments p SET state = 'SUPERSEDED'
    WHERE p.claim_id = the_claim.id AND p.state IN ('INITIALIZING', 'PENDING');
    PERFORM open_payment(the_claim.id, 'fan');
    outcome := 'started';
    IF p_look THEN
        page := claim_page(the_claim.id);
    ELSIF p_look IS NULL AND payments_so_far = 0 THEN
        page := claim_to_pay(the_claim);
    END IF;
END
$$;
