SELECT 'ticket ' || e.slug || ' #' || t.number AS id, 'its claim ' || c.reference || ' is ' || c.state AS what
FROM tickets t JOIN claims c ON c.id = t.claim_id JOIN events e ON e.id = t.event_id
WHERE c.state NOT IN ('HELD', 'CONFIRMED')
