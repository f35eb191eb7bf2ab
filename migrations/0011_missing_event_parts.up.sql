-- A part of auth_events that somebody has detached leaves a gap: events of its time are refused. And what it is called stays
-- taken, which stopped the making and dropping of months for ever. Now both make what is missing first, under a name that
-- is free. The table that was detached is left alone.

-- Makes a part of the table, and says which. No `begins` means that it has no beginning, no `ends` that it has no end.
CREATE FUNCTION auth_make_event_part(events REGCLASS, wanted TEXT, begins TIMESTAMPTZ, ends TIMESTAMPTZ)
RETURNS REGCLASS
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
SET lock_timeout = '1s'
AS $$
DECLARE
    place CONSTANT TEXT := (
        SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = events
    );
    part TEXT := format('%I.%I', place, wanted);
    tries INTEGER := 1;
    statement TEXT;
BEGIN
    WHILE to_regclass(part) IS NOT NULL LOOP
        tries := tries + 1;
        part := format('%I.%I', place, wanted || '_' || tries);
    END LOOP;

    EXECUTE format(
        'CREATE TABLE %s PARTITION OF %s FOR VALUES FROM (%s) TO (%s)'
      , part
      , events
      , COALESCE(quote_literal(begins), 'MINVALUE')
      , COALESCE(quote_literal(ends), 'MAXVALUE')
    );

    -- Nobody needs rights to a part of the table, whatever the default privileges say.
    FOR statement IN
        SELECT DISTINCT format(
                   'REVOKE ALL ON %s FROM %s'
                 , part
                 , CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
               )
          FROM pg_class c
         CROSS JOIN aclexplode(c.relacl) a
         WHERE c.oid = part::regclass
           AND a.grantee <> c.relowner
    LOOP
        EXECUTE statement;
    END LOOP;

    RETURN part::regclass;
END
$$;

-- Makes the parts that are missing, month by month between others, and says how many it made. Where somebody has made a
-- default partition, no time is without a place.
CREATE FUNCTION auth_mend_event_parts(events REGCLASS)
RETURNS INTEGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
SET lock_timeout = '1s'
AS $$
DECLARE
    place CONSTANT TEXT := (
        SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = events
    );
    pending REGCLASS;
    begins TIMESTAMPTZ;
    ends TIMESTAMPTZ;
    wanted TEXT;
    made INTEGER := 0;
BEGIN
    -- Somebody's DETACH … CONCURRENTLY was interrupted: until it is finished, no other partition can be detached.
    SELECT i.inhrelid
      INTO pending
      FROM pg_inherits i
     WHERE i.inhparent = events
       AND (to_jsonb(i) ->> 'inhdetachpending')::boolean;
    IF pending IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s DETACH PARTITION %s FINALIZE', events, pending);
    END IF;

    LOOP
        -- The first gap: it begins where a part ends and no other begins.
        WITH parts AS (
            SELECT COALESCE(substring(p.bounds FROM 'FROM \(''([^'']+)''\)')::timestamptz, '-infinity') AS begins
                 , COALESCE(substring(p.bounds FROM ' TO \(''([^'']+)''\)')::timestamptz, 'infinity') AS ends
              FROM pg_inherits i
              JOIN pg_class c ON c.oid = i.inhrelid
             CROSS JOIN pg_get_expr(c.relpartbound, c.oid) AS p (bounds)
             WHERE i.inhparent = events
        )
        SELECT gap.begins, (SELECT min(p.begins) FROM parts p WHERE p.begins > gap.begins)
          INTO begins, ends
          FROM (SELECT p.ends FROM parts p UNION SELECT '-infinity') AS gap (begins)
         WHERE gap.begins < 'infinity'
           AND NOT EXISTS (SELECT FROM parts p WHERE p.begins = gap.begins)
           AND NOT EXISTS (SELECT FROM pg_partitioned_table t WHERE t.partrelid = events AND t.partdefid <> 0)
         ORDER BY gap.begins
         LIMIT 1;
        IF begins IS NULL THEN
            RETURN made;
        END IF;

        IF begins = '-infinity' THEN
            wanted := 'past';
            begins := NULL;
            ends := COALESCE(ends, date_trunc('month', now()));
        ELSIF ends IS NULL THEN
            wanted := 'future';
        ELSE
            wanted := to_char(begins, 'YYYY_MM');
            ends := least(ends, date_trunc('month', begins) + INTERVAL '1 month');
        END IF;
        EXECUTE format('SELECT %I.auth_make_event_part($1, $2, $3, $4)', place)
          USING events, 'auth_events_' || wanted, begins, ends;
        made := made + 1;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION auth_make_event_months(events REGCLASS, ahead INTEGER)
RETURNS INTEGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
SET lock_timeout = '1s'
AS $$
DECLARE
    caller CONSTANT TEXT := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
    present CONSTANT TIMESTAMPTZ := date_trunc('month', now());
    last CONSTANT TIMESTAMPTZ := present + make_interval(months => least(greatest(ahead, 0), 60) + 1);
    place TEXT;
    make_part TEXT;
    future REGCLASS;
    month TIMESTAMPTZ;
    month_name TEXT;
    kept_from TIMESTAMPTZ := last;
    kept_until TIMESTAMPTZ;
    made INTEGER;
    are_many BOOLEAN;
