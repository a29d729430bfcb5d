-- Give each ticket of a claim its code, in order of number; answers the numbers.
-- The claim's row is locked already.
WITH mine AS (
    SELECT t.number FROM tickets t
    WHERE t.claim_id = :claim_id
    ORDER BY t.number
    FOR UPDATE
), numbered AS (
    SELECT mine.number, row_number() OVER (ORDER BY mine.number) AS position FROM mine
)
UPDATE tickets t SET code = given.code
FROM numbered
-- A left join, so that a ticket for which there is no code is counted by the caller, not hidden.
LEFT JOIN unnest(CAST(:codes AS text[])) WITH ORDINALITY AS given (code, position)
    USING (position)
WHERE t.event_id = :event_id
    AND t.number = numbered.number
RETURNING t.number
