-- The figures of one event for its organiser beside those of its tickets, of one moment: its page
-- asks for them every two seconds.
--
--   oldest_debt_seconds  how long the oldest unhandled outbox row has been waiting; one that is meant
--                        for later is not late, one that was tried and failed is. The outbox is
--                        everybody's: when it stands still, no organiser's fans get their tickets
--   gateway_away         since when the gateway has not answered
--   sums                 the money by currency, as jsonb
--   sampled_at           when the beats last looked at the event
--   standing_since       since when nobody has been admitted, as far as the samples of an hour tell
DROP FUNCTION IF EXISTS live_figures(bigint);

CREATE FUNCTION live_figures(wanted_event_id bigint) RETURNS TABLE (
    claims_last_minute bigint, oldest_debt_seconds float, gateway_away timestamptz, sums jsonb,
    sampled_at timestamptz, standing_since timestamptz
) LANGUAGE sql STABLE AS $$
    SELECT
        (SELECT count(*) FROM claims
            WHERE event_id = wanted_event_id AND created_at > now() - interval '1 minute'),
        (SELECT extract(EPOCH FROM now() - min(created_at))::float FROM outbox
            WHERE done_at IS NULL AND (due_at <= now() OR attempts > 0)),
        gateway_away_since(),
        (SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY m.currency), '[]')
            FROM event_sums(wanted_event_id) m),
        last.at,
        (SELECT min(s.at) FROM samples s
            WHERE s.event_id = wanted_event_id AND s.at > coalesce((
                SELECT max(other.at) FROM samples other
                WHERE other.event_id = wanted_event_id AND other.at > last.at - interval '1 hour'
                    AND other.admitted <> last.admitted
            ), last.at - interval '1 hour'))
    FROM (SELECT) AS one
    LEFT JOIN LATERAL (
        SELECT * FROM samples WHERE event_id = wanted_event_id ORDER BY at DESC LIMIT 1
    ) last ON true
$$;
