-- Owe a step for each refund whose time has come, unless one is owed already; answers how many.
-- The next time is moved on at once, so that a step that never ends is tried again.
WITH due AS (
    SELECT r.id FROM refunds r
    WHERE r.next_try_at <= now()
        AND NOT EXISTS (
            SELECT FROM outbox o
            WHERE o.lane = 'money'
                AND o.done_at IS NULL
                AND o.kind = 'send_refund'
                AND o.payload ->> 'refund_id' = r.id::text
        )
    ORDER BY r.next_try_at
    LIMIT :at_once
    FOR UPDATE OF r SKIP LOCKED
), moved AS (
    UPDATE refunds r SET next_try_at = now() + :again_in * interval '1 second'
    FROM due
    WHERE r.id = due.id
    RETURNING r.id
), owed AS (
    INSERT INTO outbox (lane, kind, payload)
    SELECT 'money', 'send_refund', jsonb_build_object('refund_id', moved.id)
    FROM moved
)
SELECT count(*) FROM moved
