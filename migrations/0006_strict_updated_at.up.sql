-- Every change of a row makes its updated_at later: two changes within a millisecond would have the same otherwise, and
-- who compares updated_at with what was read before would not notice the second one. So it is the time of the change, or,
-- if that is not later than before (by rounding, by a clock that was set back, or because the row comes from a server
-- whose clock is ahead), a millisecond more than before.
--
-- What is beyond the year 9999, or infinite, cannot become later and still be a time that JavaScript can hold; it becomes
-- the time of the change, which is another one, too.
--
-- As before, the function has no SET clause, because that would cost more than the rest. Everything in it is qualified
-- or a keyword.
CREATE OR REPLACE FUNCTION auth_set_updated_at()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at := CASE
        WHEN OLD.updated_at OPERATOR(pg_catalog.<) TIMESTAMP WITH TIME ZONE '9999-12-31 23:59:59.999+00' THEN
            GREATEST(
                CAST(pg_catalog.clock_timestamp() AS TIMESTAMP(3) WITH TIME ZONE),
                OLD.updated_at OPERATOR(pg_catalog.+) INTERVAL '1 millisecond'
            )
        ELSE CAST(pg_catalog.clock_timestamp() AS TIMESTAMP(3) WITH TIME ZONE)
    END;
    RETURN NEW;
END
$$;
