-- Write the next payment of a claim, what the gateway has to be told of it, and a line of the
-- timeline. Answers the payment's id. The caller holds the claim's row lock and has found it held.
CREATE OR REPLACE FUNCTION open_payment(p_claim bigint, p_actor text) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    the_claim claims%ROWTYPE;
    the_reference text;
    the_payment bigint;
BEGIN
    SELECT * INTO the_claim FROM claims WHERE id = p_claim;
    -- The n-th payment of a claim; the gateway allows only letters, digits and - . = here.
    the_reference := the_claim.reference || '-'
        || (SELECT count(*) + 1 FROM payments WHERE claim_id = p_claim);

    INSERT INTO payments (claim_id, reference, amount, currency)
    VALUES (p_claim, the_reference, the_claim.amount, the_claim.currency)
    RETURNING id INTO the_payment;

    INSERT INTO outbox (lane, kind, payload, key)
    VALUES (
        'money', 'initialize_payment', jsonb_build_object('payment_id', the_payment),
        'initialize:' || the_payment
    );

    INSERT INTO timeline (event_id, claim_id, actor, verb, detail)
    VALUES (
        the_claim.event_id, p_claim, p_actor, 'payment started',
        jsonb_build_object('payment', the_reference)
    );
    RETURN the_payment;
END
$$;
