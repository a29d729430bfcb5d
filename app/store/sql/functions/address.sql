-- Proving an address: each step of a fan in one round trip.

-- The place, or the one that it was merged into, as it is now; NULL if there is none. A place that
-- the journal has not brought yet is written; the journal fills in the rest.
CREATE OR REPLACE FUNCTION followed_place(
    p_event bigint, p_place text, p_number bigint, p_epoch int
) RETURNS places
LANGUAGE plpgsql
AS $$
DECLARE
    found places%ROWTYPE;
BEGIN
    SELECT * INTO found FROM places WHERE id = p_place AND event_id = p_event;
    IF found.id IS NULL THEN
        INSERT INTO places (id, event_id, number, epoch, joined_at)
        VALUES (p_place, p_event, p_number, p_epoch, now())
        ON CONFLICT DO NOTHING;
        SELECT * INTO found FROM places WHERE id = p_place AND event_id = p_event;
    END IF;
    WHILE found.merged_into IS NOT NULL LOOP
        SELECT * INTO found FROM places WHERE id = found.merged_into AND event_id = p_event;
    END LOOP;
    RETURN found;
END
$$;

-- The reference of the fan's live claim for the event, or NULL.
CREATE OR REPLACE FUNCTION live_claim(p_event bigint, p_fan bigint) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT reference FROM claims
    WHERE event_id = p_event AND fan_id = p_fan AND state IN ('HELD', 'CONFIRMED')
$$;

-- What is wrong with a place whose address is to be proven: 'unknown', 'suspended', 'ended' or, when
-- it ended in a claim that stands, 'claimed'; NULL when nothing is.
CREATE OR REPLACE FUNCTION place_refusal(p_place places) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN p_place.id IS NULL THEN 'unknown'
        WHEN p_place.state IN ('waiting', 'admitted') THEN NULL
        WHEN p_place.state = 'suspended' THEN 'suspended'
        WHEN p_place.state = 'used' AND live_claim(p_place.event_id, p_place.fan_id) IS NOT NULL
            THEN 'claimed'
        ELSE 'ended'
    END
$$;

-- Owe a mail with a code to an address, for a place.
--
-- p_asked                 the id of the code, if there will be one
-- p_language              of the mail
-- p_minutes               how long a code lives, from when its mail was sent
-- p_press                 seconds within which a second press of the button is the first one
-- p_of_place, p_of_address  how many codes an hour, at most
-- p_domains               the address's domain and those above it
-- p_usually_refused       whether one of them is on the list of an organisation that made none
--
-- outcome        asked  reference
-- asked          the code's id
-- asked_before   of the code that the first press asked for
-- too_many       -
-- other_address  -      the place is bound to another address
-- refused        -      the organisation takes no address of this domain
-- unknown, suspended, ended, claimed   as place_refusal() says; claimed names the claim
DROP FUNCTION IF EXISTS ask_code(
    bigint, text, bigint, int, text, text, text, int, int, int, int
);

CREATE OR REPLACE FUNCTION ask_code(
    p_event bigint, p_place text, p_number bigint, p_epoch int,
    p_email text, p_asked text, p_language text,
    p_minutes int, p_press int, p_of_place int, p_of_address int,
    p_domains text[], p_usually_refused boolean,
    OUT outcome text, OUT asked text, OUT reference text
)
LANGUAGE plpgsql
AS $$
DECLARE
    the_place places%ROWTYPE;
    newest verifications%ROWTYPE;
