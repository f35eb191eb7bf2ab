/** Whether the database is as it should be: the doctor's findings, and which migrations have been applied. */

const { html } = require('../html/html.js');
const { badge, card, empty, facts } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { counted, duration, number, time } = require('../html/time.js');

/** @import { Finding, FindingSeverity, HealthStatus, MigrationStatus } from '@kitiumai/auth-postgres' */
/** @import { Tone } from '../html/parts.js' */
/** @import { Visit } from '../visit.js' */

/** @type {Record<FindingSeverity, Tone>} */
const TONES = { error: 'bad', warning: 'notice', notice: 'accent', ok: 'good' };
const ORDER = /** @type {const} */ (['error', 'warning', 'notice']);

/** @param {Visit} visit */
async function healthPage(visit) {
  const { storage, caches } = visit;
  const health = await storage.healthCheck();
  if (health.status !== 'ok') return { title: 'Health', body: card('Database', statusFacts(health)) };
  const [{ findings, at }, migrations] = await Promise.all([caches.diagnosis(), storage.migrationStatus()]);
  const good = findings.filter(({ severity }) => severity === 'ok');
  const others = ORDER.flatMap((severity) => findings.filter((finding) => finding.severity === severity));
  const body = html`<div class="columns"><div class="stack">
${card(
  'To do and to know',
  others.length === 0 ? empty('All is as it should be.') : html`<ul class="findings">${others.map(findingItem)}</ul>`,
  {
    count: others.length,
    aside: html`<span class="faint">Looked at ${time(at)}</span>`,
  },
)}
${card('As it should be', html`<ul class="findings brief">${good.map(({ title, actual }) => html`<li>${badge('ok', 'good')} <span>${title}</span> <span class="faint">${actual}</span></li>`)}</ul>`, { count: good.length })}
</div><div class="stack">
${card('Database', statusFacts(health))}
${migrationsCard(migrations)}
</div></div>`;
  return { title: 'Health', lead: summary(findings), body };
}

/** @param {readonly Finding[]} findings */
function summary(findings) {
  const count = (/** @type {FindingSeverity} */ severity) =>
    findings.filter((each) => each.severity === severity).length;
  return `${counted(count('error'), 'error')}, ${counted(count('warning'), 'warning')}, ${counted(count('notice'), 'notice')}, and ${number(count('ok'))} as expected`;
}

/** @param {Finding} finding */
function findingItem({ severity, title, expected, actual, repair, id }) {
  return html`<li><h3>${badge(severity, TONES[severity])} ${title} <code class="id">${id}</code></h3>
${facts([
  ['Expected', expected],
  ['Found', actual],
])}${repair && html`<pre class="json" tabindex="0">${repair}</pre>`}</li>`;
}

/** @param {HealthStatus} health */
function statusFacts({ status, latencyMs, pool, serverVersion, pendingMigrations, code, message }) {
  return facts([
    ['State', status === 'ok' ? badge('ok', 'good') : badge('error', 'bad')],
    ...(code
      ? /** @type {[string, unknown][]} */ ([
          ['Error', html`<code>${code}</code>`],
          ['Reason', message],
        ])
      : []),
    ['Answer after', duration(latencyMs)],
    ['PostgreSQL', serverVersion],
    ['Connections', `${number(pool.total)} open, ${number(pool.idle)} idle, ${number(pool.waiting)} calls wait`],
    ['Pending migrations', pendingMigrations?.length ? pendingMigrations.join(', ') : 'none'],
  ]);
}

/** @param {MigrationStatus} status */
function migrationsCard({ schema, takenOverFrom, migrations }) {
  const list = table(
    'Migrations',
    [
      { head: 'Migration', kind: 'main', cell: ({ id }) => html`<code>${id}</code>` },
      { head: 'State', cell: ({ state }) => badge(state, state === 'applied' ? 'good' : 'notice') },
      { head: 'Applied', cell: ({ appliedAt }) => appliedAt && time(appliedAt) },
    ],
    migrations,
  );
  return card('Migrations', list, {
    aside: html`<span class="faint">schema ${schema}${takenOverFrom && `, taken over from ${takenOverFrom}`}</span>`,
  });
}

module.exports = { healthPage };
