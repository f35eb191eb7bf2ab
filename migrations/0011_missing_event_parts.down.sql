-- The functions as they were before.
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
    future REGCLASS;
    fresh REGCLASS[] := '{}';
    month TIMESTAMPTZ;
    month_name TEXT;
    made INTEGER := 0;
    are_many BOOLEAN;
    statement TEXT;
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

    -- The second look is under the lock. Whoever does not get that leaves the work to who has it.
    FOR look IN 1 .. 2 LOOP
        SELECT c.oid, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''\)')::timestamptz
          INTO future, month
          FROM pg_inherits i
          JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = events
           AND pg_get_expr(c.relpartbound, c.oid) LIKE '% TO (MAXVALUE)';

        IF future IS NULL OR month >= last THEN
            RETURN 0;
        END IF;

        IF look = 1 AND NOT pg_try_advisory_xact_lock((1702260340::bigint << 32) | events::oid::bigint) THEN
            RETURN 0;
        END IF;
    END LOOP;

    EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', events, future);

    -- If nobody has made months for long, they are too many to be moved. Then their table becomes a partition that
    -- ends with the present month.
    EXECUTE format('SELECT count(*) > 50000 FROM (SELECT FROM %s WHERE timestamp < $1 LIMIT 50001) AS few', future)
       INTO STRICT are_many
      USING last;
    IF are_many AND month <= present THEN
        month_name := 'auth_events_' || to_char(month, 'YYYY_MM') || '_on';
        month := present + INTERVAL '1 month';
        EXECUTE format('ALTER TABLE %s RENAME TO %I', future, month_name);
        EXECUTE format(
            'CREATE TABLE %1$I.auth_events_future (LIKE %1$I.%2$I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)'
          , place
          , month_name
        );
        EXECUTE format(
            'WITH moved AS (
                 DELETE FROM %1$I.%2$I WHERE timestamp >= $1
              RETURNING id, type, principal_id, org_id, data, timestamp
             )
             INSERT INTO %1$I.auth_events_future (id, type, principal_id, org_id, data, timestamp)
             SELECT id, type, principal_id, org_id, data, timestamp FROM moved'
          , place
          , month_name
        ) USING month;
        EXECUTE format(
            'ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)'
          , events
          , place
          , month_name
          , substring(month_name FROM '\d{4}_\d{2}') || '_01'
          , month
        );
        future := format('%I.auth_events_future', place)::regclass;
        fresh := fresh || future;
        made := 1;
    END IF;

    WHILE month < last LOOP
        month_name := 'auth_events_' || to_char(month, 'YYYY_MM');
        EXECUTE format(
            'CREATE TABLE %I.%I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)'
          , place
          , month_name
          , events
          , month
          , month + INTERVAL '1 month'
        );
        fresh := fresh || format('%I.%I', place, month_name)::regclass;
        month := month + INTERVAL '1 month';
        made := made + 1;
    END LOOP;

    -- Nobody needs rights to a part of the table, whatever the default privileges say.
    FOR statement IN
        SELECT DISTINCT format(
                   'REVOKE ALL ON %s FROM %s'
                 , c.oid::regclass
                 , CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
               )
          FROM pg_class c
         CROSS JOIN aclexplode(c.relacl) a
         WHERE c.oid = ANY (fresh)
           AND a.grantee <> c.relowner
    LOOP
        EXECUTE statement;
    END LOOP;

    EXECUTE format(
        'WITH moved AS (
             DELETE FROM %s WHERE timestamp < $1
          RETURNING id, type, principal_id, org_id, data, timestamp
         )
         INSERT INTO %s (id, type, principal_id, org_id, data, timestamp)
         SELECT id, type, principal_id, org_id, data, timestamp FROM moved'
      , future
      , events
    ) USING last;
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (MAXVALUE)', events, future, last);

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
    pending TEXT;
    old_parts TEXT[];
    new_start TIMESTAMPTZ;
    grantee TEXT;
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

    -- Somebody's DETACH … CONCURRENTLY was interrupted: until it is finished, no other partition can be detached.
    SELECT i.inhrelid::regclass::text
      INTO pending
      FROM pg_inherits i
     WHERE i.inhparent = events
       AND (to_jsonb(i) ->> 'inhdetachpending')::boolean;
    IF pending IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s DETACH PARTITION %s FINALIZE', events, pending);
    END IF;

    -- The part before the first month is among them, and begins anew where they end, so that there is no gap.
    SELECT array_agg(part.name ORDER BY part.ends), max(part.ends)
      INTO old_parts, new_start
      FROM (
               SELECT i.inhrelid::regclass::text
                    , substring(pg_get_expr(c.relpartbound, c.oid) FROM ' TO \(''([^'']+)''\)')::timestamptz
                 FROM pg_inherits i
                 JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = events
           ) AS part (name, ends)
     WHERE part.ends <= least(until, now());
    IF old_parts IS NULL OR cardinality(old_parts) = 1 AND old_parts[1] = format('%I.auth_events_past', place) THEN
        IF old_parts IS NULL THEN
            RETURN 0;
        END IF;
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', old_parts[1]) INTO STRICT pending;
        IF pending::boolean THEN
            RETURN 0;
        END IF;
    END IF;

    EXECUTE 'DROP TABLE ' || array_to_string(old_parts, ', ');
    EXECUTE format(
        'CREATE TABLE %I.auth_events_past PARTITION OF %s FOR VALUES FROM (MINVALUE) TO (%L)'
      , place
      , events
      , new_start
    );
    FOR grantee IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
          FROM pg_class c
         CROSS JOIN aclexplode(c.relacl) a
         WHERE c.oid = format('%I.auth_events_past', place)::regclass
           AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE ALL ON %I.auth_events_past FROM %s', place, grantee);
    END LOOP;

    RETURN cardinality(old_parts);
END
$$;

DROP FUNCTION auth_mend_event_parts(REGCLASS);

DROP FUNCTION auth_make_event_part(REGCLASS, TEXT, TIMESTAMPTZ, TIMESTAMPTZ);
