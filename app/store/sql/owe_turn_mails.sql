-- Owe the mails of one event's line: to those whose turn it is, once for each turn, and once to each
-- of the next :soon who wait, if their address is proven. One statement for the whole line, and it
-- reads no further than the head of it.
--
-- One row each: its number in the outbox.
WITH head AS (
    SELECT p.id, p.turn, p.state, p.fan_id, p.pass_until,
        row_number() OVER (PARTITION BY p.state ORDER BY p.number) AS rank
    FROM (
        SELECT * FROM places
        WHERE event_id = :event_id AND state IN ('waiting', 'admitted')
        ORDER BY number
        LIMIT :most
    ) p
), due AS (
    SELECT 'send_turn' AS kind, 'turn:' || id || ':' || turn AS key, id, turn
    FROM head
    WHERE state = 'admitted' AND fan_id IS NOT NULL AND pass_until > :sale_now
    UNION ALL
    SELECT 'send_soon', 'soon:' || id, id, turn
    FROM head
    WHERE state = 'waiting' AND fan_id IS NOT NULL AND rank <= :soon
)
INSERT INTO outbox (lane, kind, key, payload)
SELECT 'mail', kind, key, jsonb_build_object('place_id', id, 'turn', turn)
FROM due
WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.key = due.key)
ON CONFLICT (key) DO NOTHING
RETURNING id
