-- Give a claim that lost its tickets as many free ones as it wants, or none at all.
-- The claim's row is locked already; tickets are locked in order of number.
WITH free AS (
    SELECT t.number FROM tickets t
    WHERE t.event_id = :event_id AND t.claim_id IS NULL
    ORDER BY t.number
    LIMIT :quantity
    FOR UPDATE SKIP LOCKED
)
UPDATE tickets t SET claim_id = :claim_id
FROM free
WHERE t.event_id = :event_id
    AND t.number = free.number
    AND (SELECT count(*) FROM free) = :quantity
RETURNING t.number
