/** A query that describes, as text, everything in the current schema that a migration can make. */
export const CATALOGUE = `
  SELECT 'column' AS kind, c.relname || '.' || a.attname AS name,
         format('%s. %s %s %s %s %s', rank() OVER (PARTITION BY c.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod), a.attnotnull, co.collname, pg_get_expr(d.adbin, d.adrelid), concat(a.attidentity, a.attgenerated)) AS definition
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm')
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_collation co ON co.oid = a.attcollation
   WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace = current_schema()::regnamespace
   UNION ALL
  SELECT 'relation', relname, format('%s %s', relkind, reloptions) FROM pg_class WHERE relnamespace = current_schema()::regnamespace
   UNION ALL
  SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
   UNION ALL
  SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
   UNION ALL
  SELECT 'trigger', tgname || ' on ' || tgrelid::regclass, concat(pg_get_triggerdef(t.oid), ' ', tgenabled)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
   WHERE NOT tgisinternal AND c.relnamespace = current_schema()::regnamespace
   UNION ALL
  SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
   UNION ALL
  SELECT 'sequence', sequencename, format('%s %s %s', data_type, increment_by, max_value) FROM pg_sequences WHERE schemaname = current_schema()
   UNION ALL
  SELECT 'type', typname, typtype::text FROM pg_type WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('e', 'd')
   ORDER BY 1, 2, 3`;
