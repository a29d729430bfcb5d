-- The figures of one event for its organiser, in one round trip. The outbox is everybody's: when
-- it stands still, no organiser's fans get their tickets.
--
-- An outbox row that is meant for later is not late; one that was tried and failed is.
SELECT
    (SELECT count(*) FROM claims
        WHERE event_id = :event_id AND created_at > now() - interval '1 minute'),
    (SELECT extract(EPOCH FROM now() - min(created_at))::float FROM outbox
        WHERE done_at IS NULL AND (due_at <= now() OR attempts > 0))
