SELECT 'refund of ' || p.reference AS id, 'its payment is ' || p.state AS what
FROM refunds r JOIN payments p ON p.id = r.payment_id
WHERE p.state <> 'SUCCEEDED'
