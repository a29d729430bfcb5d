SELECT 'claims ' || string_agg(c.reference, ', ' ORDER BY c.reference) AS id,
    'one fan holds ' || count(*) || ' live claims for ' || e.slug AS what
FROM claims c JOIN events e ON e.id = c.event_id
WHERE c.state IN ('HELD', 'CONFIRMED')
GROUP BY e.id, c.fan_id
HAVING count(*) > 1