BEGIN
    the_place := followed_place(p_event, p_place, p_number, p_epoch);
    outcome := place_refusal(the_place);
    IF outcome IS NOT NULL THEN
        reference := live_claim(p_event, the_place.fan_id);
        RETURN;
    END IF;
    IF (SELECT email FROM fans WHERE id = the_place.fan_id) <> p_email THEN
        outcome := 'other_address';
        RETURN;
    ELSIF the_place.fan_id IS NULL AND (
        SELECT coalesce(o.refused_domains && p_domains, p_usually_refused)
        FROM events e JOIN organisations o ON o.id = e.organisation_id
        WHERE e.id = p_event
    ) THEN
        outcome := 'refused';
        RETURN;
    END IF;

    SELECT * INTO newest FROM verifications WHERE place_id = the_place.id
    ORDER BY created_at DESC, id DESC LIMIT 1;
    IF newest.email = p_email
        AND newest.proven_at IS NULL
        AND now() < coalesce(newest.sent_at, newest.created_at) + make_interval(mins => p_minutes)
        AND now() < newest.created_at + make_interval(secs => p_press)
    THEN
        outcome := 'asked_before';
        asked := newest.id;
        RETURN;
    END IF;
    IF (
        SELECT count(*) FROM verifications
        WHERE place_id = the_place.id AND created_at > now() - interval '1 hour'
    ) >= p_of_place OR (
        SELECT count(*) FROM verifications
        WHERE email = p_email AND created_at > now() - interval '1 hour'
    ) >= p_of_address
    THEN
        outcome := 'too_many';
        RETURN;
    END IF;

    INSERT INTO verifications (id, place_id, email) VALUES (p_asked, the_place.id, p_email);
    INSERT INTO outbox (lane, kind, payload)
    VALUES (
        'mail', 'send_code',
        jsonb_build_object('verification_id', p_asked, 'language', p_language)
    );
    outcome := 'asked';
    asked := p_asked;
END
$$;

-- How far a place has come: the address that it proved to this fan (p_fan, may be NULL), and the
-- newest code that was asked for. refusal is what place_refusal() says.
CREATE OR REPLACE FUNCTION address_standing(
    p_event bigint, p_place text, p_number bigint, p_epoch int, p_fan bigint, p_minutes int,
    OUT refusal text, OUT reference text, OUT proven_email text,
    OUT asked_email text, OUT sent_at timestamptz, OUT tries int, OUT alive boolean
)
LANGUAGE plpgsql
AS $$
DECLARE
    the_place places%ROWTYPE;
BEGIN
    the_place := followed_place(p_event, p_place, p_number, p_epoch);
    refusal := place_refusal(the_place);
    IF refusal IS NOT NULL THEN
        reference := live_claim(p_event, the_place.fan_id);
        RETURN;
    END IF;
    SELECT f.email INTO proven_email FROM fans f WHERE f.id = p_fan AND f.id = the_place.fan_id;
    SELECT v.email, v.sent_at, v.tries,
        v.proven_at IS NULL
        AND now() < coalesce(v.sent_at, v.created_at) + make_interval(mins => p_minutes)
    INTO asked_email, sent_at, tries, alive
    FROM verifications v WHERE v.place_id = the_place.id
    ORDER BY v.created_at DESC, v.id DESC LIMIT 1;
END
$$;

-- Count a try of the newest code that a place asked for, and bind the place to the fan if it was
-- the right one. Only the caller can tell what the code of an id is, and asks beforehand:
--
-- p_language  the one in which the fan is written to from now on
-- p_compared  the id of the code that was compared with what was typed; any other than the newest
--             is answered 'compare', and the call after that says p_counted
-- p_right     whether they are the same
-- p_counted   this try has been counted: p_compared is what was answered
--
-- outcome  besides
-- proven   fan, email, place, number, epoch: the lower of the fan's places; merged: the others,
--          which have ended; claim: the fan's live claim. Typed again within a minute, the code has
--          the same answer again
-- compare  compared: the newest code
-- wrong    tries
-- over     -           there is no code that may be tried
-- used     -           it was used for another place or address since
-- unknown, suspended, ended, claimed   as place_refusal() says; claim names the claim
--
-- Locks: the newest code, the fan, the places in order of id, as the journal does. A second browser
-- of the same fan waits at the fan's row, and then reads what the first one committed.
CREATE OR REPLACE FUNCTION prove_code(
    p_event bigint, p_place text, p_number bigint, p_epoch int,
    p_language text, p_compared text, p_right boolean, p_counted boolean,
    p_minutes int, p_tries int,
    OUT outcome text, OUT compared text, OUT tries int, OUT fan bigint, OUT email text,
    OUT place text, OUT number bigint, OUT epoch int, OUT merged text[], OUT claim text
)
LANGUAGE plpgsql
AS $$
DECLARE
    the_place places%ROWTYPE;
    proven timestamptz;
