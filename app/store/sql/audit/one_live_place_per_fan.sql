SELECT 'places ' || string_agg(p.id, ', ' ORDER BY p.number) AS id,
    'one fan has ' || count(*) || ' live places for ' || e.slug AS what
FROM places p JOIN events e ON e.id = p.event_id
WHERE p.state IN ('waiting', 'admitted') AND p.fan_id IS NOT NULL
GROUP BY e.id, p.fan_id
HAVING count(*) > 1
