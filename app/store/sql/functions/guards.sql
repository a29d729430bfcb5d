-- Invariants that no CHECK or index can say: what a row may become, given what it was.

CREATE OR REPLACE FUNCTION refuse_claim_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'claims are never deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'claims_are_never_deleted';
    END IF;
    RAISE EXCEPTION 'a claim cannot go from % to %', OLD.state, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'claims_state_moves_as_designed';
END
$$;

CREATE OR REPLACE TRIGGER claims_state_moves_as_designed
BEFORE UPDATE OF state ON claims
FOR EACH ROW
WHEN (
    OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('HELD', 'CONFIRMED'), ('HELD', 'RELEASED'), ('HELD', 'EXPIRED'),
        ('CONFIRMED', 'REFUNDED'), ('EXPIRED', 'CONFIRMED')
    )
)
EXECUTE FUNCTION refuse_claim_move();

CREATE OR REPLACE TRIGGER claims_are_never_deleted
BEFORE DELETE ON claims
FOR EACH ROW EXECUTE FUNCTION refuse_claim_move();

CREATE OR REPLACE FUNCTION refuse_claim_growth() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a claim may shrink while held, never grow'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'claims_never_grow';
END
$$;

CREATE OR REPLACE TRIGGER claims_never_grow
BEFORE UPDATE OF quantity ON claims
FOR EACH ROW
WHEN (NEW.quantity > OLD.quantity OR (NEW.quantity < OLD.quantity AND OLD.state <> 'HELD'))
EXECUTE FUNCTION refuse_claim_growth();

CREATE OR REPLACE FUNCTION refuse_second_address() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a place is bound to an address once, for ever'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'places_address_is_bound_once';
END
$$;

CREATE OR REPLACE TRIGGER places_address_is_bound_once
BEFORE UPDATE OF fan_id ON places
FOR EACH ROW
WHEN (OLD.fan_id IS NOT NULL AND NEW.fan_id IS DISTINCT FROM OLD.fan_id)
EXECUTE FUNCTION refuse_second_address();

CREATE OR REPLACE FUNCTION refuse_place_revival() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a place that is % cannot become %', OLD.state, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'places_ended_stay_ended';
END
$$;

CREATE OR REPLACE TRIGGER places_ended_stay_ended
BEFORE UPDATE OF state ON places
FOR EACH ROW
WHEN (OLD.state NOT IN ('waiting', 'admitted', 'suspended') AND NEW.state <> OLD.state)
EXECUTE FUNCTION refuse_place_revival();

-- A hold ends and its tickets go free together, whoever ends it; returns what went free.
CREATE OR REPLACE FUNCTION free_tickets(p_claims bigint[])
RETURNS TABLE (event_id bigint, number int) LANGUAGE sql AS $$
    WITH locked AS (
        SELECT t.event_id, t.number FROM tickets t
        WHERE t.claim_id = ANY (p_claims)
        ORDER BY t.event_id, t.number
        FOR UPDATE
    )
    UPDATE tickets t SET claim_id = NULL, code = NULL
    FROM locked
    WHERE t.event_id = locked.event_id AND t.number = locked.number
    RETURNING t.event_id, t.number;
$$;
