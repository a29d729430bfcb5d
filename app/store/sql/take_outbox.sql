-- Take those entries of a lane that have been due longest, with what their deliverer has to know:
-- they belong to the caller until taken_until, and come back by themselves if the caller dies.
-- Entries in other hands are skipped.
WITH due AS MATERIALIZED (
    SELECT o.id FROM outbox o
    WHERE o.lane = :lane
        AND o.done_at IS NULL
        AND o.due_at <= now()
        AND (o.taken_until IS NULL OR o.taken_until < now())
    ORDER BY o.due_at, o.id
    LIMIT :most
    FOR UPDATE SKIP LOCKED
)
UPDATE outbox o SET
    taken_until = clock_timestamp() + :seconds * interval '1 second',
    attempts = o.attempts + 1
FROM due
WHERE o.id = due.id
RETURNING o.id, o.kind, o.payload, o.attempts, o.taken_until, outbox_facts(o.kind, o.payload) AS facts
