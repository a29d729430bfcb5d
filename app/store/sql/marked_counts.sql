-- How many places of an event are marked and undecided, and how many appeals wait for an answer.
SELECT
    (
        SELECT count(DISTINCT p.id)
        FROM marks m JOIN places p ON p.id = m.place_id
        WHERE m.event_id = :event_id AND m.cleared_at IS NULL
            AND p.state IN ('waiting', 'admitted', 'suspended')
    ) AS marked,
    (
        SELECT count(*)
        FROM removals r JOIN places p ON p.id = r.place_id
        WHERE p.event_id = :event_id AND p.state = 'suspended'
            AND r.outcome IS NULL AND r.appealed_at IS NOT NULL
    ) AS appeals
