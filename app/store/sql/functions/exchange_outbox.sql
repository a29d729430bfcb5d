-- One round trip of a lane's deliverer: write down how the entries in its hands ended, and take
-- others.
--
-- p_endings  an array of objects, each with `end`, `entry` (the outbox entry, or NULL for who has
--            taken none) and what belongs to the end:
--
-- end             besides                                what is written
-- done            -                                      nothing but that the entry is done
-- again           token, seconds, error                  due in so many seconds, and why
-- back            token                                  as if it had not been taken
-- handled         inbox_id                               the inbox entry is handled
-- code_sent       verification_id                        the code's minutes start now
-- payment_opened  payment_id, address, next_check_at     where to pay; a webhook may have been
--                                                        faster, then only the address is new
-- confirmed       what confirm_claim() takes             the claim is confirmed, if that is ordinary
--
-- token is the entry's taken_until: a slow deliverer whose time ran out must not let go of what
-- another holds by now. The first of two deliverers to finish ends the debt; the second changes
-- nothing.
--
-- A row for each entry taken, which belongs to the caller until taken_until, comes back by itself
-- if the caller dies, and brings what its deliverer has to know; and one with `refused` for each
-- `confirmed` that is not ordinary: nothing was written of it.
--
-- Locks: the claims in order of number, then for each its payments and its tickets; codes; then the
-- outbox. Entries in other hands are skipped.
CREATE OR REPLACE FUNCTION exchange_outbox(
    p_endings jsonb, p_lane text, p_seconds double precision, p_most int
) RETURNS TABLE (
    id bigint, kind text, payload jsonb, attempts int, taken_until timestamptz, facts jsonb,
    refused boolean
)
LANGUAGE plpgsql
AS $$
DECLARE
    one jsonb;
    entry bigint;
    ended bigint[] := '{}';
    unusual bigint[] := '{}';
BEGIN
    PERFORM FROM claims c
    WHERE c.id IN (
        SELECT p.claim_id FROM payments p
        WHERE p.id IN (
            SELECT (e ->> 'payment_id')::bigint FROM jsonb_array_elements(p_endings) e
        )
    )
    ORDER BY c.id
    FOR UPDATE;

    FOR one IN
        SELECT e FROM jsonb_array_elements(p_endings) e
        ORDER BY (e ->> 'payment_id')::bigint, e ->> 'verification_id', (e ->> 'entry')::bigint
    LOOP
        entry := (one ->> 'entry')::bigint;
        CASE one ->> 'end'
            WHEN 'done' THEN
                NULL;
            WHEN 'handled' THEN
                UPDATE inbox i SET handled_at = now() WHERE i.id = (one ->> 'inbox_id')::bigint;
            WHEN 'code_sent' THEN
                UPDATE verifications v SET sent_at = now()
                WHERE v.id = one ->> 'verification_id';
            WHEN 'payment_opened' THEN
                UPDATE payments p SET
                    authorization_url = one ->> 'address',
                    last_error = NULL,
                    next_check_at = CASE p.state
                        WHEN 'INITIALIZING' THEN (one ->> 'next_check_at')::timestamptz
                        ELSE p.next_check_at
                    END,
                    state = CASE p.state WHEN 'INITIALIZING' THEN 'PENDING' ELSE p.state END
                WHERE p.id = (one ->> 'payment_id')::bigint;
            WHEN 'confirmed' THEN
                IF NOT confirm_claim(
                    (one ->> 'payment_id')::bigint,
                    (one ->> 'amount')::bigint,
                    one ->> 'currency',
                    (one ->> 'gateway_id')::bigint,
                    (one ->> 'paid_at')::timestamptz,
                    nullif(one -> 'log', 'null'),
                    ARRAY(SELECT jsonb_array_elements_text(one -> 'codes')),
                    (one ->> 'inbox_id')::bigint,
                    entry
                ) THEN
                    unusual := unusual || entry;
                    CONTINUE;
                END IF;
            WHEN 'again' THEN
                UPDATE outbox o SET
                    due_at = clock_timestamp()
                        + (one ->> 'seconds')::double precision * interval '1 second',
                    taken_until = NULL,
                    last_error = one ->> 'error'
                WHERE o.id = entry
                    AND o.taken_until = (one ->> 'token')::timestamptz
                    AND o.done_at IS NULL;
                CONTINUE;
            WHEN 'back' THEN
                UPDATE outbox o SET taken_until = NULL, attempts = o.attempts - 1
                WHERE o.id = entry
                    AND o.taken_until = (one ->> 'token')::timestamptz
                    AND o.done_at IS NULL;
                CONTINUE;
        END CASE;
        ended := ended || entry;
    END LOOP;
    UPDATE outbox o SET done_at = clock_timestamp(), taken_until = NULL, last_error = NULL
    WHERE o.id = ANY (ended) AND o.done_at IS NULL;

    IF p_most > 0 THEN
        RETURN QUERY
        WITH due AS MATERIALIZED (
            SELECT o.id FROM outbox o
            WHERE o.lane = p_lane
                AND o.done_at IS NULL
                AND o.due_at <= now()
                AND (o.taken_until IS NULL OR o.taken_until < now())
            ORDER BY o.due_at, o.id
            LIMIT p_most
            FOR UPDATE SKIP LOCKED
        )
        UPDATE outbox o SET
            taken_until = clock_timestamp() + p_seconds * interval '1 second',
            attempts = o.attempts + 1
        FROM due
        WHERE o.id = due.id
        RETURNING o.id, o.kind, o.payload, o.attempts, o.taken_until,
            outbox_facts(o.kind, o.payload), FALSE;
    END IF;
    RETURN QUERY
    SELECT u, NULL::text, NULL::jsonb, NULL::int, NULL::timestamptz, NULL::jsonb, TRUE
    FROM unnest(unusual) u;
END
$$;
