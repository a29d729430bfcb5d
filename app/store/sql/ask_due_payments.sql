-- Owe a question to the gateway for each payment whose time has come; answers how many.
-- The next time is moved on at once, so that an answer that never comes is asked for again.
-- A payment has one question open at most: its key changes with each answer.
WITH due AS (
    SELECT id FROM payments
    WHERE next_check_at <= now()
    ORDER BY next_check_at
    LIMIT :at_once
    FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE payments p SET next_check_at = now() + :again_in * interval '1 second'
    FROM due
    WHERE p.id = due.id
    RETURNING p.id, p.attempts
), owed AS (
    INSERT INTO outbox (lane, kind, payload, key)
    SELECT
        'money', 'verify_payment', jsonb_build_object('payment_id', moved.id),
        'verify:' || moved.id || ':' || moved.attempts
    FROM moved
    ON CONFLICT (key) DO NOTHING
)
SELECT count(*) FROM moved
