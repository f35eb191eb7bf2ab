/** `@kitiumai/auth-postgres/otel`, with OpenTelemetry's own SDK. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { instrument } from '@kitiumai/auth-postgres/otel';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { useDatabase } from './helpers/database';
import { rejection } from './helpers/errors';
import { whileFailing } from './helpers/failing';
import { emailTokenInput, unique } from './helpers/fixtures';

const { METHODS } = require('../lib/methods.js');
const { OF_NO_TABLE, tableOf } = require('../lib/otel/attributes.js');

const db = useDatabase();

const spans = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3_600_000 });
const meterProvider = new MeterProvider({ readers: [reader] });

beforeAll(() => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
afterEach(() => spans.reset());
afterAll(async () => {
  context.disable();
  await Promise.all([tracerProvider.shutdown(), meterProvider.shutdown()]);
});

/** A new adapter that is instrumented. */
function instrumented(options: Parameters<typeof db.adapter>[0] = {}, url = db.url) {
  const storage = db.adapter(options, url);
  const stop = instrument(storage, { tracerProvider, meterProvider });
  return { storage, stop };
}

/** The metrics of the moment by name, each as its data points. */
async function collect() {
  metrics.reset();
  await reader.forceFlush();
  const all = metrics.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  return new Map(all.map((metric) => [metric.descriptor.name, metric]));
}

it('a call has one CLIENT span with the attributes of the semantic conventions, and without any value', async () => {
  const { storage, stop } = instrumented();
  const email = unique('span');
  await storage.createUser({ email });
  spans.reset();
  await storage.getUserByEmail(email);
  stop();
  const [span, ...others] = spans.getFinishedSpans();
  const { hostname, port } = new URL(db.url);
  expect(others).toEqual([]);
  expect(span).toMatchObject({
    name: 'getUserByEmail users',
    kind: SpanKind.CLIENT,
    status: { code: SpanStatusCode.UNSET },
  });
  expect(span?.attributes).toEqual({
    'db.system.name': 'postgresql',
    'db.namespace': db.name,
    'db.collection.name': 'users',
    'db.operation.name': 'getUserByEmail',
    'db.query.summary': 'getUserByEmail users',
    'db.response.returned_rows': 1,
    'server.address': hostname,
    'server.port': Number(port),
  });
  expect(span?.instrumentationScope.name).toBe('@kitiumai/auth-postgres');
});

it('a span is a child of the span of its caller, also among 64 calls that share statements', async () => {
  const { storage, stop } = instrumented();
  const tracer = tracerProvider.getTracer('application');
  const parents = await Promise.all(
    Array.from({ length: 64 }, async () => {
      const parent = tracer.startSpan('request');
      await context.with(trace.setSpan(context.active(), parent), () => storage.getUser('nobody'));
      parent.end();
      return parent.spanContext().spanId;
    }),
  );
  stop();
  const children = spans.getFinishedSpans().filter(({ name }) => name === 'getUser users');
  expect(children.map((child) => child.parentSpanContext?.spanId).sort()).toEqual(parents.sort());
});

it('a call that fails has the error’s code and SQLSTATE', async () => {
  const { storage, stop } = instrumented();
  const email = unique('taken');
  await storage.createUser({ email });
  spans.reset();
  await rejection(storage.createUser({ email }));
  stop();
  const [span] = spans.getFinishedSpans();
  expect(span?.attributes).toMatchObject({
    'error.type': 'auth_postgres/conflict',
    'db.response.status_code': '23505',
  });
  expect(span?.status.code).toBe(SpanStatusCode.ERROR);
  expect(JSON.stringify(span?.status)).not.toContain(email);
});

it('retries are part of the one span of their call', async () => {
  const { storage, stop } = instrumented();
  const { id } = await storage.createUser({});
  spans.reset();
  await whileFailing(db, '40001', { times: 1 }, async () => {
    await storage.updateUser(id, { name: 'second attempt' });
  });
  stop();
  expect(spans.getFinishedSpans().map(({ name, attributes }) => [name, attributes['auth_postgres.attempts']])).toEqual([
    ['updateUser users', 2],
  ]);
});

it('after it was stopped nothing is recorded, and other adapters are not observed', async () => {
  const { storage, stop } = instrumented();
  await db.storage.getUser('nobody');
  stop();
  await storage.getUser('nobody');
  expect(spans.getFinishedSpans()).toEqual([]);
});

