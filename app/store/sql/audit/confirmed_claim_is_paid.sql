SELECT 'claim ' || c.reference AS id, 'is confirmed, but no payment counts for it' AS what
FROM claims c
WHERE c.state = 'CONFIRMED'
    AND NOT EXISTS (SELECT FROM payments p WHERE p.claim_id = c.id AND p.counts)
UNION ALL
SELECT 'claim ' || c.reference, 'is confirmed, but what counts is ' || p.received_amount || ' ' || p.received_currency
FROM claims c JOIN payments p ON p.claim_id = c.id AND p.counts
WHERE c.state = 'CONFIRMED'
    AND (p.received_amount, p.received_currency) IS DISTINCT FROM (c.amount, c.currency::text)
