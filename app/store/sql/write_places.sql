-- Write what the journal says of places, one row for each, and how far the journal has been
-- read: one statement, so that both or neither is committed.
--
-- A place only moves forward, so the same entries may be written any number of times, and one
-- that has ended stays as it ended. Rows are written in order of id: two writers of the same
-- places then wait for each other instead of deadlocking. A number that another place of the
-- event holds is left out, because it would stop the journal for ever; the caller counts what
-- is missing afterwards.
WITH journal AS (
    SELECT * FROM unnest(
        CAST(:ids AS text[]), CAST(:visitors AS text[]), CAST(:numbers AS bigint[]),
        CAST(:turns AS int[]), CAST(:states AS text[]), CAST(:pass_untils AS bigint[]),
        CAST(:joined AS timestamptz[]), CAST(:admitted AS timestamptz[]),
        CAST(:ended AS timestamptz[]), CAST(:networks AS text[])
    ) AS t (
        id, visitor, number, turn, state, pass_until, joined_at, admitted_at, ended_at, network
    )
), written AS (
    INSERT INTO places AS p (
        id, event_id, visitor, number, epoch, turn, state, pass_until,
        joined_at, admitted_at, ended_at, network
    )
    SELECT
        j.id, :event_id, j.visitor, j.number, :epoch, j.turn, j.state, j.pass_until,
        j.joined_at, j.admitted_at, j.ended_at, j.network
    FROM journal j
    WHERE NOT EXISTS (
        SELECT FROM places other
        WHERE other.event_id = :event_id AND other.number = j.number AND other.id <> j.id
    )
    ORDER BY j.id
    ON CONFLICT (id) DO UPDATE SET
        visitor = coalesce(p.visitor, excluded.visitor),
        network = coalesce(p.network, excluded.network),
        turn = excluded.turn,
        state = excluded.state,
        pass_until = excluded.pass_until,
        admitted_at = coalesce(excluded.admitted_at, p.admitted_at),
        ended_at = excluded.ended_at
    WHERE p.event_id = excluded.event_id
        AND p.state IN ('waiting', 'admitted')
        AND (
            excluded.turn,
            excluded.state NOT IN ('waiting', 'admitted'),
            excluded.state = 'admitted'
        ) > (p.turn, FALSE, p.state = 'admitted')
)
UPDATE lines SET
    journal_id = :journal_id,
    journaled_number = greatest(journaled_number, (SELECT max(number) FROM journal))
WHERE event_id = :event_id AND epoch = :epoch