it('the metrics have the names, units and buckets of the semantic conventions', async () => {
  const { storage, stop } = instrumented({ max: 3, min: 1 });
  await Promise.all(Array.from({ length: 64 }, () => storage.getRole('nothing')));
  await rejection(storage.updateRole('nothing', { name: 'x' }));
  const found = await collect();
  stop();
  const duration = found.get('db.client.operation.duration');
  expect(duration?.descriptor.unit).toBe('s');
  const points = duration?.dataPoints ?? [];
  const looked = points.find(({ attributes }) => attributes['db.operation.name'] === 'getRole');
  expect(looked?.value).toMatchObject({
    count: 64,
    buckets: { boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
  });
  const failed = points.find(({ attributes }) => attributes['db.operation.name'] === 'updateRole');
  expect(failed?.attributes['error.type']).toBe('auth_postgres/not_found');

  const { hostname, port } = new URL(db.url);
  const pool = `${hostname}:${port}/${db.name}`;
  const value = (name: string, state?: string) =>
    found
      .get(`db.client.connection.${name}`)
      ?.dataPoints.find(
        ({ attributes }) =>
          attributes['db.client.connection.pool.name'] === pool && attributes['db.client.connection.state'] === state,
      )?.value;
  expect([value('max'), value('idle.max'), value('idle.min'), value('pending_requests')]).toEqual([3, 3, 1, 0]);
  expect(Number(value('count', 'idle')) + Number(value('count', 'used'))).toBe(storage.stats().connections.total);
  expect(value('timeouts')).toBe(0);
  // What the callback has recorded is part of the next collection.
  const later = await collect();
  for (const name of ['create_time', 'wait_time', 'use_time']) {
    const times = later.get(`db.client.connection.${name}`)?.dataPoints[0]?.value as { count: number; sum: number };
    expect(times.count).toBeGreaterThan(0);
    expect(times.sum).toBeGreaterThan(0);
    expect(later.get(`db.client.connection.${name}`)?.descriptor.unit).toBe('s');
  }
});

/** How often calls have had a connection. What a collection finds is part of the next one. */
async function connectionsUsed(): Promise<number> {
  await collect();
  const points = (await collect()).get('db.client.connection.use_time')?.dataPoints ?? [];
  return points.reduce((sum, { value }) => sum + (value as { count: number }).count, 0);
}

it('each connection that a call has had is counted, however many calls there are between two collections', async () => {
  const { storage, stop } = instrumented({ max: 4 });
  const before = await connectionsUsed();
  const calls = 12_000;
  for (let made = 0; made < calls; made += 100) {
    await Promise.all(Array.from({ length: 100 }, () => storage.listRoles('nothing')));
    spans.reset();
  }
  expect(await connectionsUsed()).toBe(before + calls);
  stop();
  // So many calls take their time on a busy machine.
}, 120_000);

it('no connection is counted that calls had while the adapter was not instrumented', async () => {
  const { storage, stop } = instrumented();
  await storage.listRoles('nothing');
  const before = await connectionsUsed();
  stop();
  await Promise.all(Array.from({ length: 50 }, () => storage.listRoles('nothing')));
  const stopAgain = instrument(storage, { tracerProvider, meterProvider });
  await storage.listRoles('nothing');
  expect(await connectionsUsed()).toBe(before + 1);
  stopAgain();
});

it('each method has a table, except those that are about none', () => {
  const without = Object.keys(METHODS).filter((name) => tableOf(name) === undefined);
  expect(without.sort()).toEqual([...OF_NO_TABLE].sort());
});

it('something that is no adapter is refused', () => {
  expect(() => instrument({} as never)).toThrow('instrument() takes a PostgresStorageAdapter');
  expect(() => instrument(null as never)).toThrow('instrument() takes a PostgresStorageAdapter');
  let copy: typeof PostgresStorageAdapter | undefined;
  jest.isolateModules(() => {
    copy = require('@kitiumai/auth-postgres').PostgresStorageAdapter;
  });
  const other = new (copy as typeof PostgresStorageAdapter)('postgres://localhost/db');
  expect(() => instrument(other)).toThrow('another copy of @kitiumai/auth-postgres');
});

it('without the API package the import says what to install', () => {
  const folder = mkdtempSync(join(tmpdir(), 'otel-'));
  try {
    const root = join(__dirname, '..');
    mkdirSync(join(folder, 'package'));
    for (const each of ['lib', 'index.js', 'native.js', 'package.json']) {
      cpSync(join(root, each), join(folder, 'package', each), { recursive: true });
    }
    const addon = require('node:fs')
      .readdirSync(root)
      .find((file: string) => file.endsWith('.node'));
    cpSync(join(root, addon), join(folder, 'package', addon));
    writeFileSync(join(folder, 'main.js'), `require('./package'); require('./package/lib/otel/index.js');`);
    const { stderr, status } = spawnSync(process.execPath, [join(folder, 'main.js')], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain('@kitiumai/auth-postgres/otel needs @opentelemetry/api: install it beside this package');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('a status has no value of the application in it, whatever the error says', async () => {
  const { storage, stop } = instrumented();
  const secret = unique('secret');
  const unreadable = Object.defineProperty({}, 'name', {
    enumerable: true,
    get: () => {
      throw new Error(secret);
    },
  });
  const bad = [{ [secret]: 1 }, unreadable, { email: `\0${secret}` }];
  for (const input of bad) expect((await rejection(storage.createUser(input as never))).code).toMatch(/invalid_input$/);
  await storage.transaction(() => Promise.reject(new Error(secret))).catch(() => undefined);
  stop();
  const finished = spans.getFinishedSpans();
  expect(finished.map(({ status }) => status.message)).toEqual([
    ...bad.map(() => 'auth_postgres/invalid_input'),
    '_OTHER',
  ]);
  const shown = finished.map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
  expect(JSON.stringify(shown)).not.toContain(secret);
  await storage.disconnect();
});

it('the rows of a call are its records, also those of a page, and never another number', async () => {
  const { storage, stop } = instrumented();
  const { id } = await storage.createEmailVerificationToken(emailTokenInput());
  const plan = unique('plan');
  await Promise.all(Array.from({ length: 10 }, () => storage.createUser({ plan })));
  spans.reset();
  await storage.listUsers({ plan });
  for await (const _ of storage.listUsers({ plan, limit: 4 }));
  for (let attempt = 0; attempt < 3; attempt += 1) await storage.incrementEmailVerificationTokenAttempts(id);
  await storage.getEmailVerificationTokenAttempts(id);
  stop();
  const rows = spans.getFinishedSpans().map(({ attributes }) => attributes['db.response.returned_rows']);
  expect(rows).toEqual([10, 4, 4, 2, 1, 1, 1, 1]);
  await storage.disconnect();
});

it('the calls of a transaction are children of its span', async () => {
  const { storage, stop } = instrumented();
  await storage.transaction((tx) => tx.getUser('nobody'));
  stop();
  const [inner, outer] = spans.getFinishedSpans();
  expect([inner?.name, outer?.name]).toEqual(['getUser users', 'transaction']);
  expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
  await storage.disconnect();
});

it('two instrumentations of one adapter are told the same times of connections', async () => {
  const exporters = [1, 2].map(() => new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE));
  const providers = exporters.map(
    (exporter) =>
      new MeterProvider({
        readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
      }),
  );
  const storage = db.adapter();
  const stops = providers.map((provider) => instrument(storage, { tracerProvider, meterProvider: provider }));
  await Promise.all(Array.from({ length: 64 }, () => storage.listUsers({ limit: 1 })));
  // Each collection hands out what has come since the one before, of whichever of the two.
  for (let round = 0; round < 2; round += 1) for (const provider of providers) await provider.forceFlush();
  const counts = exporters.map((exporter) =>
    exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
      .filter(({ descriptor }) => /_time$/.test(descriptor.name))
      .flatMap(({ dataPoints }) => dataPoints.map(({ value }) => (value as { count: number }).count))
      .reduce((most, count) => Math.max(most, count), 0),
  );
  expect(counts[0]).toBeGreaterThanOrEqual(64);
  expect(counts[1]).toBe(counts[0]);
  for (const stop of stops) stop();
  await Promise.all([storage.disconnect(), ...providers.map((provider) => provider.shutdown())]);
});

it('the server is the host that connections lead to, also if it is not the first one', async () => {
  const { hostname, port } = new URL(db.url);
  const url = db.url.replace(`${hostname}:${port}`, `127.0.0.1:1,${hostname}:${port}`);
  const { storage, stop } = instrumented({}, url);
  await storage.getUser('nobody');
  spans.reset();
  await storage.getUser('nobody');
  stop();
  expect(spans.getFinishedSpans()[0]?.attributes).toMatchObject({
    'server.address': hostname,
    'server.port': Number(port),
  });
  await storage.disconnect();
});