BEGIN
    SELECT n.nspname
      INTO place
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = events
       AND c.relname = 'auth_events'
       AND c.relkind = 'p'
       AND c.relowner = current_user::regrole
       AND has_table_privilege(caller, c.oid, 'INSERT');

    IF place IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'no table auth_events of this owner, or no right to insert into it';
    END IF;

    -- Whoever does not get the lock leaves the work to who has it.
    IF NOT pg_try_advisory_xact_lock((1702260340::bigint << 32) | events::oid::bigint) THEN
        RETURN 0;
    END IF;

    EXECUTE format('SELECT %I.auth_mend_event_parts($1)', place) INTO STRICT made USING events;

    SELECT c.oid, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''\)')::timestamptz
      INTO future, month
      FROM pg_inherits i
      JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = events
       AND pg_get_expr(c.relpartbound, c.oid) LIKE '% TO (MAXVALUE)';

    IF month IS NULL OR month >= last THEN
        RETURN made;
    END IF;

    make_part := format('SELECT %I.auth_make_event_part($1, $2, $3, $4)', place);
    EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', events, future);

    -- If nobody has made months for long, they are too many to be moved. Then their table becomes a partition that
    -- ends with the present month.
    EXECUTE format('SELECT count(*) > 50000 FROM (SELECT FROM %s WHERE timestamp < $1 LIMIT 50001) AS few', future)
       INTO STRICT are_many
      USING last;
    IF are_many AND month <= present THEN
        kept_from := month;
        kept_until := present + INTERVAL '1 month';
        month_name := 'auth_events_' || to_char(month, 'YYYY_MM') || '_on';
        IF to_regclass(format('%I.%I', place, month_name)) IS NULL THEN
            EXECUTE format('ALTER TABLE %s RENAME TO %I', future, month_name);
        END IF;
        EXECUTE make_part USING events, 'auth_events_future', last, NULL::timestamptz;
        month := kept_until;
        made := made + 1;
    END IF;

    WHILE month < last LOOP
        EXECUTE make_part
          USING events, 'auth_events_' || to_char(month, 'YYYY_MM'), month, month + INTERVAL '1 month';
        month := month + INTERVAL '1 month';
        made := made + 1;
    END LOOP;

    EXECUTE format(
        'WITH moved AS (
             DELETE FROM %s WHERE timestamp < $1 OR timestamp >= $2
          RETURNING id, type, principal_id, org_id, data, timestamp
         )
         INSERT INTO %s (id, type, principal_id, org_id, data, timestamp)
         SELECT id, type, principal_id, org_id, data, timestamp FROM moved'
      , future
      , events
    ) USING kept_from, kept_until;
    EXECUTE format(
        'ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%s)'
      , events
      , future
      , kept_from
      , COALESCE(quote_literal(kept_until), 'MAXVALUE')
    );

    RETURN made;
END
$$;

CREATE OR REPLACE FUNCTION auth_drop_event_months(events REGCLASS, until TIMESTAMPTZ)
RETURNS INTEGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
SET lock_timeout = '1s'
AS $$
DECLARE
    caller CONSTANT TEXT := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
    place TEXT;
    mend CONSTANT TEXT := 'SELECT %I.auth_mend_event_parts($1)';
    old_parts TEXT[];
    is_empty BOOLEAN;
BEGIN
    SELECT n.nspname
      INTO place
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = events
       AND c.relname = 'auth_events'
       AND c.relkind = 'p'
       AND c.relowner = current_user::regrole
       AND has_table_privilege(caller, c.oid, 'DELETE');

    IF place IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'no table auth_events of this owner, or no right to delete from it';
    END IF;

    IF NOT pg_try_advisory_xact_lock((1702260340::bigint << 32) | events::oid::bigint) THEN
        RETURN 0;
    END IF;

    EXECUTE format(mend, place) USING events;

    SELECT array_agg(part.name)
      INTO old_parts
      FROM (
               SELECT i.inhrelid::regclass::text
                    , substring(pg_get_expr(c.relpartbound, c.oid) FROM ' TO \(''([^'']+)''\)')::timestamptz
                 FROM pg_inherits i
                 JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = events
           ) AS part (name, ends)
     WHERE part.ends <= least(until, now());
    IF old_parts IS NULL THEN
        RETURN 0;
    END IF;
    -- A single one is the part before the first month.
    IF cardinality(old_parts) = 1 THEN
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', old_parts[1]) INTO STRICT is_empty;
        IF is_empty THEN
            RETURN 0;
        END IF;
    END IF;

    -- The part before the first month is among them, and begins anew where they end, so that there is no gap.
    EXECUTE 'DROP TABLE ' || array_to_string(old_parts, ', ');
    EXECUTE format(mend, place) USING events;

    RETURN cardinality(old_parts);
END
$$;
