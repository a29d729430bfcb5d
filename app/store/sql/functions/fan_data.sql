-- What is held about a fan: handed out, and erased. The sale's books stay: claims, tickets,
-- payments, refunds and their timeline, of somebody without a name.

-- Everything that is held about an address; NULL when that is nothing.
CREATE OR REPLACE FUNCTION export_fan(p_email text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH fan AS (
        SELECT * FROM fans WHERE email = p_email
    ), own_claims AS (
        SELECT c.* FROM claims c JOIN fan f ON f.id = c.fan_id
    ), own_payments AS (
        SELECT p.* FROM payments p JOIN own_claims c ON c.id = p.claim_id
    ), own_places AS (
        SELECT p.* FROM places p
        WHERE p.fan_id = (SELECT id FROM fan)
            OR p.id IN (SELECT v.place_id FROM verifications v WHERE v.email = p_email)
    )
    SELECT jsonb_build_object(
        'email', p_email,
        'fan', (SELECT to_jsonb(f) FROM fan f),
        'codes', (
            SELECT jsonb_agg(to_jsonb(v) ORDER BY v.created_at)
            FROM verifications v WHERE v.email = p_email
        ),
        'places', (
            SELECT jsonb_agg(to_jsonb(p) || jsonb_build_object('event', e.slug) ORDER BY p.joined_at)
            FROM own_places p JOIN events e ON e.id = p.event_id
        ),
        'links', (
            SELECT jsonb_agg(to_jsonb(c) ORDER BY c.created_at)
            FROM carries c WHERE c.place_id IN (SELECT id FROM own_places)
        ),
        'removals', (
            SELECT jsonb_agg(to_jsonb(r) ORDER BY r.id)
            FROM removals r WHERE r.place_id IN (SELECT id FROM own_places)
        ),
        'claims', (
            SELECT jsonb_agg(
                to_jsonb(c) || jsonb_build_object(
                    'event', e.slug,
                    'tickets', (
                        SELECT jsonb_agg(to_jsonb(t) ORDER BY t.number)
                        FROM tickets t WHERE t.claim_id = c.id
                    )
                ) ORDER BY c.id
            )
            FROM own_claims c JOIN events e ON e.id = c.event_id
        ),
        'payments', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.id) FROM own_payments p),
        'refunds', (
            SELECT jsonb_agg(to_jsonb(r) ORDER BY r.id)
            FROM refunds r WHERE r.payment_id IN (SELECT id FROM own_payments)
        ),
        'timeline', (
            SELECT jsonb_agg(to_jsonb(t) ORDER BY t.id) FROM timeline t
            WHERE t.claim_id IN (SELECT id FROM own_claims)
                OR t.place_id IN (SELECT id FROM own_places)
        ),
        'heard_from_the_gateway', (
            SELECT jsonb_agg(to_jsonb(i) ORDER BY i.id) FROM inbox i
            WHERE i.body -> 'data' ->> 'reference' IN (SELECT reference FROM own_payments)
        ),
        'owed_to_them', (
            SELECT jsonb_agg(to_jsonb(o) ORDER BY o.id) FROM outbox o
            WHERE o.payload ->> 'claim_id' IN (SELECT id::text FROM own_claims)
                OR o.payload ->> 'place_id' IN (SELECT id FROM own_places)
                OR o.payload ->> 'verification_id' IN (
                    SELECT v.id FROM verifications v WHERE v.email = p_email
                )
        )
    )
    WHERE EXISTS (SELECT FROM fan) OR EXISTS (SELECT FROM verifications v WHERE v.email = p_email)
$$;

