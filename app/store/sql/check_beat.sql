-- The beats go: this is the moment.
INSERT INTO checks (name, answered_at, ok) VALUES ('beats', now(), true)
ON CONFLICT (name) DO UPDATE SET answered_at = excluded.answered_at, ok = true
RETURNING 1
