-- The undecided marked places of a group, or the one with a number, that were marked by :until.
SELECT DISTINCT p.id
FROM marks m JOIN places p ON p.id = m.place_id
WHERE m.event_id = :event_id AND m.cleared_at IS NULL AND m.marked_at <= :until
    AND p.state IN ('waiting', 'admitted', 'suspended')
    AND CASE
        WHEN CAST(:number AS bigint) IS NULL THEN m.rule = :rule AND m.shared = :shared
        ELSE p.number = :number
    END
ORDER BY p.id
