-- Write a link that carries a place, for so many seconds; one with this id that is there already stays
-- as it is.
INSERT INTO carries (id, place_id, fan_id, expires_at)
VALUES (:id, :place_id, CAST(:fan_id AS bigint), now() + :seconds * interval '1 second')
ON CONFLICT DO NOTHING
RETURNING id
