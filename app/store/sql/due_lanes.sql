SELECT DISTINCT lane FROM outbox
WHERE done_at IS NULL
    AND due_at <= now()
    AND (taken_until IS NULL OR taken_until < now())
ORDER BY lane
