SELECT 'place ' || c.place_id AS id,
    'bought ' || count(*) || ' times: ' || string_agg(c.reference, ', ' ORDER BY c.reference) AS what
FROM claims c
GROUP BY c.place_id
HAVING count(*) > 1
