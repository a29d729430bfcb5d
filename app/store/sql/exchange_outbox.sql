SELECT id, kind, payload, attempts, taken_until, facts, refused
FROM exchange_outbox(CAST(:endings AS jsonb), :lane, :seconds, :most)
