-- The line in four equal parts, by number: of each how many joined, were let in, and have tickets.
SELECT
    quarter, min(number) AS first, max(number) AS last, count(*) AS joined,
    count(admitted_at) AS admitted, count(*) FILTER (WHERE has_tickets) AS have_tickets
FROM (
    SELECT
        p.number, p.admitted_at, c.state = 'CONFIRMED' AS has_tickets,
        ntile(4) OVER (ORDER BY p.number) AS quarter
    FROM places p LEFT JOIN claims c ON c.place_id = p.id
    WHERE p.event_id = :event_id AND p.state <> 'merged'
) parts
GROUP BY quarter
ORDER BY quarter
