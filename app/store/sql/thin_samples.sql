-- Keep the chart of a long sale small: of what is older than an hour one sample a minute stays, of
-- what is older than a day one in ten minutes. The first two hours of a sale stay as they are; they
-- are what people ask about afterwards. Says how many were removed.
WITH removed AS (
    DELETE FROM samples s USING events e
    WHERE e.id = s.event_id
        AND s.at < now() - interval '1 hour'
        AND s.at NOT BETWEEN e.sale_starts_at - interval '10 minutes'
            AND e.sale_starts_at + interval '2 hours'
        AND EXISTS (
            SELECT FROM samples first
            WHERE first.event_id = s.event_id AND first.at < s.at
                AND first.at >= date_bin(
                    CASE WHEN s.at < now() - interval '1 day'
                        THEN interval '10 minutes' ELSE interval '1 minute' END,
                    s.at, 'epoch'
                )
        )
    RETURNING 1
)
SELECT count(*) FROM removed
