SELECT 'refund of ' || p.reference AS id,
    'gives back ' || r.amount || ' ' || r.currency || ' of '
    || coalesce(p.received_amount::text, '?') || ' ' || coalesce(p.received_currency, '?') AS what
FROM refunds r JOIN payments p ON p.id = r.payment_id
WHERE (r.amount, r.currency) IS DISTINCT FROM (p.received_amount, p.received_currency)
