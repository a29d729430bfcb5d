-- Owe the gateway a question about the payments of a claim, in one round trip: a fan has come back
-- from its page, or support wants to know. A payment has one open question at most: the key of the
-- outbox entry is that of ask_due_payments.sql.
--
-- p_fan       the fan who asks, or NULL for who came by the claim's signed link and for staff
-- p_actor     fan: only what is not settled and was not asked just now; staff:<id> ...: all, with a line of the timeline for each
-- p_just_now  seconds
-- p_look      whether to answer with the claim's page as it is afterwards
--
-- outcome  unknown, not_yours, or asked; asked says how many payments
-- page     what claim_page() says
--
-- Locks: the claim, then its payments by id.
CREATE OR REPLACE FUNCTION ask_gateway(
    p_reference text,
    p_fan bigint,
    p_actor text,
    p_just_now int,
    p_look boolean,
    OUT outcome text,
    OUT asked int,
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
    ELSIF the_claim.fan_id <> p_fan THEN
        outcome := 'not_yours';
        RETURN;
    END IF;
    outcome := 'asked';
    asked := 0;
    FOR the_payment IN
        SELECT * FROM payments p WHERE p.claim_id = the_claim.id ORDER BY p.id FOR UPDATE
    LOOP
        CONTINUE WHEN p_actor = 'fan' AND (
            the_payment.state = 'SUCCEEDED'
            OR coalesce(the_payment.checked_at > now() - make_interval(secs => p_just_now), FALSE)
        );
        asked := asked + 1;
        INSERT INTO outbox (lane, kind, payload, key)
        VALUES (
            'money', 'verify_payment', jsonb_build_object('payment_id', the_payment.id),
            'verify:' || the_payment.id || ':' || the_payment.attempts
        )
        ON CONFLICT (key) DO NOTHING;
        IF p_actor <> 'fan' THEN
            INSERT INTO timeline (event_id, claim_id, actor, verb, detail)
            VALUES (
                the_claim.event_id, the_claim.id, p_actor, 'gateway asked',
                jsonb_build_object('payment', the_payment.reference)
            );
        END IF;
    END LOOP;
    page := CASE WHEN p_look THEN claim_page(the_claim.id) END;
END
$$;
