/** Every way to ask for TLS with every server certificate: the outcome with node-postgres and with this adapter. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { Authority, type Certificate, selfSigned } from './helpers/certificates';
import type { AdapterOptions } from './helpers/database';
import { rejection } from './helpers/errors';
import { startTlsServer, type TlsServer } from './helpers/tls-server';

const authority = new Authority('Test Authority');
const hosts = ['localhost', '127.0.0.1'];

const CERTIFICATES: Record<string, Certificate | undefined> = {
  trusted: authority.issue({ name: 'db', hosts }),
  'wrong host': authority.issue({ name: 'db', hosts: ['db.example'] }),
  expired: authority.issue({ name: 'db', hosts, validDays: [-30, -1] }),
  'self-signed': selfSigned({ name: 'db', hosts }),
  'other authority': new Authority('Other Authority').issue({ name: 'db', hosts }),
  'no TLS': undefined,
};

type Outcome = 'plain' | 'encrypted' | 'refused';

interface Way {
  /** Query parameters of the URL; `CA` stands for the authority's file. */
  url?: string;
  ssl?: NonNullable<AdapterOptions>['ssl'];
}

const WAYS: Record<string, Way> = {
  'nothing said': {},
  'sslmode=disable': { url: 'sslmode=disable' },
  ...urls('', ['prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']),
  sslrootcert: { url: 'sslrootcert=CA' },
  ...urls('sslrootcert', ['prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']),
  ...urls('uselibpqcompat', ['prefer', 'require', 'verify-ca', 'verify-full']),
  ...urls('uselibpqcompat, sslrootcert', ['prefer', 'require', 'verify-ca', 'verify-full']),
  'ssl: false': { ssl: false },
  'ssl: true': { ssl: true },
  'ssl: {}': { ssl: {} },
  'ssl: {ca}': { ssl: { ca: authority.cert } },
  'ssl: {rejectUnauthorized: false}': { ssl: { rejectUnauthorized: false } },
  'ssl: {ca, rejectUnauthorized: false}': { ssl: { ca: authority.cert, rejectUnauthorized: false } },
};

function urls(extra: string, modes: string[]): Record<string, Way> {
  const parameters = extra.replace('sslrootcert', 'sslrootcert=CA').replace('uselibpqcompat', 'uselibpqcompat=true');
  const tail = parameters && `&${parameters.replaceAll(', ', '&')}`;
  return Object.fromEntries(
    modes.map((mode) => [`sslmode=${mode}${extra && `, ${extra}`}`, { url: `sslmode=${mode}${tail}` }]),
  );
}

let server: TlsServer;
let caFile: string;

beforeAll(async () => {
  server = await startTlsServer();
  caFile = server.file('ca.crt', authority.cert);
});
afterAll(() => server.stop());

function urlOf({ url = '' }: Way): string {
  const full = new URL(server.url);
  full.hostname = 'localhost';
  full.search = url.replace('CA', encodeURIComponent(caFile));
  return full.href;
}

async function pgOutcome(way: Way): Promise<Outcome> {
  // biome-ignore lint/suspicious/noExplicitAny: pg types its `ssl` as Node's, which has no Uint8Array
  const ssl: any = way.ssl;
  try {
    const client = new Client({ connectionString: urlOf(way), ...(ssl === undefined ? {} : { ssl }) });
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    await client.end();
    return rows[0].ssl ? 'encrypted' : 'plain';
  } catch {
    return 'refused';
  }
}

async function ourOutcome(way: Way): Promise<Outcome> {
  const application_name = `tls-${Math.random()}`;
  let storage: PostgresStorageAdapter;
  try {
    storage = new PostgresStorageAdapter(urlOf(way), {
      ...{ application_name, max: 1 },
      ...(way.ssl === undefined ? {} : { ssl: way.ssl }),
    });
  } catch (error) {
    expect(error).toMatchObject({ code: 'auth_postgres/invalid_input' });
    return 'refused';
  }
  try {
    // The server has none of our tables; that it says so shows that we got through.
    const { code } = await rejection(storage.getUser('x'));
    if (code === 'auth_postgres/tls_failed') return 'refused';
    expect(code).toBe('auth_postgres/schema_mismatch');
    const [isEncrypted] = await server.encrypted(application_name);
    return isEncrypted ? 'encrypted' : 'plain';
  } finally {
    await storage.disconnect();
  }
}

/** How well an outcome protects from eavesdroppers and impostors. */
const STRENGTH: Record<Outcome, number> = { plain: 0, encrypted: 1, refused: 2 };

const cells: Record<string, Record<string, string>> = {};

it.each(Object.entries(CERTIFICATES))('TLS protects at least as node-postgres does: %s', async (kind, certificate) => {
  await server.serve(certificate);
  const weaker = await Promise.all(
    Object.entries(WAYS).map(async ([name, way]) => {
      const [theirs, ours] = await Promise.all([pgOutcome(way), ourOutcome(way)]);
      cells[name] ??= {};
      (cells[name] as Record<string, string>)[kind] = theirs === ours ? ours : `${ours} (pg: ${theirs})`;
      return STRENGTH[ours] < STRENGTH[theirs] ? [{ name, theirs, ours }] : [];
    }),
  );
  expect(weaker.flat()).toEqual([]);
});

it('docs/tls.md contains the outcomes of these tests as its table', () => {
  const row = (parts: string[]) => `| ${parts.join(' | ')} |`;
  const kinds = Object.keys(CERTIFICATES);
  const table = [
    row(['asked for', ...kinds]),
    row(['---', ...kinds.map(() => '---')]),
    ...Object.keys(WAYS).map((name) => row([`\`${name}\``, ...kinds.map((kind) => cells[name]?.[kind] ?? '')])),
  ].join('\n');
  expect(readFileSync(join(__dirname, '..', 'docs', 'tls.md'), 'utf8')).toContain(table);
});
