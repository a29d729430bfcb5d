SELECT outbox_facts(:kind, CAST(:payload AS jsonb)) AS facts
