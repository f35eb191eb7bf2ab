/** How the store does: sign-ins, what there is, connections, latency, and what has expired. */

const { barChart, meter, partsBar } = require('../html/charts.js');
const { actionForm, offered } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { badge, card, empty, facts, figure } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { compact, counted, duration, number, time } = require('../html/time.js');
const { busiestMethods } = require('../latency.js');
const { rangeName, RANGES } = require('../sign-ins.js');
const { eventTable } = require('./event-table.js');

/** @import { HealthStatus, RecordCounts, Stats, SweptRows } from '@kitiumai/auth-postgres' */
/** @import { Bucket } from '../html/charts.js' */
/** @import { Visit } from '../visit.js' */

const NEWEST_EVENTS = 6;
const METHODS = 6;
/** Instead of what could not be counted in time. */
const UNKNOWN = '…';

/** @param {Visit} visit */
async function overviewPage(visit) {
  const { storage, caches, query } = visit;
  const name = rangeName(query.range);
  const [buckets, records, health, events] = await Promise.all([
    caches.signIns.get(name)?.(),
    caches.records(),
    storage.healthCheck(),
    storage.listEvents({ limit: NEWEST_EVENTS }),
  ]);
  const stats = storage.stats();
  const isUp = health.status === 'ok';
  const body = html`<dl class="figures">
${recordFigures(records)}
${signInFigure(name, buckets)}
${figure('Events', records ? compact(records.estimatedEvents) : UNKNOWN, 'estimated')}
</dl>
<div class="grid">
${card(
  'Sign-ins and failures',
  buckets ? signInChart(name, buckets) : empty('There are so many events that they could not be counted in time.'),
  { wide: true, id: 'sign-ins', aside: rangeLinks(visit, name) },
)}
<div class="stack">
${card('Connections', connections(stats, health), { aside: badge(isUp ? 'database answers' : 'no answer', isUp ? 'good' : 'bad') })}
${card('Expired rows', expiredRows(visit, records?.expiredSessions, health))}
</div><div class="stack">
${card('Latency', latency(stats), { aside: html`<span class="faint">of this process, since it started</span>` })}
${card(
  'Newest events',
  events.items.length === 0
    ? empty('There are no events yet.')
    : await eventTable(visit, events.items, { isShort: true }),
  {
    aside: html`<a href="${visit.href('/events')}">Audit log</a>`,
  },
)}
</div>
</div>`;
  return { title: 'Overview', body };
}

/** @param {RecordCounts | undefined} records */
function recordFigures(records) {
  const shown = (/** @type {number | undefined} */ count) => (count === undefined ? UNKNOWN : compact(count));
  return html`${figure('Live sessions', shown(records?.liveSessions), 'signed in now')}
${figure('Users', shown(records?.users), records && counted(records.organizations, 'organization'))}
${figure('API keys', shown(records?.apiKeys), 'of users and organizations')}`;
}

/**
 * @param {string} name of the range
 * @param {Bucket[] | undefined} buckets
 */
function signInFigure(name, buckets) {
  const title = `Sign-ins, ${RANGES[name]?.label}`;
  if (buckets === undefined) return figure(title, UNKNOWN, 'not counted');
  const [signIns, failures] = [total(buckets, 0), total(buckets, 1)];
  const attempts = signIns + failures;
  const note = attempts === 0 ? 'no attempts' : `${percent(failures / attempts)} of the attempts failed`;
  return figure(title, compact(signIns), note);
}

/**
 * @param {string} name of the range
 * @param {Bucket[]} buckets
 */
function signInChart(name, buckets) {
  return barChart(
    `Sign-ins and failures, ${RANGES[name]?.label}`,
    [
      { name: 'Sign-ins', tone: 'accent' },
      { name: 'Failures', tone: 'bad' },
    ],
    buckets,
  );
}

/**
 * @param {Bucket[]} buckets
 * @param {number} series
 */
function total(buckets, series) {
  return buckets.reduce((sum, { values }) => sum + (values[series] ?? 0), 0);
}

/** @param {number} share */
function percent(share) {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

/**
 * @param {Visit} visit
 * @param {string} shown
 */
function rangeLinks(visit, shown) {
  return html`<nav class="segments" aria-label="Time shown">${Object.entries(RANGES).map(
    ([name, range]) =>
      html`<a href="${visit.href('/', { range: name })}"${name === shown && html` aria-current="true"`}>${range.label}</a>`,
  )}</nav>`;
}

/**
 * @param {Stats} stats
 * @param {HealthStatus} health
 */
function connections({ connections: { max, used, idle, waiting, opened, failed } }, health) {
  const bar = partsBar(`Connections, of at most ${max}`, [
    { name: 'In use', value: used, tone: 'accent' },
    { name: 'Idle', value: idle, tone: 'good' },
    { name: 'Not open', value: Math.max(0, max - used - idle), tone: 'plain' },
  ]);
  return html`${bar}${facts([
    ['Calls that wait', number(waiting)],
    ['Answer of the server', health.status === 'ok' ? duration(health.latencyMs) : (health.message ?? 'none')],
    ['Opened since the start', failed > 0 ? `${number(opened)}, and ${number(failed)} failed` : number(opened)],
    ['PostgreSQL', health.serverVersion],
  ])}`;
}

/** @param {Stats} stats */
function latency(stats) {
  const methods = busiestMethods(stats, METHODS);
  if (methods.length === 0) return empty('No call has been answered yet.');
  const most = Math.max(...methods.map(({ slow }) => slow));
  return table(
    'Latency of the methods that are called most',
    [
      { head: 'Method', kind: 'main', cell: ({ name }) => html`<code>${name}</code>` },
      { head: 'Calls', kind: 'number', cell: ({ count }) => compact(count) },
      { head: 'Median', kind: 'number', cell: ({ median }) => duration(median) },
      { head: '99 of 100 within', cell: ({ slow }) => meter(slow, most, duration(slow)) },
    ],
    methods,
  );
}

/**
 * @param {Visit} visit
 * @param {number | undefined} expiredSessions
 * @param {HealthStatus} health
 */
function expiredRows(visit, expiredSessions, { lastSweep }) {
  const entries = /** @type {[string, unknown][]} */ ([
    ['Sessions that have expired', expiredSessions === undefined ? UNKNOWN : number(expiredSessions)],
  ]);
  if (lastSweep) {
    entries.push(
      ['Last sweep', html`${time(lastSweep.startedAt)}, ${lastSweep.isBackground ? 'in the background' : 'by hand'}`],
      ['It took', duration(lastSweep.durationMs)],
      ['It deleted', swept(lastSweep.deleted)],
    );
  } else {
    entries.push(['Last sweep', html`<span class="faint">none is known of</span>`]);
  }
  return html`${facts(entries)}${offered(
    visit,
    'system:write',
    () =>
      html`<div class="card-foot">${actionForm(visit, '/health/sweep', '', 'Delete what has expired', { tone: 'quiet', asks: true })}</div>`,
  )}`;
}

/** @param {SweptRows} rows */
function swept(rows) {
  const kinds = Object.entries(rows).filter(([, count]) => count > 0);
  return kinds.length === 0 ? 'nothing' : kinds.map(([kind, count]) => `${number(count)} ${words(kind)}`).join(', ');
}

/** `emailVerificationTokens` as `email verification tokens`. @param {string} name */
function words(name) {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

module.exports = { overviewPage };
