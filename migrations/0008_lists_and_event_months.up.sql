-- Lists in pages: each of these indexes has the order of a list, which is read from its end.

CREATE INDEX IF NOT EXISTS users_created_at_idx ON users (created_at, id);

-- What is looked up by value is COLLATE "C". No row changes by that.
ALTER TABLE users ALTER COLUMN plan TYPE TEXT COLLATE "C";

CREATE INDEX IF NOT EXISTS users_plan_created_at_idx ON users (plan, created_at, id);

CREATE INDEX IF NOT EXISTS organizations_created_at_idx ON organizations (created_at, id);

-- It serves the foreign key as well.
CREATE INDEX IF NOT EXISTS sessions_user_id_created_at_idx ON sessions (user_id, created_at, id);

DROP INDEX sessions_user_id_idx;

-- Events by month: a month that is too old is dropped, which costs nothing. There are the months from the present one on,
-- a few ahead, a partition for what is before the first month, and one for what is after the last. No partition is the
-- default one: that would have to be searched and locked for each change of the others.

-- Makes the months up to so many after the present one, where they are not there yet, and says how many it made. It acts
-- for the owner of the table, so that a role without rights to change tables can call it: whoever may insert into
-- the table may also have it ready for that. The table is given by the caller, because a function does not know its own
-- schema; only one that this function's owner owns is accepted.
CREATE FUNCTION auth_make_event_months(events REGCLASS, ahead INTEGER)
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
    month TIMESTAMPTZ;
    month_name TEXT;
    made INTEGER := 0;
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
       INTO STRICT grantee
      USING last;
    IF grantee::boolean AND month <= present THEN
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
        -- Nobody needs rights to a month, whatever the default privileges say.
        FOR grantee IN
            SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
              FROM pg_class c
             CROSS JOIN aclexplode(c.relacl) a
             WHERE c.oid = format('%I.%I', place, month_name)::regclass
               AND a.grantee <> c.relowner
        LOOP
            EXECUTE format('REVOKE ALL ON %I.%I FROM %s', place, month_name, grantee);
        END LOOP;
        month := month + INTERVAL '1 month';
        made := made + 1;
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

-- Drops the months that end at the given time or before, with all before them, and says how many partitions that were.
-- It acts for the owner in the same way: whoever may delete from the table may have old months dropped.
CREATE FUNCTION auth_drop_event_months(events REGCLASS, until TIMESTAMPTZ)
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

