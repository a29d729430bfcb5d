-- What the claim form has to know of a fan: the reference of the live claim, and the address if the
-- place is bound to this very fan.
SELECT
    live_claim(:event_id, :fan_id) AS reference,
    (
        SELECT f.email FROM places p JOIN fans f ON f.id = p.fan_id
        WHERE p.id = :place_id AND p.event_id = :event_id AND p.fan_id = :fan_id
    ) AS email
