-- Make a pass longer, once for each turn, if it still lives. The fan's signed pass says which turn
-- and until when, as in a claim; the journal may not have brought it yet.
--
-- One row: the end of the pass in sale time (ms), now or since an earlier press. No row: the place
-- has no living pass of this turn.
WITH the_event AS (
    SELECT extract(EPOCH FROM coalesce(paused_at, now())) * 1000 - paused_ms AS sale_now
    FROM events WHERE id = :event_id AND state IN ('on_sale', 'paused')
), longer AS (
    UPDATE places p SET
        state = 'admitted',
        turn = :turn,
        pass_until = :pass_until + CAST(:more_ms AS bigint),
        admitted_at = coalesce(p.admitted_at, now()),
        extended_turn = :turn
    FROM the_event e
    WHERE p.id = :place_id
        AND p.event_id = :event_id
        AND p.state IN ('waiting', 'admitted')
        AND p.turn <= :turn
        AND coalesce(p.extended_turn, -1) < :turn
        AND :pass_until > e.sale_now
    RETURNING p.pass_until
)
SELECT pass_until FROM longer
UNION ALL
SELECT p.pass_until FROM places p, the_event e
WHERE p.id = :place_id
    AND p.event_id = :event_id
    AND p.state = 'admitted'
    AND p.extended_turn = :turn
    AND p.pass_until > e.sale_now
    AND NOT EXISTS (SELECT FROM longer)
