-- The marked places of an event about which there is something to decide: the first :each of each
-- group of places that share something, those with an appeal first.
SELECT
    one.rule, one.shared, one.together, one.number, one.state, one.joined_at, one.email,
    one.reason, one.due_at, one.appeal, one.appealed_at, one.places, one.suspended, one.appeals
FROM (
    SELECT
        m.rule, m.shared, p.number, p.state, p.joined_at, f.email,
        r.reason, r.due_at, r.appeal, r.appealed_at,
        max(m.together) OVER shared AS together,
        count(*) OVER shared AS places,
        count(r.id) OVER shared AS suspended,
        count(r.appealed_at) OVER shared AS appeals,
        row_number() OVER (
            PARTITION BY m.rule, m.shared ORDER BY r.appealed_at NULLS LAST, p.number
        ) AS rank
    FROM marks m
    JOIN places p ON p.id = m.place_id
    LEFT JOIN fans f ON f.id = p.fan_id
    LEFT JOIN removals r ON r.place_id = p.id AND r.outcome IS NULL AND p.state = 'suspended'
    WHERE m.event_id = :event_id AND m.cleared_at IS NULL
        AND p.state IN ('waiting', 'admitted', 'suspended')
    WINDOW shared AS (PARTITION BY m.rule, m.shared)
) one
WHERE one.rank <= :each
ORDER BY one.appeals DESC, one.places DESC, one.rule, one.shared, one.rank
LIMIT :most
