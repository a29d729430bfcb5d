-- The events of which samples are taken, with the epoch of their line: those whose sale is not over,
-- and those whose last sample still counts tickets that may be paid or go back.
SELECT e.id, l.epoch, e.state <> 'closed' AND e.sale_ends_at > now() AS live
FROM events e JOIN lines l ON l.event_id = e.id
WHERE e.state IN ('published', 'on_sale', 'paused')
    OR (e.state = 'closed' AND (
        SELECT s.held + s.waiting + s.inside FROM samples s
        WHERE s.event_id = e.id ORDER BY s.at DESC LIMIT 1
    ) > 0)
ORDER BY e.id
