-- Tell the planner of the one table that has grown most since it was last counted, if it has grown
-- by more than its own size and 100 rows: its name, or NULL.
--
-- A plan lives as long as its connection or until its tables are counted. One that was made beside a
-- hundred claims may read all claims of the event for each new one. Postgres counts by itself once a
-- minute, which is too late in the first minute of the first sale of a house.
--
-- The tables belong to the role of the migrations, so it is that role which counts them. A table that
-- somebody else counts at the moment is passed over; p_but names those that have had their turn.
DROP FUNCTION IF EXISTS analyze_grown();

CREATE OR REPLACE FUNCTION analyze_grown(p_but text[]) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    grown regclass;
BEGIN
    SELECT s.relid INTO grown
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
    WHERE s.schemaname = 'public' AND s.n_mod_since_analyze > 100 + greatest(c.reltuples, 0)
        AND s.relid::regclass::text <> ALL (p_but)
    ORDER BY s.n_mod_since_analyze / (100 + greatest(c.reltuples, 0)) DESC
    LIMIT 1;
    IF grown IS NOT NULL THEN
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', grown);
    END IF;
    RETURN grown;
END
$$;
