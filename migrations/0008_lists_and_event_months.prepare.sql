-- The next statement that prepares a large table for this migration, in the schema $1, or no row when none is left. The
-- second column is a statement to run if rows break a rule; then the rest is left to the migration itself, as smaller
-- tables are altogether.
WITH tables AS (
    SELECT c.oid, c.relname, c.relkind, pg_relation_size(c.oid) >= 16 << 20 AS is_large
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1
       AND c.relkind = 'r'
       AND c.relname IN ('users', 'organizations', 'sessions', 'auth_events')
), wanted (position, table_name, index_name, kind, definition) AS (
    VALUES
        (1, 'users', 'users_created_at_idx', 'INDEX', '(created_at, id)')
      , (2, 'users', 'users_plan_created_at_idx', 'INDEX', '(plan COLLATE "C", created_at, id)')
      , (3, 'organizations', 'organizations_created_at_idx', 'INDEX', '(created_at, id)')
      , (4, 'sessions', 'sessions_user_id_created_at_idx', 'INDEX', '(user_id, created_at, id)')
      , (5, 'auth_events', 'auth_events_past_pkey', 'UNIQUE INDEX', '(timestamp, id)')
      , (6, 'auth_events', 'auth_events_past_principal_id_idx', 'INDEX', '(principal_id, timestamp, id)')
      , (7, 'auth_events', 'auth_events_past_org_id_idx', 'INDEX', '(org_id, timestamp, id) WHERE org_id IS NOT NULL')
      , (8, 'auth_events', 'auth_events_past_type_idx', 'INDEX', '(type COLLATE "C", timestamp, id)')
), indexes AS (
    SELECT w.position
         , CASE
               WHEN x.indexrelid IS NULL THEN
                   format('CREATE %s CONCURRENTLY %I ON %I.%I %s', w.kind, w.index_name, $1, w.table_name, w.definition)
               -- What an interrupted build leaves behind.
               WHEN NOT x.indisvalid THEN
                   format('DROP INDEX CONCURRENTLY %I.%I', $1, w.index_name)
           END AS statement
      FROM wanted w
      JOIN tables t ON t.relname = w.table_name AND t.is_large
      LEFT JOIN (
               pg_index x
               JOIN pg_class i ON i.oid = x.indexrelid
           ) ON x.indrelid = t.oid AND i.relname = w.index_name
), months AS (
    -- The first month that the old table will not hold. A month is left, should the preparation be interrupted.
    SELECT date_trunc('month', timezone('UTC', now())) + INTERVAL '2 months' AS first_month
), rules AS (
    SELECT o.conname
         , o.convalidated
         -- Before long it would refuse events of the present.
         , to_date(right(o.conname::text, 7), 'YYYY_MM') < timezone('UTC', now()) + INTERVAL '7 days' AS is_stale
      FROM tables t
      JOIN pg_constraint o ON o.conrelid = t.oid AND o.contype = 'c' AND o.conname ~ '^auth_events_before_\d{4}_\d{2}$'
     WHERE t.relname = 'auth_events'
), rule AS (
    SELECT CASE
               WHEN EXISTS (SELECT FROM rules WHERE is_stale) THEN
                   (SELECT format('ALTER TABLE %I.auth_events DROP CONSTRAINT %I', $1, conname) FROM rules WHERE is_stale LIMIT 1)
               WHEN NOT EXISTS (SELECT FROM rules) THEN
                   format(
                       'ALTER TABLE %I.auth_events ADD CONSTRAINT %I CHECK (timestamp < %L) NOT VALID'
                     , $1
                     , 'auth_events_before_' || to_char(m.first_month, 'YYYY_MM')
                     , to_char(m.first_month, 'YYYY-MM-DD') || ' 00:00:00+00'
                   )
               ELSE
                   (SELECT format('ALTER TABLE %I.auth_events VALIDATE CONSTRAINT %I', $1, conname) FROM rules WHERE NOT convalidated LIMIT 1)
           END AS statement
         , (SELECT format('ALTER TABLE %I.auth_events DROP CONSTRAINT %I', $1, conname) FROM rules LIMIT 1) AS if_broken
      FROM months m
     WHERE EXISTS (SELECT FROM tables t WHERE t.relname = 'auth_events' AND t.is_large)
)
SELECT next.statement, next.if_broken
  FROM (
           SELECT position, statement, NULL FROM indexes
            UNION ALL
           SELECT 9, statement, if_broken FROM rule
       ) AS next (position, statement, if_broken)
 WHERE next.statement IS NOT NULL
 ORDER BY next.position
 LIMIT 1
