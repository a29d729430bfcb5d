-- Claim tickets for one fan: everything that must be true is checked here, in one round trip.
--
-- p_email       the address as it was typed; an empty one means the proven one
-- p_numbers     the ticket numbers that Redis handed out, or NULL to take any that are free
-- p_pass_until  the end of the fan's signed pass, in sale time (milliseconds)
--
-- outcome       reference        numbers
-- claimed       of the new claim those it holds
-- repeated      of the claim that this same form made before
-- already       of the fan's live claim, or of the claim that used this place
-- not_on_sale   -                -
-- no_pass       -                -
-- unproven      -                -
-- suspended     -                -              staff want the place to go, and have not decided
-- other_address -                -              (`address` says which one is proven)
-- no_proof      -                -              the event asks for a proof, and the place has none
-- fewer         -                those of p_numbers that were still free, not p_quantity of them
--
-- Locks: the place, then the tickets in order of number. Without the order, two claims whose
-- plans differ deadlock. A second submit of the same form waits at the place's row and then
-- reads what the first one committed.
DROP FUNCTION IF EXISTS claim_tickets(
    bigint, text, int, bigint, bigint, text, text, text, text, text, int, int[]
);

CREATE FUNCTION claim_tickets(
    p_event bigint,
    p_place text,
    p_turn int,
    p_pass_until bigint,
    p_fan bigint,
    p_email text,
    p_form_key text,
    p_reference text,
    p_name text,
    p_phone text,
    p_quantity int,
    p_numbers int[],
    OUT outcome text,
    OUT reference text,
    OUT numbers int[],
    OUT address text
)
LANGUAGE plpgsql
-- Every row is found by an index, however small its table was when the plan was made: a plan lives
-- as long as its connection, and in the first minute of a sale nobody has counted the rows anew.
SET enable_seqscan = off
-- The numbers differ each time, the plan does not.
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    -- Redis and Postgres may stand on two machines; a fan who was in time on one is in time.
    clock_tolerance_ms constant bigint := 5000;
    the_event events%ROWTYPE;
    the_place places%ROWTYPE;
    the_claim bigint;
BEGIN
    SELECT * INTO the_place FROM places WHERE id = p_place AND event_id = p_event FOR UPDATE;
    IF NOT FOUND OR the_place.fan_id IS DISTINCT FROM p_fan THEN
        outcome := 'unproven';
        RETURN;
    END IF;

    SELECT c.reference, CASE WHEN c.form_key = p_form_key THEN 'repeated' ELSE 'already' END
    INTO reference, outcome
    FROM claims c
    WHERE c.place_id = p_place
        OR (c.event_id = p_event AND c.fan_id = p_fan AND c.state IN ('HELD', 'CONFIRMED'))
    ORDER BY c.form_key = p_form_key DESC, c.state IN ('HELD', 'CONFIRMED') DESC
    LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;

    SELECT * INTO the_event FROM events WHERE id = p_event;
    IF the_event.state <> 'on_sale'
        OR now() NOT BETWEEN the_event.sale_starts_at AND the_event.sale_ends_at
    THEN
        outcome := 'not_on_sale';
        RETURN;
    END IF;

    IF the_place.state = 'suspended' THEN
        outcome := 'suspended';
        RETURN;
    END IF;

    IF the_place.state NOT IN ('waiting', 'admitted')
        OR the_place.turn > p_turn
        OR p_pass_until + clock_tolerance_ms
            < extract(EPOCH FROM now()) * 1000 - the_event.paused_ms
    THEN
        outcome := 'no_pass';
        RETURN;
    END IF;

    SELECT f.email INTO address FROM fans f WHERE f.id = p_fan;
    IF p_email NOT IN ('', address) THEN
        outcome := 'other_address';
        RETURN;
    END IF;

    IF the_event.proof <> 'off' AND the_place.proof IS NULL THEN
        outcome := 'no_proof';
        RETURN;
    END IF;

    IF p_numbers IS NULL THEN
        SELECT array_agg(free.number) INTO numbers
        FROM (
            SELECT t.number FROM tickets t
            WHERE t.event_id = p_event AND t.claim_id IS NULL
            ORDER BY t.number
            LIMIT p_quantity
            FOR UPDATE SKIP LOCKED
        ) free;
    ELSE
        SELECT array_agg(free.number) INTO numbers
        FROM (
            SELECT t.number FROM tickets t
            WHERE t.event_id = p_event AND t.number = ANY (p_numbers) AND t.claim_id IS NULL
            ORDER BY t.number
            FOR UPDATE
        ) free;
    END IF;
    numbers := coalesce(numbers, '{}');
    -- More would be as wrong as fewer: a claim holds exactly what it pays for.
    IF cardinality(numbers) <> p_quantity THEN
        outcome := 'fewer';
        RETURN;
    END IF;

    INSERT INTO claims (
        reference, event_id, fan_id, place_id, form_key, quantity, name, phone,
        unit_price, amount, currency, held_until
    ) VALUES (
        p_reference, p_event, p_fan, p_place, p_form_key, p_quantity, p_name, p_phone,
        the_event.price, the_event.price * p_quantity, the_event.currency,
        now() + the_event.hold_seconds * interval '1 second'
    ) RETURNING id INTO the_claim;

    UPDATE tickets t SET claim_id = the_claim
    WHERE t.event_id = p_event AND t.number = ANY (claim_tickets.numbers);

    UPDATE places SET
        state = 'used',
        turn = p_turn,
        pass_until = p_pass_until,
        admitted_at = coalesce(admitted_at, now()),
        ended_at = now()
    WHERE id = p_place;

    INSERT INTO timeline (event_id, claim_id, place_id, actor, verb, detail)
    VALUES (
        p_event, the_claim, p_place, 'fan', 'claimed',
        jsonb_build_object('quantity', p_quantity, 'numbers', to_jsonb(numbers))
    );

    outcome := 'claimed';
    reference := p_reference;
END
$$;
