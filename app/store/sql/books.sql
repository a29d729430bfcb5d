-- What we say of every payment and of its refund, for a comparison with the gateway's books.
SELECT
    p.reference, p.state, p.gateway_id, p.received_amount, p.received_currency, p.created_at,
    r.state AS refund_state, r.gateway_id AS refund_gateway_id, r.amount AS refund_amount
FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id
ORDER BY p.id
