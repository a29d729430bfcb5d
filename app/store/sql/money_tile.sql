-- The money of one event by currency, in the smallest unit; what counts as what is said in
-- functions/event_money.sql. Beside what is in doubt stands the oldest of it.
SELECT
    counted_currency,
    coalesce(sum(counted_amount) FILTER (WHERE counts_as = 'taken'), 0)::bigint,
    coalesce(sum(counted_amount) FILTER (WHERE counts_as = 'refund owed'), 0)::bigint,
    coalesce(sum(counted_amount) FILTER (WHERE counts_as = 'refunded'), 0)::bigint,
    coalesce(sum(counted_amount) FILTER (WHERE counts_as = 'unexplained'), 0)::bigint,
    coalesce(sum(counted_amount) FILTER (WHERE counts_as = 'in doubt'), 0)::bigint,
    count(*) FILTER (WHERE counts_as = 'in doubt'),
    min(created_at) FILTER (WHERE counts_as = 'in doubt'),
    (array_agg(claim ORDER BY created_at, payment_id) FILTER (WHERE counts_as = 'in doubt'))[1]
FROM event_money(:event_id)
WHERE counts_as <> 'nothing'
GROUP BY counted_currency
ORDER BY counted_currency
