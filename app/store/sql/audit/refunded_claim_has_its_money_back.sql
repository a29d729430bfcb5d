SELECT 'claim ' || c.reference AS id, 'is refunded, but payment ' || p.reference || ' is not' AS what
FROM claims c JOIN payments p ON p.claim_id = c.id AND p.state = 'SUCCEEDED'
WHERE c.state = 'REFUNDED' AND NOT EXISTS (SELECT FROM refunds r WHERE r.payment_id = p.id)
UNION ALL
SELECT 'claim ' || c.reference, 'is refunded, but nothing was ever paid for it'
FROM claims c
WHERE c.state = 'REFUNDED'
    AND NOT EXISTS (SELECT FROM payments p WHERE p.claim_id = c.id AND p.state = 'SUCCEEDED')
