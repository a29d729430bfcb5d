-- What support sees of these places: the marks of each, and its last removal, if there is one.
SELECT p.id, m.rule, m.together, m.cleared_at, r.reason, r.due_at, r.appeal, r.appealed_at, r.outcome,
    r.answer
FROM places p
LEFT JOIN marks m ON m.place_id = p.id
LEFT JOIN LATERAL (
    SELECT * FROM removals r WHERE r.place_id = p.id ORDER BY r.id DESC LIMIT 1
) r ON TRUE
WHERE p.id = ANY (CAST(:ids AS text[])) AND (m.rule IS NOT NULL OR r.id IS NOT NULL)
ORDER BY p.id, m.rule
