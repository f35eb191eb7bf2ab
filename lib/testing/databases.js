/** The databases on a server: the migrated template, the copies of it, and what killed runs have left behind. */

const { createHash } = require('node:crypto');
const native = require('../../native.js');
const { version } = require('../../package.json');
const { PostgresStorageAdapter } = require('../adapter.js');
const { invalidInput } = require('../errors.js');
const { Script, urlOf } = require('./script.js');
const { INSTALL, installClock } = require('./server-clock.js');

/**
 * @typedef {object} Place
 * @property {string} serverUrl
 * @property {Script} script a session on the server that has the copy's name, so that it can be seen that it lives
 * @property {string} name of the copy
 * @property {string | null | undefined} schema
 */

const COPY_PREFIX = 'auth_postgres_test_';
const TEMPLATE_PREFIX = 'auth_postgres_template_';
/** Held while a template is made: an advisory lock, whose number reads "auth" and "test" in ASCII. */
const LOCK = 0x6175_7468_7465_7374n;
const TODAY = `pg_catalog.to_char(current_date, 'YYYY-MM-DD')`;

/** @param {string} prefix */
const like = (prefix) => `'${prefix.replace(/_/g, '\\_')}%'`;

/**
 * @param {Script} script
 * @returns {Promise<{ role: string, isSuperuser: boolean }>}
 */
async function checkRole(script) {
  const [row = []] = await script.run(`
    SELECT rolname::text, rolsuper::text, (rolsuper OR rolcreatedb)::text FROM pg_catalog.pg_roles WHERE rolname = current_user`);
  const [role, isSuperuser, mayCreate] = /** @type {string[]} */ (row);
  if (mayCreate === 'true') return { role: role ?? '', isSuperuser: isSuperuser === 'true' };
  const reason = `has the role "${role}", which may not create databases: ALTER ROLE "${role}" CREATEDB`;
  throw invalidInput('serverUrl', reason).toError('createTestStorage');
}

/**
 * Drops copies whose sessions have ended, and templates that nobody has used for a week. What cannot be dropped, because
 * somebody else was first or is connected to it, stays.
 *
 * @param {Script} script
 */
async function dropAbandoned(script) {
  const rows = await script.run(`
    SELECT d.datname::text
      FROM pg_catalog.pg_database d
     WHERE pg_catalog.pg_has_role(d.datdba, 'USAGE'::text)
       AND (
               d.datname LIKE ${like(COPY_PREFIX)}
               AND NOT EXISTS (
                       SELECT FROM pg_catalog.pg_stat_activity a
                        WHERE d.datname::text IN (a.application_name, a.datname::text)
                   )
            OR d.datname LIKE ${like(TEMPLATE_PREFIX)}
               AND pg_catalog.shobj_description(d.oid, 'pg_database') < pg_catalog.to_char(current_date - 7, 'YYYY-MM-DD')
           )`);
  for (const [name] of rows) await script.run(`DROP DATABASE IF EXISTS ${name}`).catch(() => undefined);
}

/**
 * Any number of processes may ask for the same template at once: one makes it, and the others wait.
 *
 * @param {Place} place
 * @param {{ role: string, isSuperuser: boolean }} as
 * @returns {Promise<string>} its name
 */
async function ensureTemplate(place, { role, isSuperuser }) {
  const { script, serverUrl, schema } = place;
  const [, parameters] = serverUrl.split('?');
  const contents = [version, native.migrationsChecksum(), role, schema, parameters, isSuperuser && INSTALL];
  const hash = createHash('sha256').update(JSON.stringify(contents)).digest('hex');
  const template = TEMPLATE_PREFIX + hash.slice(0, 16);
  if (!(await isThere(script, template))) {
    await script.run(`SELECT pg_catalog.pg_advisory_lock(${LOCK})::text`);
    try {
      if (!(await isThere(script, template))) await makeTemplate(place, template, isSuperuser);
    } finally {
      await script.run(`SELECT pg_catalog.pg_advisory_unlock(${LOCK})::text`);
    }
  }
  await noteUse(script, template);
  return template;
}

/**
 * It gets its name when it is finished. Until then it has the copy's, so that it is dropped if this process is killed.
 *
 * @param {Place} place
 * @param {string} template
 * @param {boolean} hasClock
 */
async function makeTemplate({ script, serverUrl, name, schema }, template, hasClock) {
  const url = urlOf(serverUrl, name);
  await script.run(`CREATE DATABASE ${name}`);
  try {
    if (hasClock) {
      const inside = new Script(url, name);
      await installClock(inside).finally(() => inside.close());
    }
    const storage = new PostgresStorageAdapter(url, { schema, max: 1 });
    await storage.connect().finally(() => storage.disconnect());
    // A database that somebody is connected to cannot be copied.
    await script.run(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await script.run(`ALTER DATABASE ${name} RENAME TO ${template}`);
  } catch (error) {
    await script.run(`DROP DATABASE IF EXISTS ${name}`).catch(() => undefined);
    // The lock holds for the sessions of one database. Somebody whose URL names another one may have been first.
    if (!(await isThere(script, template))) throw error;
  }
}

/**
 * @param {Script} script
 * @param {string} database
 */
async function isThere(script, database) {
  return (await script.run(`SELECT 'yes' FROM pg_catalog.pg_database WHERE datname = '${database}'`)).length > 0;
}

/**
 * Of several who note it at the same time only one succeeds, which is enough.
 *
 * @param {Script} script
 * @param {string} template
 */
async function noteUse(script, template) {
  const noted = `pg_catalog.shobj_description(oid, 'pg_database')`;
  const [row = []] = await script.run(
    `SELECT ${TODAY}, COALESCE(${noted}, '') FROM pg_catalog.pg_database WHERE datname = '${template}'`,
  );
  const [today, latest] = row;
  if (today !== latest) await script.run(`COMMENT ON DATABASE ${template} IS '${today}'`).catch(() => undefined);
}

/**
 * @param {Script} script
 * @param {string} name
 */
async function dropCopy(script, name) {
  // DROP DATABASE … WITH (FORCE) came with PostgreSQL 13. The server waits for the sessions to end.
  await script.run(`
    SELECT pg_catalog.pg_terminate_backend(pid)::text FROM pg_catalog.pg_stat_activity WHERE datname = '${name}'`);
  await script.run(`DROP DATABASE IF EXISTS ${name}`);
}

module.exports = { COPY_PREFIX, checkRole, dropAbandoned, dropCopy, ensureTemplate };
