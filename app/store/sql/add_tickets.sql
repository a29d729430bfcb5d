-- Make :count tickets for one event, numbered on from the highest there is. Returns the numbers.
--
-- The caller has changed the event's row in the same transaction, so nobody else is at it.
INSERT INTO tickets (event_id, number)
SELECT :event_id, highest.number + step
FROM
    (SELECT coalesce(max(number), 0) AS number FROM tickets WHERE event_id = :event_id) highest,
    generate_series(1, CAST(:count AS int)) step
RETURNING number
