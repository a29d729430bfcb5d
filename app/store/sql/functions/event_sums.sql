-- The money of one event by currency, in the smallest unit; what counts as what is said in
-- event_money.sql. Beside what is in doubt stands the oldest of it: the lowest number,
-- since finding the lowest needs no sorting of everything else.
DROP FUNCTION IF EXISTS event_sums(bigint);

CREATE FUNCTION event_sums(wanted_event_id bigint) RETURNS TABLE (
    currency text, taken bigint, owed bigint, stuck bigint, refunded bigint, unexplained bigint,
    in_doubt bigint, doubts bigint, oldest_doubt timestamptz, oldest_claim text
) LANGUAGE sql STABLE AS $$
    SELECT
        m.currency, m.taken, m.owed, m.stuck, m.refunded, m.unexplained, m.in_doubt, m.doubts,
        p.created_at AS oldest_doubt, c.reference AS oldest_claim
    FROM (
        SELECT
            counted_currency AS currency,
            coalesce(sum(counted_amount) FILTER (WHERE counts_as = 'taken'), 0)::bigint AS taken,
            coalesce(sum(counted_amount) FILTER (WHERE counts_as = 'refund owed'), 0)::bigint AS owed,
            count(*) FILTER (WHERE refund_state = 'needs-attention') AS stuck,
            coalesce(sum(counted_amount) FILTER (WHERE counts_as = 'refunded'), 0)::bigint AS refunded,
            coalesce(sum(counted_amount) FILTER (WHERE counts_as = 'unexplained'), 0)::bigint
                AS unexplained,
            coalesce(sum(counted_amount) FILTER (WHERE counts_as = 'in doubt'), 0)::bigint AS in_doubt,
            count(*) FILTER (WHERE counts_as = 'in doubt') AS doubts,
            min(payment_id) FILTER (WHERE counts_as = 'in doubt') AS oldest
        FROM event_money(wanted_event_id)
        WHERE counts_as <> 'nothing'
        GROUP BY counted_currency
    ) m
    LEFT JOIN payments p ON p.id = m.oldest
    LEFT JOIN claims c ON c.id = p.claim_id
    ORDER BY m.currency
$$;
