-- Removals: staff want a place to go, and its fan may say why not.

-- What staff decided of places of one event: p_remove, or that they are in order. p_reason is read by
-- the fan, p_seconds is the time for an appeal, p_actor who decides. One row for each place:
--
-- outcome    besides
-- suspended  -                      it stood in line, and is to go when its time is over
-- removed    -                      its appeal was heard, and it goes
-- waits      -                      it is suspended already, and its time is not over
-- restored   visitor, number, turn  it was suspended, and stands at its number again
-- cleared    -                      it stood in line, and stays there
-- ended      -                      it has a claim, or has ended: nothing was done
-- merged     -                      another place of the same fan, which became one with a restored one
--
-- Whatever is in order loses its marks, and is not marked again for the same reason. Locks: the
-- places in order of id, as the journal does.
CREATE OR REPLACE FUNCTION decide_places(
    p_event bigint, p_places text[], p_remove boolean, p_reason text, p_seconds float, p_actor text
) RETURNS TABLE (outcome text, place text, visitor text, number bigint, turn int)
LANGUAGE plpgsql AS $$
DECLARE
    one places%ROWTYPE;
    the_removal removals%ROWTYPE;
BEGIN
    FOR one IN
        SELECT * FROM places p WHERE p.event_id = p_event AND p.id = ANY (p_places)
        ORDER BY p.id FOR UPDATE
    LOOP
        SELECT * INTO the_removal FROM removals r WHERE r.place_id = one.id AND r.outcome IS NULL;
        place := one.id;
        visitor := one.visitor;
        number := one.number;
        turn := one.turn + 1;
        outcome := CASE
            WHEN one.state NOT IN ('waiting', 'admitted', 'suspended') THEN 'ended'
            WHEN NOT p_remove AND one.state = 'suspended' THEN 'restored'
            WHEN NOT p_remove THEN 'cleared'
            WHEN one.state <> 'suspended' THEN 'suspended'
            WHEN the_removal.appealed_at IS NULL THEN 'waits'
            ELSE 'removed'
        END;
        RETURN NEXT;
        CONTINUE WHEN outcome IN ('ended', 'waits');

        IF outcome = 'suspended' THEN
            UPDATE places p SET state = 'suspended', pass_until = NULL WHERE p.id = one.id;
            INSERT INTO removals (place_id, reason, due_at)
            VALUES (one.id, p_reason, now() + make_interval(secs => p_seconds))
            RETURNING * INTO the_removal;
        ELSIF outcome = 'removed' THEN
            UPDATE places p SET state = 'removed', ended_at = now() WHERE p.id = one.id;
            UPDATE removals r SET outcome = 'removed', answer = p_reason, decided_at = now()
            WHERE r.id = the_removal.id;
        ELSE
            UPDATE marks m SET cleared_at = now()
            WHERE m.place_id = one.id AND m.cleared_at IS NULL;
        END IF;
        INSERT INTO timeline (event_id, place_id, actor, verb, detail)
        VALUES (
            p_event, one.id, p_actor,
            CASE
                WHEN NOT p_remove THEN 'cleared a place'
                WHEN outcome = 'removed' THEN 'removed a place'
                ELSE 'suspended a place'
            END,
            jsonb_build_object('number', one.number, 'reason', p_reason)
        );
        IF outcome = 'restored' THEN
            UPDATE removals r SET outcome = 'kept', answer = p_reason, decided_at = now()
            WHERE r.id = the_removal.id;
            -- The fan may have joined anew meanwhile; a fan has one live place.
            FOR place IN
                UPDATE places p SET state = 'merged', merged_into = one.id, ended_at = now()
                WHERE p.event_id = p_event AND p.fan_id = one.fan_id AND p.id <> one.id
                    AND p.state IN ('waiting', 'admitted')
                RETURNING p.id
            LOOP
                outcome := 'merged';
                RETURN NEXT;
            END LOOP;
            -- A turn that began before is over; the next one is due soon, for the number is low.
            UPDATE places p
            SET state = 'waiting', turn = p.turn + 1, pass_until = NULL, admitted_at = NULL
            WHERE p.id = one.id;
        END IF;
        IF one.fan_id IS NOT NULL AND the_removal.id IS NOT NULL THEN
            PERFORM owe_removal_news(the_removal.id);
        END IF;
    END LOOP;
END
$$;

-- Owe the mail that says how a removal stands, once for each stage.
CREATE OR REPLACE FUNCTION owe_removal_news(p_removal bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO outbox (lane, kind, key, payload)
    SELECT 'mail', 'send_removal', 'removal:' || r.id || ':' || stage.name,
        jsonb_build_object('removal_id', r.id, 'place_id', r.place_id, 'stage', stage.name)
    FROM removals r, LATERAL (SELECT coalesce(r.outcome, 'announced') AS name) stage
    WHERE r.id = p_removal
    ON CONFLICT (key) DO NOTHING
$$;

-- Remove the suspended places whose time is over and whose fans have not appealed: how many.
CREATE OR REPLACE FUNCTION lapse_removals() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    one record;
    gone int := 0;
BEGIN
    FOR one IN
        SELECT r.id, p.id AS place, p.event_id, p.number, p.fan_id
        FROM removals r JOIN places p ON p.id = r.place_id
        WHERE r.outcome IS NULL AND r.appealed_at IS NULL AND r.due_at <= now()
            AND p.state = 'suspended'
        ORDER BY p.id LIMIT 500 FOR UPDATE OF p
    LOOP
        -- An appeal may have come while this waited for the place.
        UPDATE removals r SET outcome = 'removed', decided_at = now()
        WHERE r.id = one.id AND r.outcome IS NULL AND r.appealed_at IS NULL;
        CONTINUE WHEN NOT FOUND;
        UPDATE places p SET state = 'removed', ended_at = now() WHERE p.id = one.place;
        INSERT INTO timeline (event_id, place_id, actor, verb, detail)
        VALUES (
            one.event_id, one.place, 'system', 'removed a place',
            jsonb_build_object('number', one.number)
        );
        IF one.fan_id IS NOT NULL THEN
            PERFORM owe_removal_news(one.id);
        END IF;
        gone := gone + 1;
    END LOOP;
    RETURN gone;
END
$$;

-- The fan of a suspended place says why it should stay. 'appealed', 'before' when that was said
-- already, 'none' when the place is not suspended.
CREATE OR REPLACE FUNCTION appeal(p_event bigint, p_place text, p_text text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    the_removal removals%ROWTYPE;
BEGIN
    -- Whoever decides holds the place.
    PERFORM FROM places WHERE id = p_place AND event_id = p_event AND state = 'suspended' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'none';
    END IF;
    SELECT * INTO the_removal FROM removals WHERE place_id = p_place AND outcome IS NULL;
    IF the_removal.appealed_at IS NOT NULL THEN
        RETURN 'before';
    END IF;
    UPDATE removals SET appeal = p_text, appealed_at = now() WHERE id = the_removal.id;
    INSERT INTO timeline (event_id, place_id, actor, verb)
    VALUES (p_event, p_place, 'fan', 'appealed');
    RETURN 'appealed';
END
$$;
