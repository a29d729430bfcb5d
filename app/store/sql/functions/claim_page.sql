-- A claim with everything that a page or a mail shows of it, of one moment; NULL if there is none.
-- Moments are text, as JSON has none.
CREATE OR REPLACE FUNCTION claim_page(p_claim bigint) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT to_jsonb(c) || jsonb_build_object(
        'email', f.email,
        'language', f.language,
        'tickets', (
            SELECT coalesce(jsonb_agg(jsonb_build_array(t.number, t.code) ORDER BY t.number), '[]')
            FROM tickets t WHERE t.claim_id = c.id
        ),
        'payments', (
            SELECT coalesce(
                jsonb_agg(
                    to_jsonb(p) || jsonb_build_object(
                        'refund_state', r.state, 'refund_amount', r.amount,
                        'refund_currency', r.currency, 'refund_reason', r.reason
                    ) ORDER BY p.id
                ), '[]'
            )
            FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id
            WHERE p.claim_id = c.id
        ),
        'timeline', (
            SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.id), '[]')
            FROM timeline t WHERE t.claim_id = c.id
        )
    )
    FROM claims c JOIN fans f ON f.id = c.fan_id
    WHERE c.id = p_claim
$$;
