SELECT 'payment ' || p.reference AS id,
    CASE
        WHEN p.counts AND r.id IS NOT NULL AND c.state = 'CONFIRMED'
            THEN 'counts for a confirmed claim and is refunded as well'
        ELSE 'succeeded, but its claim is ' || c.state || ' and nothing is refunded'
    END AS what
FROM payments p JOIN claims c ON c.id = p.claim_id LEFT JOIN refunds r ON r.payment_id = p.id
WHERE p.state = 'SUCCEEDED'
    AND (p.counts AND c.state = 'CONFIRMED') = (r.id IS NOT NULL)
