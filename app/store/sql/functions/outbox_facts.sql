-- What the deliverer of an outbox entry has to know of the rest of the database, so that taking an
-- entry is the only question it asks. NULL where there is nothing to know or to do.
--
-- kind                answer
-- initialize_payment  claim, claim_state, held_until, email, reference, amount, currency, state,
--                     created_at, now
-- verify_payment      reference, quantity
-- handle_inbox        kind, body, payment_id, amount, currency, quantity; NULL once it is handled.
--                     payment_id is NULL when the event names no payment of ours
-- send_code           email, title, slug; NULL when the code was used or a newer one asked for
-- send_tickets        what claim_page() says
CREATE OR REPLACE FUNCTION outbox_facts(p_kind text, p_payload jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    answer jsonb;
BEGIN
    CASE p_kind
        WHEN 'initialize_payment' THEN
            SELECT jsonb_build_object(
                'claim', c.reference, 'claim_state', c.state, 'held_until', c.held_until,
                'email', f.email, 'reference', p.reference, 'amount', p.amount,
                'currency', p.currency, 'state', p.state, 'created_at', p.created_at, 'now', now()
            ) INTO answer
            FROM payments p
            JOIN claims c ON c.id = p.claim_id
            JOIN fans f ON f.id = c.fan_id
            WHERE p.id = (p_payload ->> 'payment_id')::bigint;
        WHEN 'verify_payment' THEN
            SELECT jsonb_build_object('reference', p.reference, 'quantity', c.quantity)
            INTO answer
            FROM payments p
            JOIN claims c ON c.id = p.claim_id
            WHERE p.id = (p_payload ->> 'payment_id')::bigint;
        WHEN 'handle_inbox' THEN
            SELECT jsonb_build_object(
                'kind', i.kind, 'body', i.body, 'payment_id', p.id, 'amount', p.amount,
                'currency', p.currency, 'quantity', c.quantity
            ) INTO answer
            FROM inbox i
            LEFT JOIN payments p ON p.reference = i.body -> 'data' ->> 'reference'
            LEFT JOIN claims c ON c.id = p.claim_id
            WHERE i.id = (p_payload ->> 'inbox_id')::bigint AND i.handled_at IS NULL;
        WHEN 'send_code' THEN
            SELECT jsonb_build_object('email', v.email, 'title', e.title, 'slug', e.slug)
            INTO answer
            FROM verifications v
            JOIN places p ON p.id = v.place_id
            JOIN events e ON e.id = p.event_id
            WHERE v.id = p_payload ->> 'verification_id' AND v.proven_at IS NULL
                AND v.id = (
                    SELECT newest.id FROM verifications newest
                    WHERE newest.place_id = v.place_id
                    ORDER BY newest.created_at DESC, newest.id DESC
                    LIMIT 1
                );
        WHEN 'send_tickets' THEN
            answer := claim_page((p_payload ->> 'claim_id')::bigint);
        ELSE
            answer := NULL;
    END CASE;
    RETURN answer;
END
$$;
