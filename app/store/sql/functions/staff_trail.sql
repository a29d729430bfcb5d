-- The trail of staff: what somebody of an organisation did. Nothing changes or deletes it.

CREATE OR REPLACE FUNCTION refuse_another_trail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what staff did is never changed'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'staff_actions_are_never_changed';
END
$$;

CREATE OR REPLACE TRIGGER staff_actions_are_never_changed
BEFORE UPDATE OR DELETE OR TRUNCATE ON staff_actions
FOR EACH STATEMENT EXECUTE FUNCTION refuse_another_trail();

-- Whatever staff do to an event, a claim or a place is a line of its timeline; this makes it an
-- action of the trail as well, so that nobody can write the one and forget the other, nor say two
-- different things. The writer's `actor` is "staff:<id> <address> <request id>" (the last two may be
-- missing), of which the timeline keeps the first word. Of a detail that is a pair the first is what
-- was there before; numbers are tickets.
CREATE OR REPLACE FUNCTION write_trail() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said text[] := string_to_array(NEW.actor, ' ');
BEGIN
    NEW.actor := said[1];
    INSERT INTO staff_actions (
        organisation_id, staff_id, verb, kind, subject, before, after, address, request_id
    )
    SELECT
        e.organisation_id, substr(NEW.actor, 7)::bigint, NEW.verb,
        CASE
            WHEN c.id IS NOT NULL THEN 'claim' WHEN NEW.place_id IS NOT NULL THEN 'place'
            ELSE 'event'
        END,
        coalesce(c.reference, NEW.place_id, e.slug),
        detail.before, detail.after, coalesce(said[2], ''), coalesce(said[3], '')
    FROM events e
    LEFT JOIN claims c ON c.id = NEW.claim_id
    CROSS JOIN (
        SELECT
            coalesce(jsonb_object_agg(key, value -> 0) FILTER (WHERE pair), '{}') AS before,
            coalesce(
                jsonb_object_agg(key, CASE WHEN pair THEN value -> 1 ELSE value END), '{}'
            ) AS after
        FROM (
            SELECT key, value,
                CASE WHEN jsonb_typeof(value) = 'array' AND key <> 'numbers'
                    THEN jsonb_array_length(value) = 2 ELSE FALSE END AS pair
            FROM jsonb_each(NEW.detail)
        ) one
    ) detail
    WHERE e.id = NEW.event_id;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER timeline_of_staff_is_a_trail
BEFORE INSERT ON timeline
FOR EACH ROW
WHEN (NEW.actor LIKE 'staff:%')
EXECUTE FUNCTION write_trail();
