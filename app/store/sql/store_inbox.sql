-- Keep what the gateway said and owe its handling, in one round trip. What was heard before
-- changes nothing; what nobody handles counts as handled. Answers the id of a new entry.
WITH heard AS (
    INSERT INTO inbox (key, kind, body, handled_at)
    VALUES (
        :key, :kind, CAST(:body AS jsonb), CASE WHEN NOT :wanted THEN now() END
    )
    ON CONFLICT (key) DO NOTHING
    RETURNING id
), owed AS (
    INSERT INTO outbox (lane, kind, payload)
    SELECT 'money', 'handle_inbox', jsonb_build_object('inbox_id', heard.id)
    FROM heard
    WHERE :wanted
)
SELECT id FROM heard
