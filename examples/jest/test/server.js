/** Statements for the server itself: it is node-postgres that creates and drops databases. */
const { Client } = require('pg');

const url = process.env.DATABASE_URL;
if (!url) throw new Error('DATABASE_URL must name a PostgreSQL server whose role may create databases.');

/** @param {string} sql */
async function onServer(sql) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** @param {string} database */
function urlOf(database) {
  const other = new URL(/** @type {string} */ (url));
  other.pathname = `/${database}`;
  return other.href;
}

module.exports = { onServer, urlOf };
