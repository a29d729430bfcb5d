SELECT 'claim ' || c.reference AS id, 'its place ' || p.id || ' is ' || p.state AS what
FROM claims c JOIN places p ON p.id = c.place_id
WHERE p.state <> 'used'
UNION ALL
SELECT 'place ' || p.id, 'is used but has no claim'
FROM places p
WHERE p.state = 'used' AND NOT EXISTS (SELECT FROM claims c WHERE c.place_id = p.id)
