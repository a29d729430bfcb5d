-- The mail server has a code's mail, and the outbox entry is done with it. The code's ten minutes
-- start now.
WITH sent AS (
    UPDATE verifications SET sent_at = now() WHERE id = :verification_id
)
UPDATE outbox SET done_at = clock_timestamp(), taken_until = NULL, last_error = NULL
WHERE id = :outbox_id AND done_at IS NULL
RETURNING id
