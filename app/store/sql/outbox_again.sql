-- taken_until is the token of the one who took the entry: a slow deliverer whose time ran out
-- must not let go of what another holds by now.
UPDATE outbox SET
    due_at = clock_timestamp() + :seconds * interval '1 second',
    taken_until = NULL,
    last_error = :error
WHERE id = :id AND taken_until = :taken_until AND done_at IS NULL
RETURNING id
