-- One sample of each event in :ids, with how many wait and are inside as the caller knows it. Ten
-- seconds have one sample, so a beat that comes twice adds nothing. Says how many were added.
WITH added AS (
    INSERT INTO samples (
        event_id, at, waiting, inside, free, held, sold, joined, admitted, claimed, paid
    )
    SELECT
        e.id, date_bin('10 seconds', now(), 'epoch'), line.waiting, line.inside,
        t.free, c.held, e.capacity - t.free - c.held, p.joined, p.admitted, c.claimed, c.paid
    FROM unnest(CAST(:ids AS bigint[]), CAST(:waiting AS int[]), CAST(:inside AS int[]))
        AS line (event_id, waiting, inside)
    JOIN events e ON e.id = line.event_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS free FROM tickets WHERE event_id = e.id AND claim_id IS NULL
    ) t
    CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(quantity) FILTER (WHERE state = 'HELD'), 0) AS held,
            count(*) AS claimed, count(confirmed_at) AS paid
        FROM claims WHERE event_id = e.id
    ) c
    CROSS JOIN LATERAL (
        SELECT count(*) AS joined, count(admitted_at) AS admitted
        FROM places WHERE event_id = e.id AND state <> 'merged'
    ) p
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM added