-- A table with few events is copied, a larger one becomes the part before the first month. For that it has been given
-- its indexes and a rule beforehand, while it was in use: see docs/events.md. What follows then takes milliseconds.
DO $$
DECLARE
    place CONSTANT TEXT := pg_catalog.current_schema();
    path CONSTANT TEXT := pg_catalog.current_setting('search_path');
    old REGCLASS;
    old_owner REGROLE;
    old_acl ACLITEM[];
    old_column_acls JSONB;
    sequence_acl ACLITEM[];
    last_id BIGINT;
    is_called BOOLEAN;
    rule TEXT;
    start TIMESTAMPTZ;
    is_copied BOOLEAN;
    additions TEXT;
    made TEXT;
    statement TEXT;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM set_config('timezone', 'UTC', true);
    PERFORM set_config('datestyle', 'ISO, YMD', true);
    old := format('%I.auth_events', place)::regclass;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', old);

    SELECT string_agg(found.what, ', ' ORDER BY found.what)
      INTO additions
      FROM (
               SELECT 'the column ' || a.attname
                 FROM pg_attribute a
                WHERE a.attrelid = old
                  AND a.attnum > 0
                  AND NOT a.attisdropped
                  AND a.attname NOT IN ('id', 'type', 'principal_id', 'org_id', 'data', 'timestamp')
                UNION ALL
               SELECT 'the trigger ' || g.tgname FROM pg_trigger g WHERE g.tgrelid = old AND NOT g.tgisinternal
                UNION ALL
               SELECT 'the constraint ' || o.conname
                 FROM pg_constraint o
                WHERE o.conrelid = old
                  AND o.contype <> 'n'
                  AND o.conname <> 'auth_events_pkey'
                  AND o.conname !~ '^auth_events_before_\d{4}_\d{2}$'
                UNION ALL
               SELECT 'row level security' FROM pg_class c WHERE c.oid = old AND c.relrowsecurity
                UNION ALL
               SELECT DISTINCT pg_describe_object(p.classid, p.objid, 0)
                 FROM pg_depend p
                WHERE p.refclassid = 'pg_class'::regclass
                  AND p.refobjid = old
                  AND p.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_publication_rel'::regclass)
           ) AS found (what);
    IF additions IS NOT NULL THEN
        RAISE EXCEPTION 'auth_events becomes a table with partitions, and has what this package did not make: %', additions
              USING HINT = 'Remove it, run the migration, and make it again.';
    END IF;

    SELECT c.relowner::regrole, c.relacl, pg_relation_size(c.oid) < 16 << 20
      INTO old_owner, old_acl, is_copied
      FROM pg_class c
     WHERE c.oid = old;
    SELECT COALESCE(jsonb_agg(jsonb_build_object(
               'privilege', format('%s (%I)', a.privilege_type, t.attname)
             , 'grantee', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
             , 'option', CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
           )), '[]')
      INTO old_column_acls
      FROM pg_attribute t
     CROSS JOIN aclexplode(t.attacl) a
     WHERE t.attrelid = old
       AND t.attnum > 0;
    SELECT c.relacl INTO sequence_acl FROM pg_class c WHERE c.oid = pg_get_serial_sequence(old::text, 'id')::regclass;
    EXECUTE format('SELECT last_value, is_called FROM %s', pg_get_serial_sequence(old::text, 'id'))
       INTO STRICT last_id, is_called;

    SELECT o.conname, to_timestamp(right(o.conname::text, 7), 'YYYY_MM')
      INTO rule, start
      FROM pg_constraint o
     WHERE o.conrelid = old
       AND o.conname ~ '^auth_events_before_\d{4}_\d{2}$'
       AND o.convalidated
     ORDER BY o.conname DESC
     LIMIT 1;

    EXECUTE format('ALTER TABLE %s ALTER COLUMN id DROP IDENTITY', old);
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT auth_events_pkey', old);
    IF is_copied THEN
        start := date_trunc('month', now());
        EXECUTE format('ALTER TABLE %s RENAME TO auth_events_copied', old);
    ELSE
        start := COALESCE(start, date_trunc('month', now()) + INTERVAL '1 month');
        EXECUTE format('ALTER TABLE %s ALTER COLUMN type TYPE TEXT COLLATE "C"', old);
        IF to_regclass(format('%I.auth_events_past_pkey', place)) IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %s ADD CONSTRAINT auth_events_past_pkey PRIMARY KEY USING INDEX auth_events_past_pkey', old);
        ELSE
            EXECUTE format('ALTER TABLE %s ADD CONSTRAINT auth_events_past_pkey PRIMARY KEY (timestamp, id)', old);
        END IF;
        EXECUTE format('ALTER TABLE %s RENAME TO auth_events_past', old);
    END IF;

    EXECUTE format('CREATE SEQUENCE %I.auth_events_id_seq AS BIGINT', place);
    PERFORM setval(format('%I.auth_events_id_seq', place)::regclass, last_id, is_called);
    EXECUTE format(
        'CREATE TABLE %1$I.auth_events (
             id           BIGINT NOT NULL DEFAULT nextval(%2$L::regclass),
             type         TEXT COLLATE "C" NOT NULL,
             principal_id TEXT COLLATE "C" NOT NULL,
             org_id       TEXT COLLATE "C",
             data         JSONB NOT NULL DEFAULT ''{}'',
             timestamp    TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
             CONSTRAINT auth_events_pkey PRIMARY KEY (timestamp, id)
         ) PARTITION BY RANGE (timestamp)'
      , place
      , format('%I.auth_events_id_seq', place)
    );
    EXECUTE format('ALTER SEQUENCE %1$I.auth_events_id_seq OWNED BY %1$I.auth_events.id', place);
    EXECUTE format('CREATE INDEX auth_events_principal_id_idx ON %I.auth_events (principal_id, timestamp, id)', place);
    EXECUTE format('CREATE INDEX auth_events_org_id_idx ON %I.auth_events (org_id, timestamp, id) WHERE org_id IS NOT NULL', place);
    EXECUTE format('CREATE INDEX auth_events_type_idx ON %I.auth_events (type, timestamp, id)', place);
    EXECUTE format(
        'CREATE TABLE %1$I.auth_events_future PARTITION OF %1$I.auth_events FOR VALUES FROM (%2$L) TO (MAXVALUE)'
      , place
      , start
    );

    IF is_copied THEN
        EXECUTE format(
            'CREATE TABLE %1$I.auth_events_past PARTITION OF %1$I.auth_events FOR VALUES FROM (MINVALUE) TO (%2$L)'
          , place
          , start
        );
    ELSE
        IF rule IS NULL THEN
            EXECUTE format(
                'WITH moved AS (
                     DELETE FROM %1$I.auth_events_past WHERE timestamp >= $1
                  RETURNING id, type, principal_id, org_id, data, timestamp
                 )
                 INSERT INTO %1$I.auth_events (id, type, principal_id, org_id, data, timestamp)
                 SELECT id, type, principal_id, org_id, data, timestamp FROM moved'
              , place
            ) USING start;
        END IF;
        EXECUTE format(
            'ALTER TABLE %1$I.auth_events ATTACH PARTITION %1$I.auth_events_past FOR VALUES FROM (MINVALUE) TO (%2$L)'
          , place
          , start
        );
        IF rule IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %I.auth_events_past DROP CONSTRAINT %I', place, rule);
        END IF;
    END IF;

    EXECUTE format('SELECT %I.auth_make_event_months($1, 6)', place) USING format('%I.auth_events', place)::regclass;

    IF is_copied THEN
        EXECUTE format(
            'INSERT INTO %1$I.auth_events (id, type, principal_id, org_id, data, timestamp)
             SELECT id, type, principal_id, org_id, data, timestamp FROM %1$I.auth_events_copied ORDER BY id'
          , place
        );
        EXECUTE format('DROP TABLE %I.auth_events_copied', place);
    END IF;

    -- Owner and rights are those of the table before.
    FOR made IN
        SELECT format('%I.%I', place, c.relname)
          FROM pg_class c
         WHERE c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = place)
           AND (
                   c.relname = 'auth_events'
                   OR c.oid IN (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = format('%I.auth_events', place)::regclass)
               )
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO %s', made, old_owner);
        FOR statement IN
            SELECT DISTINCT format(
                       'REVOKE ALL ON %s FROM %s'
                     , made
                     , CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
                   )
              FROM pg_class c
             CROSS JOIN aclexplode(c.relacl) a
             WHERE c.oid = made::regclass
               AND a.grantee <> c.relowner
        LOOP
            EXECUTE statement;
        END LOOP;
    END LOOP;
    IF old_acl IS NOT NULL THEN
        EXECUTE format('REVOKE ALL ON %I.auth_events FROM %s', place, old_owner);
    END IF;
    FOR statement IN
        SELECT format('REVOKE ALL ON SEQUENCE %I.auth_events_id_seq FROM %s', place, quote_ident(pg_get_userbyid(a.grantee)))
          FROM pg_class c
         CROSS JOIN aclexplode(c.relacl) a
         WHERE c.oid = format('%I.auth_events_id_seq', place)::regclass
           AND a.grantee NOT IN (0, c.relowner)
         UNION ALL
        SELECT format(
                   'GRANT %s ON %I.auth_events TO %s%s'
                 , a.privilege_type
                 , place
                 , CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
                 , CASE WHEN a.is_grantable AND a.grantee <> old_owner THEN ' WITH GRANT OPTION' END
               )
          FROM aclexplode(old_acl) a
         UNION ALL
        SELECT format('GRANT %s ON %I.auth_events TO %s%s', c ->> 'privilege', place, c ->> 'grantee', c ->> 'option')
          FROM jsonb_array_elements(old_column_acls) c
         UNION ALL
        SELECT format(
                   'GRANT %s ON SEQUENCE %I.auth_events_id_seq TO %s%s'
                 , a.privilege_type
                 , place
                 , CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
                 , CASE WHEN a.is_grantable AND a.grantee <> old_owner THEN ' WITH GRANT OPTION' END
               )
          FROM aclexplode(sequence_acl) a
         WHERE a.grantee <> old_owner
    LOOP
        EXECUTE statement;
    END LOOP;
    -- A column with an identity needs no right to its sequence, but a default does. Whoever may insert must not need more
    -- than before.
    EXECUTE format('GRANT USAGE ON SEQUENCE %I.auth_events_id_seq TO PUBLIC', place);

    PERFORM set_config('search_path', path, true);
END
$$;
