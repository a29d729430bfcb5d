-- Take the entry of a lane that has been due longest: it belongs to the caller until
-- taken_until, and comes back by itself if the caller dies. Entries in other hands are skipped.
UPDATE outbox SET
    taken_until = clock_timestamp() + :seconds * interval '1 second',
    attempts = attempts + 1
WHERE id = (
    SELECT o.id FROM outbox o
    WHERE o.lane = :lane
        AND o.done_at IS NULL
        AND o.due_at <= now()
        AND (o.taken_until IS NULL OR o.taken_until < now())
    ORDER BY o.due_at, o.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING id, kind, payload, attempts, taken_until
