-- Count somebody's try to log in, or the like, unless there were too many: 0, or in how many seconds
-- the next one is allowed. Limits are (how many, within so many seconds), each of tries that are not
-- known to have succeeded; a refused one is not counted, so that no wait lasts for ever.
--
-- p_kind     what was tried
-- p_account  stands for what was typed as the address, whether anybody has it or not
-- p_network  where it came from
-- p_email    what was typed: from a network from which this person has come before, the limit of the
--            whole account does not count, so that strangers cannot lock its owner out
-- p_pair, p_of_network, p_of_account  the limits of the account from this network, of the network,
--            and of the account from everywhere
CREATE OR REPLACE FUNCTION count_try(
    p_kind text, p_account text, p_network text, p_email text,
    p_pair int[], p_of_network int[], p_of_account int[]
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    waits int := 0;
BEGIN
    -- One after the other, or a hundred tries at once would all find that there was none yet.
    PERFORM pg_advisory_xact_lock(hashtextextended('account ' || p_account, 0));
    PERFORM pg_advisory_xact_lock(hashtextextended('network ' || p_network, 0));
    SELECT coalesce(max(ceil(extract(epoch FROM over.at - now()) + over.within)), 0) INTO waits
    FROM (
        (SELECT t.at, p_pair[2] AS within FROM staff_tries t
        WHERE t.account = p_account AND t.network = p_network AND t.kind = p_kind
            AND t.at > now() - make_interval(secs => p_pair[2])
        ORDER BY t.at DESC OFFSET p_pair[1] - 1 LIMIT 1)
        UNION ALL
        (SELECT t.at, p_of_network[2] FROM staff_tries t
        WHERE t.network = p_network AND t.kind = p_kind
            AND t.at > now() - make_interval(secs => p_of_network[2])
        ORDER BY t.at DESC OFFSET p_of_network[1] - 1 LIMIT 1)
        UNION ALL
        (SELECT t.at, p_of_account[2] FROM staff_tries t
        WHERE t.account = p_account AND t.kind = p_kind
            AND t.at > now() - make_interval(secs => p_of_account[2])
            AND NOT EXISTS (
                SELECT FROM staff_sessions s JOIN staff m ON m.id = s.staff_id
                WHERE m.email = p_email AND s.network = p_network
                    AND s.created_at > now() - interval '30 days'
            )
        ORDER BY t.at DESC OFFSET p_of_account[1] - 1 LIMIT 1)
    ) over;
    IF waits > 0 THEN
        RETURN waits;
    END IF;
    DELETE FROM staff_tries WHERE id IN (
        SELECT id FROM staff_tries WHERE at < now() - interval '1 day'
        LIMIT 100 FOR UPDATE SKIP LOCKED
    );
    INSERT INTO staff_tries (kind, account, network) VALUES (p_kind, p_account, p_network);
    RETURN 0;
END
$$;
