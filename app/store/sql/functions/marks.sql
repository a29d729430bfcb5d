-- Marks: which places look as if somebody took many. Marked places stay in line; staff decide.

-- The mailbox behind an address: what follows a plus sign is a label, and Gmail ignores dots.
CREATE OR REPLACE FUNCTION mailbox_of(p_email text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN part.domain IN ('gmail.com', 'googlemail.com')
            THEN replace(part.box, '.', '') || '@gmail.com'
        ELSE part.box || '@' || part.domain
    END
    FROM (
        SELECT split_part(split_part(p_email, '@', 1), '+', 1) AS box,
            split_part(p_email, '@', 2) AS domain
    ) part
$$;

-- Mark the live places of every sale that is not over; how many marks are new or count more now.
-- Doing it again changes nothing. Places that ended meanwhile count, and are not marked; merged ones
-- are part of another.
--
-- network  so many as the event says joined from one network within p_seconds
-- mailbox  p_addresses places have proven addresses that are one mailbox
CREATE OR REPLACE FUNCTION mark_places(p_seconds int, p_addresses int) RETURNS int
LANGUAGE plpgsql
-- In the first minute of a sale nobody has counted the rows, and a table that is thought to be empty
-- is gone through once for each row of another.
SET enable_nestloop = off
AS $$
DECLARE
    within interval := make_interval(secs => p_seconds);
    changed int;
BEGIN
    WITH watched AS (
        SELECT id, mark_joins FROM events
        WHERE mark_joins > 0 AND state IN ('published', 'on_sale', 'paused')
    ), crowded AS (
        -- Few networks are crowded at all: only of their places the minutes are looked at.
        SELECT p.event_id, p.network FROM places p JOIN watched w ON w.id = p.event_id
        WHERE p.network IS NOT NULL AND p.state <> 'merged'
        GROUP BY p.event_id, p.network, w.mark_joins HAVING count(*) >= w.mark_joins
    ), joined AS (
        SELECT p.id, p.event_id, p.network, p.state, p.joined_at, count(*) OVER (
            PARTITION BY p.event_id, p.network ORDER BY p.joined_at
            RANGE BETWEEN CURRENT ROW AND within FOLLOWING
        ) AS after_it
        FROM places p JOIN crowded c ON c.event_id = p.event_id AND c.network = p.network
        WHERE p.state <> 'merged'
    ), by_network AS (
        SELECT j.id, j.event_id, j.network, j.state, max(j.after_it) OVER (
            PARTITION BY j.event_id, j.network ORDER BY j.joined_at
            RANGE BETWEEN within PRECEDING AND CURRENT ROW
        ) AS together
        FROM joined j
    ), addresses AS (
        SELECT p.id, p.event_id, p.state, mailbox_of(f.email) AS mailbox
        FROM places p
        JOIN watched w ON w.id = p.event_id
        JOIN fans f ON f.id = p.fan_id
        WHERE p.state <> 'merged'
    ), by_mailbox AS (
        SELECT a.*, count(*) OVER (PARTITION BY a.event_id, a.mailbox) AS together FROM addresses a
    ), found AS (
        SELECT n.id, n.event_id, 'network' AS rule, n.network AS shared, n.together
        FROM by_network n JOIN watched w ON w.id = n.event_id
        WHERE n.together >= w.mark_joins AND n.state IN ('waiting', 'admitted')
        UNION ALL
        SELECT m.id, m.event_id, 'mailbox',
            left(encode(sha256(convert_to(m.event_id || ' ' || m.mailbox, 'UTF8')), 'hex'), 16),
            m.together
        FROM by_mailbox m
        WHERE m.together >= p_addresses AND m.state IN ('waiting', 'admitted')
    )
    INSERT INTO marks AS old (place_id, rule, event_id, shared, together)
    SELECT f.id, f.rule, f.event_id, f.shared, f.together
    FROM found f
    LEFT JOIN marks m ON m.place_id = f.id AND m.rule = f.rule
    WHERE m.place_id IS NULL OR (m.together < f.together AND m.cleared_at IS NULL)
    ORDER BY f.id, f.rule
    -- The rest is for the next beat, so that no statement is long.
    LIMIT 5000
    ON CONFLICT (place_id, rule) DO UPDATE SET together = excluded.together
    WHERE old.together < excluded.together AND old.cleared_at IS NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
