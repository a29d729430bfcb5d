-- Open every published event whose sale starts, close every event whose sale is over, and write
-- down that the calendar did it. Returns the slugs.
--
-- Locks: the events that are due, skipping those that somebody is changing this moment; the next
-- beat finds them. Safe side by side: an event that has moved on is no longer due.
WITH due AS MATERIALIZED (
    SELECT id, sale_ends_at <= now() AS over FROM events
    WHERE (state = 'published' AND sale_starts_at <= now())
        OR (state IN ('published', 'on_sale', 'paused') AND sale_ends_at <= now())
    ORDER BY id
    FOR NO KEY UPDATE SKIP LOCKED
), moved AS (
    UPDATE events e SET
        state = CASE WHEN due.over THEN 'closed' ELSE 'on_sale' END,
        paused_ms = e.paused_ms
            + coalesce((extract(EPOCH FROM now() - e.paused_at) * 1000)::bigint, 0),
        paused_at = NULL,
        pause_reason = '',
        pause_next_word_at = NULL
    FROM due
    WHERE e.id = due.id
    RETURNING e.id, e.slug, e.state
), noted AS (
    INSERT INTO timeline (event_id, actor, verb)
    SELECT id, 'system', CASE WHEN state = 'closed' THEN 'closed' ELSE 'opened' END FROM moved
)
SELECT slug FROM moved
