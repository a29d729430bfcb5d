-- What came of trying something that a sale needs.
INSERT INTO checks (name, answered_at, ok, trouble, took_ms)
VALUES (:name, now(), :ok, :trouble, :took_ms)
ON CONFLICT (name) DO UPDATE SET
    answered_at = excluded.answered_at, ok = excluded.ok,
    trouble = excluded.trouble, took_ms = excluded.took_ms
RETURNING 1
