/**
 * The clock of one database. There `now()` and the functions like it are replaced by functions that read a table, so that
 * whoever is connected to this database sees one time, whatever statement asks for it. Other databases are not touched.
 */

/** @import { Script } from './script.js' */

const CLOCK = 'auth_postgres_testing.clock';

/** `CURRENT_TIMESTAMP` and the like are not functions, and cannot be replaced. None of our statements uses them. */
const FUNCTIONS = [
  ['now', 'STABLE'],
  ['transaction_timestamp', 'STABLE'],
  ['statement_timestamp', 'STABLE'],
  ['clock_timestamp', 'VOLATILE'],
];

/** A row that stays locked for as long as nobody travels costs nothing, and a function in SQL needs no language installed. */
const INSTALL = `
  CREATE SCHEMA auth_postgres_testing;
  GRANT USAGE ON SCHEMA auth_postgres_testing TO PUBLIC;
  CREATE TABLE ${CLOCK} (shift interval NOT NULL, stands_at timestamptz);
  GRANT SELECT ON ${CLOCK} TO PUBLIC;
  INSERT INTO ${CLOCK} (shift) VALUES ('0');
  ${FUNCTIONS.map(
    ([name, volatility]) => `
  ALTER FUNCTION pg_catalog.${name}() RENAME TO real_${name};
  CREATE FUNCTION pg_catalog.${name}() RETURNS timestamptz LANGUAGE sql ${volatility} PARALLEL SAFE
    AS 'SELECT COALESCE(c.stands_at, pg_catalog.real_${name}() + c.shift) FROM ${CLOCK} c';`,
  ).join('')}`;

/**
 * Must run before the tables are made, because the defaults of their columns keep the function that they find. Only a
 * superuser may do it.
 *
 * @param {Script} script
 */
const installClock = (script) => script.run(INSTALL);

/**
 * The shift holds no days, whose length would depend on the time zone of the session.
 *
 * @param {Script} script
 * @param {Date} date
 * @param {boolean} standsStill
 */
async function setClock(script, date, standsStill) {
  const moment = `'${date.toISOString()}'::timestamptz`;
  const shift = `make_interval(secs => extract(epoch FROM ${moment} - real_clock_timestamp())::float8)`;
  await script.run(
    standsStill
      ? `UPDATE ${CLOCK} SET stands_at = ${moment}`
      : `UPDATE ${CLOCK} SET stands_at = NULL, shift = ${shift}`,
  );
}

/** @param {Script} script */
const resetClock = (script) => script.run(`UPDATE ${CLOCK} SET stands_at = NULL, shift = '0'`);

module.exports = { INSTALL, installClock, resetClock, setClock };
