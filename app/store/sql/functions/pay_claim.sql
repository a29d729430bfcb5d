-- Open a payment for a held claim, or find the one that is open: the button "Pay", in one round
-- trip. Pressing it twice makes one payment.
--
-- p_fan   the fan who presses it, or NULL for who came by the claim's signed link
-- p_look  whether to answer with the claim's page as it is afterwards
--
-- outcome    address
-- unknown    -        there is no such claim
-- not_yours  -        it is another fan's
-- gone       -        it is no longer held
-- too_late   -        its time is over, and no payment is open
-- open       of the payment that is open; NULL while the gateway has not named it
-- started    -        a payment has been opened
--
-- page  what claim_page() says, where a payment is open
--
-- Locks: the claim, then its payments by id.
CREATE OR REPLACE FUNCTION pay_claim(
    p_reference text,
    p_fan bigint,
    p_look boolean,
    OUT outcome text,
    OUT address text,
    OUT page jsonb
)
LANGUAGE plpgsql
AS $$
DECLARE
    the_claim claims%ROWTYPE;
    the_payment payments%ROWTYPE;
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
        SELECT * FROM payments p WHERE p.claim_id = the_claim.id ORDER BY p.id FOR UPDATE
    LOOP
        IF the_payment.state IN ('INITIALIZING', 'PENDING')
            AND the_payment.amount = the_claim.amount
        THEN
            outcome := 'open';
            address := the_payment.authorization_url;
        END IF;
    END LOOP;
    IF outcome = 'open' THEN
        page := CASE WHEN p_look THEN claim_page(the_claim.id) END;
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
    page := CASE WHEN p_look THEN claim_page(the_claim.id) END;
END
$$;
