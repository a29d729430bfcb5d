-- The first of two deliverers to finish ends the debt; the second changes nothing.
UPDATE outbox SET done_at = clock_timestamp(), taken_until = NULL, last_error = NULL
WHERE id = :id AND done_at IS NULL
RETURNING id
