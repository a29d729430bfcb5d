-- Remove the :count highest numbered free tickets of one event. Returns the numbers removed:
-- fewer when fewer are free.
--
-- Locks: the tickets, highest first and never waiting, so a claim that locks them the other way
-- round cannot be met in a deadlock; a ticket that is being claimed this moment is skipped.
-- A claim that waits for a row removed here finds it gone and counts one row fewer.
--
-- A locked row stays where it is until the end of the statement. Found by its place and not joined
-- by its number, it costs the same whatever the planner believes of an event that is new to it.
DELETE FROM tickets WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM tickets
    WHERE event_id = :event_id AND claim_id IS NULL
    ORDER BY number DESC
    LIMIT :count
    FOR UPDATE SKIP LOCKED
))
RETURNING number