-- What is still under way for a fan, so that the address cannot go yet: 'place', 'hold', 'ticket'
-- or 'money'; NULL when nothing is.
CREATE OR REPLACE FUNCTION fan_is_busy(p_fan bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN EXISTS (
            SELECT FROM claims WHERE fan_id = p_fan AND state = 'HELD'
        ) THEN 'hold'
        WHEN EXISTS (
            SELECT FROM payments p JOIN claims c ON c.id = p.claim_id
            WHERE c.fan_id = p_fan
                AND (p.state IN ('INITIALIZING', 'PENDING') OR p.next_check_at IS NOT NULL)
        ) OR EXISTS (
            SELECT FROM refunds r
            JOIN payments p ON p.id = r.payment_id
            JOIN claims c ON c.id = p.claim_id
            WHERE c.fan_id = p_fan AND r.state NOT IN ('processed', 'settled')
        ) THEN 'money'
        WHEN EXISTS (
            SELECT FROM claims c JOIN events e ON e.id = c.event_id
            WHERE c.fan_id = p_fan AND c.state = 'CONFIRMED' AND e.starts_at > now()
        ) THEN 'ticket'
        WHEN EXISTS (
            SELECT FROM places p JOIN events e ON e.id = p.event_id
            WHERE p.fan_id = p_fan AND p.state IN ('waiting', 'admitted', 'suspended')
                AND e.state <> 'closed'
        ) THEN 'place'
    END
$$;

-- What the gateway told, less what it told about a person.
CREATE OR REPLACE FUNCTION without_person(p_body jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object(
        'event', p_body -> 'event', 'erased', TRUE,
        'data', (
            SELECT coalesce(jsonb_object_agg(key, value), '{}')
            FROM jsonb_each(
                CASE WHEN jsonb_typeof(p_body -> 'data') = 'object' THEN p_body -> 'data' ELSE '{}' END
            )
            WHERE key IN (
                'id', 'reference', 'transaction_reference', 'refund_reference', 'status', 'amount',
                'currency', 'paid_at', 'created_at'
            )
        )
    )
$$;

-- Erase an address: 'erased', 'unknown', or what fan_is_busy() says. Who comes back with the same
-- address is a new fan.
CREATE OR REPLACE FUNCTION erase_fan(p_email text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    the_fan bigint;
    busy text;
    nobody text;
    found_codes boolean;
    mails bigint[];
BEGIN
    -- A claim that is being made refers to this row, and waits or is waited for.
    SELECT id INTO the_fan FROM fans WHERE email = p_email FOR UPDATE;
    busy := fan_is_busy(the_fan);
    IF busy IS NOT NULL THEN
        RETURN busy;
    END IF;
    nobody := 'erased-' || coalesce(the_fan::text, 'nobody') || '@erased.invalid';
    SELECT array_agg(o.id) INTO mails FROM outbox o
    WHERE o.payload ->> 'claim_id' IN (SELECT id::text FROM claims WHERE fan_id = the_fan)
        OR o.payload ->> 'place_id' IN (SELECT id FROM places WHERE fan_id = the_fan)
        OR o.payload ->> 'verification_id' IN (SELECT id FROM verifications WHERE email = p_email);
    -- What a mail server said may name the address. What is still owed has nowhere to go.
    UPDATE outbox SET last_error = NULL, done_at = coalesce(done_at, now()) WHERE id = ANY (mails);
    UPDATE verifications SET email = nobody WHERE email = p_email;
    found_codes := FOUND;
    IF the_fan IS NULL THEN
        RETURN CASE WHEN found_codes THEN 'erased' ELSE 'unknown' END;
    END IF;
    UPDATE inbox i SET body = without_person(i.body)
    WHERE i.body -> 'data' ->> 'reference' IN (
        SELECT p.reference FROM payments p JOIN claims c ON c.id = p.claim_id
        WHERE c.fan_id = the_fan
    );
    UPDATE payments p SET gateway_log = NULL, last_error = NULL, authorization_url = NULL
    FROM claims c WHERE c.id = p.claim_id AND c.fan_id = the_fan;
    UPDATE claims SET name = 'erased', phone = '' WHERE fan_id = the_fan;
    UPDATE removals SET appeal = 'erased'
    WHERE appeal <> '' AND place_id IN (SELECT id FROM places WHERE fan_id = the_fan);
    UPDATE places SET visitor = NULL WHERE fan_id = the_fan;
    UPDATE fans SET email = nobody WHERE id = the_fan;
    RETURN 'erased';
END
$$;

-- Erase what has been kept for as long as it may be: some at a time, so that no statement is long.
-- Each of the three is a number of days; 0 keeps for ever. Says how much went.
CREATE OR REPLACE FUNCTION forget_old(p_fans int, p_inbox int, p_outbox int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    gone int := 0;
    changed int;
    the_email text;
BEGIN
    IF p_fans > 0 THEN
        FOR the_email IN
            SELECT f.email FROM fans f
            WHERE f.created_at < now() - make_interval(days => p_fans)
                AND f.email NOT LIKE 'erased-%@erased.invalid'
                AND NOT EXISTS (
                    SELECT FROM places p JOIN events e ON e.id = p.event_id
                    WHERE p.fan_id = f.id AND e.starts_at > now() - make_interval(days => p_fans)
                )
                AND fan_is_busy(f.id) IS NULL
            LIMIT 20
        LOOP
            IF erase_fan(the_email) = 'erased' THEN
                gone := gone + 1;
            END IF;
        END LOOP;
        -- Addresses that were typed and never proven.
        UPDATE verifications v SET email = 'erased-nobody@erased.invalid'
        WHERE v.id IN (
            SELECT old.id FROM verifications old
            WHERE old.created_at < now() - make_interval(days => p_fans)
                AND old.email NOT LIKE 'erased-%@erased.invalid'
                AND NOT EXISTS (SELECT FROM fans f WHERE f.email = old.email)
            LIMIT 1000
        );
        GET DIAGNOSTICS changed = ROW_COUNT;
        gone := gone + changed;
        -- Appeals of those who never proved an address.
        UPDATE removals r SET appeal = 'erased'
        WHERE r.id IN (
            SELECT old.id FROM removals old
            WHERE old.appealed_at < now() - make_interval(days => p_fans)
                AND old.appeal NOT IN ('', 'erased')
            LIMIT 1000
        );
        GET DIAGNOSTICS changed = ROW_COUNT;
        gone := gone + changed;
    END IF;
    IF p_inbox > 0 THEN
        -- The row stays: it says that this was heard, should the gateway say it again.
        UPDATE inbox i SET body = without_person(i.body)
        WHERE i.id IN (
            SELECT old.id FROM inbox old
            WHERE old.received_at < now() - make_interval(days => p_inbox)
                AND old.handled_at IS NOT NULL AND NOT old.body ? 'erased'
            LIMIT 1000
        );
        GET DIAGNOSTICS changed = ROW_COUNT;
        gone := gone + changed;
    END IF;
    IF p_outbox > 0 THEN
        DELETE FROM outbox o
        WHERE o.id IN (
            SELECT old.id FROM outbox old
            WHERE old.done_at < now() - make_interval(days => p_outbox)
            LIMIT 1000
        );
        GET DIAGNOSTICS changed = ROW_COUNT;
        gone := gone + changed;
    END IF;
    -- Where places were joined from is of use while the sale lasts, and no longer.
    UPDATE places p SET network = NULL
    WHERE p.id IN (
        SELECT old.id FROM places old
        JOIN events e ON e.id = old.event_id
        JOIN lines l ON l.event_id = e.id
        WHERE e.state = 'closed' AND l.networks_kept AND old.network IS NOT NULL
        LIMIT 5000
    );
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed = 0 THEN
        UPDATE lines l SET networks_kept = FALSE
        FROM events e WHERE e.id = l.event_id AND e.state = 'closed' AND l.networks_kept;
    END IF;
    RETURN gone + changed;
END
$$;
