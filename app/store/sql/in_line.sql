-- How many fans wait and how many are inside, as far as the journal has been read: for when
-- Redis, which knows it to the second, is away. A pass lives in sale time, which stands still
-- while the sale is paused.
SELECT
    count(*) FILTER (WHERE p.state = 'waiting'),
    count(*) FILTER (
        WHERE p.state = 'admitted'
            AND p.pass_until > extract(EPOCH FROM coalesce(e.paused_at, now())) * 1000 - e.paused_ms
    )
FROM places p JOIN events e ON e.id = p.event_id
WHERE p.event_id = :event_id AND p.state IN ('waiting', 'admitted')
