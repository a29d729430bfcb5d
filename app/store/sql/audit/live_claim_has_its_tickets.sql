SELECT 'claim ' || c.reference AS id, count(t.number) || ' tickets, quantity ' || c.quantity AS what
FROM claims c LEFT JOIN tickets t ON t.claim_id = c.id
WHERE c.state IN ('HELD', 'CONFIRMED')
GROUP BY c.id
HAVING count(t.number) <> c.quantity
