SELECT 'ticket ' || e.slug || ' #' || t.number AS id,
    CASE WHEN t.code IS NULL THEN 'is paid but has no code' ELSE 'has a code but is not paid' END AS what
FROM tickets t JOIN claims c ON c.id = t.claim_id JOIN events e ON e.id = t.event_id
WHERE (c.state = 'CONFIRMED') <> (t.code IS NOT NULL)
