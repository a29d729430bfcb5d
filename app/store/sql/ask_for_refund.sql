-- Write down that the gateway is about to be asked, by the one who has the refund in hand.
-- If the answer never comes, asked_at stays and says so.
UPDATE refunds SET
    asked_at = clock_timestamp(),
    attempts = attempts + 1,
    taken_until = clock_timestamp() + :seconds * interval '1 second'
WHERE id = :id
    AND taken_until = :taken_until
    AND state IN ('owed', 'failed')
RETURNING id
