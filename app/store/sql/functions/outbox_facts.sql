-- What the deliverer of an outbox entry has to know of the rest of the database, so that taking an
-- entry is the only question it asks. NULL where there is nothing to know or to do.
--
-- kind                answer
-- initialize_payment  claim, claim_state, held_until, email, language, reference, amount, currency,
--                     state, created_at, now
-- verify_payment      reference, quantity
-- handle_inbox        kind, body, payment_id, amount, currency, quantity; NULL once it is handled.
--                     payment_id is NULL when the event names no payment of ours
-- send_code           email, title, slug; NULL when the code was used or a newer one asked for
-- send_tickets        what claim_page() says
-- send_soon           email, language, fan_id, place_id, number, title, slug, pass_seconds; NULL unless the
--                     place still waits and tickets may be had
-- send_turn           email, language, fan_id, place_id, number, turn, title, slug, time_zone, until, now;
--                     NULL unless the pass of this turn lives and the sale goes on
-- send_removal        email, language, fan_id, place_id, number, title, slug, time_zone, reason, due_at,
--                     answer, stage; NULL unless the removal still stands where the mail says
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
                'email', f.email, 'language', f.language, 'reference', p.reference,
                'amount', p.amount, 'currency', p.currency, 'state', p.state,
                'created_at', p.created_at, 'now', now()
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
        WHEN 'send_soon' THEN
            SELECT jsonb_build_object(
                'email', f.email, 'language', f.language, 'fan_id', f.id, 'place_id', p.id,
                'number', p.number,
                'title', e.title, 'slug', e.slug, 'pass_seconds', e.pass_seconds
            ) INTO answer
            FROM places p
            JOIN fans f ON f.id = p.fan_id
            JOIN events e ON e.id = p.event_id
            WHERE p.id = p_payload ->> 'place_id' AND p.state = 'waiting'
                AND e.state IN ('published', 'on_sale') AND now() < e.sale_ends_at;
        WHEN 'send_turn' THEN
            SELECT jsonb_build_object(
                'email', f.email, 'language', f.language, 'fan_id', f.id, 'place_id', p.id,
                'number', p.number,
                'turn', p.turn, 'title', e.title, 'slug', e.slug, 'time_zone', e.time_zone,
                'until', to_timestamp((p.pass_until + e.paused_ms) / 1000.0), 'now', now()
            ) INTO answer
            FROM places p
            JOIN fans f ON f.id = p.fan_id
            JOIN events e ON e.id = p.event_id
            WHERE p.id = p_payload ->> 'place_id' AND p.state = 'admitted'
                AND p.turn = (p_payload ->> 'turn')::int
                AND e.state = 'on_sale' AND now() < e.sale_ends_at
                AND to_timestamp((p.pass_until + e.paused_ms) / 1000.0) > now();
        WHEN 'send_removal' THEN
            SELECT jsonb_build_object(
                'email', f.email, 'language', f.language, 'fan_id', f.id, 'place_id', p.id,
                'number', p.number, 'title', e.title, 'slug', e.slug, 'time_zone', e.time_zone,
                'reason', r.reason, 'due_at', r.due_at, 'answer', r.answer,
                'stage', p_payload ->> 'stage'
            ) INTO answer
            FROM removals r
            JOIN places p ON p.id = r.place_id
            JOIN fans f ON f.id = p.fan_id
            JOIN events e ON e.id = p.event_id
            WHERE r.id = (p_payload ->> 'removal_id')::bigint
                AND p_payload ->> 'stage' = coalesce(r.outcome, 'announced')
                AND e.state <> 'closed' AND now() < e.sale_ends_at;
        ELSE
            answer := NULL;
    END CASE;
    RETURN answer;
END
$$;
