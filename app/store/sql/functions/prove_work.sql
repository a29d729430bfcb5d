-- Proofs of work: what an event may ask of a place before its turn.

-- Which proof a place has (p_fan may be NULL), and the address that it proved to this fan. refusal
-- is what place_refusal() says.
CREATE OR REPLACE FUNCTION proof_standing(
    p_event bigint, p_place text, p_number bigint, p_epoch int, p_fan bigint,
    OUT refusal text, OUT reference text, OUT proof text, OUT proven_email text
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
    proof := the_place.proof;
    SELECT f.email INTO proven_email FROM fans f WHERE f.id = p_fan AND f.id = the_place.fan_id;
END
$$;

-- A place has proven itself, by 'work' or by the 'address' that it proved to this fan. Doing it
-- again changes nothing.
--
-- outcome   reference
-- done      -
-- unproven  -          the place is not bound to this fan
-- unknown, suspended, ended, claimed   as place_refusal() says; claimed names the claim
CREATE OR REPLACE FUNCTION prove_work(
    p_event bigint, p_place text, p_number bigint, p_epoch int, p_proof text, p_fan bigint,
    OUT outcome text, OUT reference text
)
LANGUAGE plpgsql
AS $$
DECLARE
    the_place places%ROWTYPE;
BEGIN
    LOOP
        the_place := followed_place(p_event, p_place, p_number, p_epoch);
        outcome := place_refusal(the_place);
        IF outcome IS NOT NULL THEN
            reference := live_claim(p_event, the_place.fan_id);
            RETURN;
        ELSIF p_proof = 'address' AND the_place.fan_id IS DISTINCT FROM p_fan THEN
            outcome := 'unproven';
            RETURN;
        END IF;
        UPDATE places p SET proof = coalesce(p.proof, p_proof), proof_at = coalesce(p.proof_at, now())
        WHERE p.id = the_place.id AND p.state IN ('waiting', 'admitted');
        -- It may have been merged into another this moment, which is then the one to write.
        EXIT WHEN FOUND;
    END LOOP;
    outcome := 'done';
END
$$;
