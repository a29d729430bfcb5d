-- The gateway has named the address at which to pay, and the outbox entry is done with it. A
-- webhook may have been faster than this answer; then only the address is new.
WITH opened AS (
    UPDATE payments SET
        authorization_url = :address,
        last_error = NULL,
        next_check_at = CASE
            WHEN state = 'INITIALIZING' THEN CAST(:next_check_at AS timestamptz) ELSE next_check_at
        END,
        state = CASE WHEN state = 'INITIALIZING' THEN 'PENDING' ELSE state END
    WHERE id = :payment_id
)
UPDATE outbox SET done_at = clock_timestamp(), taken_until = NULL, last_error = NULL
WHERE id = :outbox_id AND done_at IS NULL
RETURNING id