BEGIN
    the_place := followed_place(p_event, p_place, p_number, p_epoch);
    outcome := place_refusal(the_place);
    IF outcome IS NOT NULL THEN
        claim := live_claim(p_event, the_place.fan_id);
        RETURN;
    END IF;

    -- One statement, so that guesses made side by side are each counted. The answer to the code
    -- that merged this place into another may have been lost, so both places' codes count. A code
    -- that was proven a moment ago may be tried again: the browser keeps only the last answer.
    UPDATE verifications v SET tries = v.tries + CASE WHEN p_counted THEN 0 ELSE 1 END
    WHERE v.id = CASE WHEN p_counted THEN p_compared ELSE (
            SELECT newest.id FROM verifications newest
            WHERE newest.place_id IN (the_place.id, p_place)
            ORDER BY newest.created_at DESC, newest.id DESC
            LIMIT 1
        ) END
        AND (p_counted OR v.tries < p_tries)
        AND (
            v.proven_at > now() - interval '1 minute'
            OR v.proven_at IS NULL
            AND now() < coalesce(v.sent_at, v.created_at) + make_interval(mins => p_minutes)
        )
    RETURNING v.id, v.tries, v.email, v.proven_at INTO compared, tries, email, proven;
    IF NOT FOUND THEN
        outcome := 'over';
        RETURN;
    ELSIF compared IS DISTINCT FROM p_compared THEN
        outcome := 'compare';
        RETURN;
    ELSIF NOT p_right THEN
        outcome := 'wrong';
        RETURN;
    END IF;

    INSERT INTO fans (email, language) VALUES (prove_code.email, p_language)
    ON CONFLICT ON CONSTRAINT fans_email_key DO UPDATE SET language = excluded.language
    RETURNING id INTO fan;
    -- Another browser of this fan may have been here meanwhile.
    the_place := followed_place(p_event, p_place, p_number, p_epoch);
    IF proven IS NULL THEN
        PERFORM FROM places p
        WHERE p.event_id = p_event
            AND (p.id = the_place.id OR (p.fan_id = fan AND p.state IN ('waiting', 'admitted')))
        ORDER BY p.id
        FOR UPDATE;
        SELECT * INTO the_place FROM places p WHERE p.id = the_place.id;
    END IF;
    outcome := place_refusal(the_place);
    IF outcome IS NOT NULL THEN
        claim := live_claim(p_event, the_place.fan_id);
        RETURN;
    ELSIF proven IS NOT NULL AND the_place.fan_id IS DISTINCT FROM fan THEN
        outcome := 'used';
        RETURN;
    ELSIF the_place.fan_id <> fan THEN
        outcome := 'unknown';
        RETURN;
    END IF;

    IF proven IS NULL THEN
        UPDATE verifications v SET proven_at = now() WHERE v.id = compared;
        -- The index allows a fan one live place, so the others end before this one is bound.
        WITH mine AS (
            SELECT p.id, row_number() OVER (ORDER BY p.number) AS rank,
                first_value(p.id) OVER (ORDER BY p.number) AS first
            FROM places p
            WHERE p.event_id = p_event AND p.state IN ('waiting', 'admitted')
                AND (p.id = the_place.id OR p.fan_id = fan)
        ), ended AS (
            UPDATE places p
            SET state = 'merged', merged_into = mine.first, ended_at = clock_timestamp()
            FROM mine
            WHERE p.id = mine.id AND mine.rank > 1
            RETURNING p.id
        )
        SELECT (SELECT mine.first FROM mine WHERE mine.rank = 1), (SELECT array_agg(id) FROM ended)
        INTO place, merged;
        UPDATE places p SET fan_id = fan WHERE p.id = place AND p.fan_id IS NULL;
        -- What was worked out for one of them need not be worked out again.
        UPDATE places p SET proof = other.proof, proof_at = other.proof_at
        FROM places other
        WHERE p.id = place AND p.proof IS NULL AND other.id = ANY (merged)
            AND other.proof IS NOT NULL;
        INSERT INTO timeline (event_id, place_id, actor, verb, detail)
        VALUES (
            p_event, place, 'fan', 'address_proven',
            CASE WHEN merged IS NULL THEN '{}' ELSE jsonb_build_object('merged', merged) END
        );
        SELECT * INTO the_place FROM places p WHERE p.id = place;
    END IF;
    outcome := 'proven';
    place := the_place.id;
    number := the_place.number;
    epoch := the_place.epoch;
    claim := live_claim(p_event, fan);
END
$$;
