CREATE OR REPLACE FUNCTION auth_set_updated_at()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at := CAST(pg_catalog.clock_timestamp() AS TIMESTAMP(3) WITH TIME ZONE);
    RETURN NEW;
END
$$;
