-- Their deliverer lives and is still at it: these entries stay taken. taken_until is the token of
-- the one who took an entry; what another has by now is left alone.
UPDATE outbox o SET taken_until = clock_timestamp() + :seconds * interval '1 second'
FROM unnest(CAST(:ids AS bigint[]), CAST(:tokens AS timestamptz[])) AS mine (id, token)
WHERE o.id = mine.id AND o.taken_until = mine.token AND o.done_at IS NULL
RETURNING o.id, o.taken_until
