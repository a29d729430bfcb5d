SELECT 'event ' || e.slug AS id, count(t.number) || ' ticket rows, capacity ' || e.capacity AS what
FROM events e LEFT JOIN tickets t ON t.event_id = e.id
WHERE e.state <> 'draft'
GROUP BY e.id
HAVING count(t.number) <> e.capacity
