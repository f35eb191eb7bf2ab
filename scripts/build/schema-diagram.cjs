/**
 * Draws the tables of a migrated database as a Mermaid diagram: `npm run docs` puts it into docs/schema.md, and a test
 * compares it with the catalogue.
 */

/** Partitions of a table look like the table. Those that PostgreSQL keeps for itself are not the application's. */
const COLUMNS = `
  SELECT c.relname AS table, a.attname AS column
       , replace(replace(format_type(a.atttypid, NULL), ' with time zone', 'tz'), ' ', '_') AS type
       , a.attnotnull AS required
       , EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attnum = ANY (k.conkey)) AS primary
       , EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey)) AS foreign
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   ORDER BY c.relname COLLATE "C", a.attnum`;

const REFERENCES = `
  SELECT DISTINCT k.conrelid::regclass::text AS from, k.confrelid::regclass::text AS to, k.confdeltype AS on_delete
       , (SELECT string_agg(a.attname, ', ' ORDER BY u.at)
            FROM unnest(k.conkey) WITH ORDINALITY u (attnum, at)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum) AS columns
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid
   WHERE k.contype = 'f' AND k.connamespace = current_schema()::regnamespace AND NOT c.relispartition
   ORDER BY 1, 4`;

/** @type {Record<string, string>} */
const ON_DELETE = { c: 'deleted with it', n: 'cleared', a: 'keeps it', r: 'keeps it' };

/**
 * The names of the tables, their columns and what they refer to.
 *
 * @param {(sql: string) => Promise<any[]>} query of a connection whose search path leads to the tables
 */
async function catalogueOf(query) {
  const columns = await query(COLUMNS);
  /** @type {string[]} */
  const tables = [...new Set(columns.map(({ table }) => table))];
  return { tables, columns, references: await query(REFERENCES) };
}

/** @param {(sql: string) => Promise<any[]>} query of a connection whose search path leads to the tables */
async function diagramOf(query) {
  const { tables: names, columns, references } = await catalogueOf(query);
  const tables = names.map((table) => {
    const own = columns.filter((each) => each.table === table);
    return `  ${table} {\n${own.map(lineOf).join('\n')}\n  }`;
  });
  const arrows = references.map(
    ({ from, to, columns: by, on_delete }) => `  ${to} ||--o{ ${from} : "${by}: ${ON_DELETE[on_delete]}"`,
  );
  return `\`\`\`mermaid\nerDiagram\n${arrows.join('\n')}\n${tables.join('\n')}\n\`\`\`\n`;
}

/** @param {{type: string, column: string, required: boolean, primary: boolean, foreign: boolean}} column */
function lineOf({ type, column, required, primary, foreign }) {
  const keys = [...(primary ? ['PK'] : []), ...(foreign ? ['FK'] : [])].join(', ');
  return `    ${type} ${column}${keys && ` ${keys}`}${required ? '' : ' "may be NULL"'}`;
}

module.exports = { catalogueOf, diagramOf };
