-- The times of the TypeScript adapter have no zone and come from two clocks. These functions read and write
-- them; they are dropped before the transaction ends. The zones are settings of the transaction.

-- An hour that a clock showed twice is read as its first time, as Node reads it: if counting on from three
-- hours before leads elsewhere and the clock shows the same there, that instant came first. What is finer than
-- a millisecond is cut off, again as in Node. One expression, for PostgreSQL to put in place of the call.
CREATE FUNCTION :"schema".auth_old_instant(shown TIMESTAMP, zone TEXT) RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE
AS $$
    SELECT date_trunc(
               'milliseconds'
             , CASE
                   WHEN ((shown - INTERVAL '3 hours') AT TIME ZONE zone) + INTERVAL '3 hours' = (shown AT TIME ZONE zone)
                   THEN shown AT TIME ZONE zone
                   WHEN (((shown - INTERVAL '3 hours') AT TIME ZONE zone) + INTERVAL '3 hours') AT TIME ZONE zone = shown
                   THEN ((shown - INTERVAL '3 hours') AT TIME ZONE zone) + INTERVAL '3 hours'
                   ELSE shown AT TIME ZONE zone
               END
           )
$$;

-- By the server's clock: what now() filled in.
CREATE FUNCTION :"schema".auth_old_server_time(shown TIMESTAMP) RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE
AS $$ SELECT :"schema".auth_old_instant(shown, current_setting('auth_postgres.server_zone')) $$;

-- By Node's clock: what the application sent.
CREATE FUNCTION :"schema".auth_old_client_time(shown TIMESTAMP) RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE
AS $$ SELECT :"schema".auth_old_instant(shown, current_setting('auth_postgres.client_zone')) $$;

-- updated_at is the server's until the first update, and then the clock's of whoever writes it then.
CREATE FUNCTION :"schema".auth_old_update_time(shown TIMESTAMP, created TIMESTAMP, zone TEXT) RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE
AS $$
    SELECT CASE
               WHEN shown = created THEN :"schema".auth_old_server_time(shown)
               ELSE :"schema".auth_old_instant(shown, current_setting('auth_postgres.' || zone))
           END
$$;

CREATE FUNCTION :"schema".auth_old_server_time(instant TIMESTAMPTZ) RETURNS TIMESTAMP
LANGUAGE sql STABLE
AS $$ SELECT instant AT TIME ZONE current_setting('auth_postgres.server_zone') $$;

CREATE FUNCTION :"schema".auth_old_client_time(instant TIMESTAMPTZ) RETURNS TIMESTAMP
LANGUAGE sql STABLE
AS $$ SELECT instant AT TIME ZONE current_setting('auth_postgres.client_zone') $$;

CREATE FUNCTION :"schema".auth_old_update_time(instant TIMESTAMPTZ, created TIMESTAMPTZ, zone TEXT) RETURNS TIMESTAMP
LANGUAGE sql STABLE
AS $$
    SELECT CASE
               WHEN instant = created THEN :"schema".auth_old_server_time(instant)
               ELSE instant AT TIME ZONE current_setting('auth_postgres.' || zone)
           END
$$;

-- Whether a clock in that zone ever showed the time: none shows the hour that is left out in spring.
CREATE FUNCTION :"schema".auth_old_is_shown(shown TIMESTAMP, zone TEXT) RETURNS BOOLEAN
LANGUAGE sql STABLE
AS $$ SELECT shown IS NULL OR NOT isfinite(shown) OR (shown AT TIME ZONE zone) AT TIME ZONE zone = shown $$;
