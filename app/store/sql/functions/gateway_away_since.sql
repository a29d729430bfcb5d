-- Since when the gateway has not answered; NULL while it does, or while nobody asks it.
--
-- A question that was finished proves that the gateway was there, so only what was owed after the
-- newest finished one counts. One failure is an ordinary day: a second try has to be under way.
-- Both look-ups go through an index: backwards by number to the newest answer, and by lane
-- through what is not done.
CREATE OR REPLACE FUNCTION gateway_away_since() RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
    SELECT min(created_at) FROM outbox
    WHERE lane = 'money'
        AND done_at IS NULL
        AND kind IN ('initialize_payment', 'verify_payment', 'send_refund')
        AND attempts > 1
        AND last_error IS NOT NULL
        AND id > coalesce((
            SELECT id FROM outbox
            WHERE lane = 'money' AND kind = 'verify_payment' AND done_at IS NOT NULL
            ORDER BY id DESC
            LIMIT 1
        ), 0)
$$;
