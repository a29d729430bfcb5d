-- Take a refund that is not done, unless it is in other hands: two workers never ask for one.
UPDATE refunds SET taken_until = clock_timestamp() + :seconds * interval '1 second'
WHERE id = :id
    AND state NOT IN ('processed', 'settled')
    AND (taken_until IS NULL OR taken_until < now())
RETURNING taken_until
