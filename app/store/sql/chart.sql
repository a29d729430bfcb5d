-- An event's samples since :since, at most :points of them and the newest: of each of as many equal
-- parts of that time the last one.
WITH found AS (
    SELECT * FROM samples WHERE event_id = :event_id AND at >= :since
), span AS (
    SELECT min(at) AS first, greatest(extract(EPOCH FROM max(at) - min(at)) / :points, 10) AS part
    FROM found
)
SELECT DISTINCT ON (floor(extract(EPOCH FROM at - first) / part))
    at, waiting, inside, free, held, sold, joined, admitted, claimed, paid
FROM found CROSS JOIN span
ORDER BY floor(extract(EPOCH FROM at - first) / part), at DESC
