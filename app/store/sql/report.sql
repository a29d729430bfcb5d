-- How fair a sale was, in one row. Places that joined twice count once.
--
-- A wait begins when somebody joined or when the sale began, whichever was later, and ends when they
-- were let in. Passed over is who was let in after somebody with a higher number; a place that had
-- been let in before and got its place back (turn) does not count as such.
WITH place AS (
    SELECT
        p.number, p.state, p.fan_id, p.turn, p.admitted_at,
        p.admitted_at - greatest(p.joined_at, e.sale_starts_at) AS waited
    FROM places p JOIN events e ON e.id = p.event_id
    WHERE p.event_id = :event_id AND p.state <> 'merged'
), counted AS (
    SELECT
        count(*) AS joined,
        count(fan_id) AS proven,
        count(admitted_at) AS admitted,
        count(*) FILTER (WHERE state = 'left') AS left_line,
        count(*) FILTER (WHERE state = 'expired') AS missed,
        percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY waited) AS waits,
        max(waited) AS longest_wait
    FROM place
), in_order AS (
    SELECT number < max(number) OVER (ORDER BY admitted_at, number) AS passed_over
    FROM place WHERE admitted_at IS NOT NULL AND turn = 0
), claim AS (
    SELECT
        count(*) AS claimed,
        count(confirmed_at) AS paid,
        count(*) FILTER (WHERE state = 'CONFIRMED') AS have_tickets,
        count(*) FILTER (WHERE state = 'EXPIRED') AS ran_out,
        count(*) FILTER (WHERE state = 'RELEASED') AS given_back,
        coalesce(sum(quantity) FILTER (WHERE state IN ('EXPIRED', 'RELEASED')), 0)
            AS returned_tickets,
        count(*) FILTER (WHERE state = 'REFUNDED') AS refunded
    FROM claims WHERE event_id = :event_id
)
SELECT
    counted.joined, counted.proven, counted.admitted, counted.left_line, counted.missed,
    extract(EPOCH FROM counted.waits[1])::float AS median_wait,
    extract(EPOCH FROM counted.waits[2])::float AS ninth_wait,
    extract(EPOCH FROM counted.longest_wait)::float AS longest_wait,
    (SELECT count(*) FROM in_order WHERE passed_over) AS passed_over,
    claim.claimed, claim.paid, claim.have_tickets, claim.ran_out, claim.given_back,
    claim.returned_tickets::int AS returned_tickets, claim.refunded,
    (SELECT count(*) FROM event_money(:event_id) WHERE refund_id IS NOT NULL) AS refunds
FROM counted, claim
