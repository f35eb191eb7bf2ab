/** docs/roles.md, statement by statement and command by command, with its claims. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { command } from './helpers/command';
import { asSuperuser, useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { argumentsOf, call, makeScene } from './helpers/every-method';
import { eventInput, memberInput, organizationInput, sessionInput, userInput } from './helpers/fixtures';
import { FIRST } from './helpers/migrations';

const GUIDE = readFileSync(join(__dirname, '..', 'docs', 'roles.md'), 'utf8');
const db = useDatabase({ migrated: false });

/** Roles are the server's, so that each run has names of its own. */
const named = (text: string) =>
  text.replaceAll(/\bauth_(owner|app|report)\b/g, `${db.name}_$1`).replaceAll('DATABASE app', `DATABASE ${db.name}`);
const blocks = (language: string) =>
  [...GUIDE.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, text]) => named(text as string));
const [prepare, scope, grants, policies] = blocks('sql') as [string, string, string, string];
const passwords = { owner: 'change-me-1', app: 'change-me-2', report: 'change-me-3' };

function urlOf(role: keyof typeof passwords, parameters = '?schema=auth'): string {
  const url = new URL(db.url);
  url.username = `${db.name}_${role}`;
  url.password = passwords[role];
  return `${url.href}${parameters}`;
}

/** The rows of a query, for a role. */
async function as(role: keyof typeof passwords, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: urlOf(role, '') });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

let app: PostgresStorageAdapter;

beforeAll(async () => {
  await db.query(prepare);
  const [script = ''] = blocks('sh');
  const env = { AUTH_POSTGRES_URL: urlOf('owner') };
  // The commands of the guide, one after the other; psql stands for a connection of ours.
  for (const [, line = '', target] of script.matchAll(/^auth-postgres (.*?)(?: \| psql '(.*)')?$/gm)) {
    const { code, stdout, stderr } = await command(line.split(' '), env);
    expect({ line, code, stderr: stderr.replaceAll(/✓.*\n/g, '') }).toEqual({ line, code: 0, stderr: '' });
    if (target) await as('owner', stdout);
  }
  app = db.adapter({ migrate: false }, urlOf('app'));
  await app.connect();
});

afterAll(() =>
  asSuperuser(async (client) => {
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [db.name]);
    await client.query(`DROP DATABASE IF EXISTS ${db.name}`);
    for (const role of Object.keys(passwords)) await client.query(`DROP ROLE IF EXISTS ${db.name}_${role}`);
  }),
);

describe('the role of the application', () => {
  it('can make every call', async () => {
    for (const [method, args] of Object.entries(argumentsOf(await makeScene(app)))) await call(app, method, args);
  });

  it.each([
    ['CREATE TABLE auth.mine (x int)'],
    ['ALTER TABLE auth.users ADD COLUMN x int'],
    ['DROP TABLE auth.users'],
    ['TRUNCATE auth.sessions'],
    [`INSERT INTO auth.auth_migrations (id, checksum, duration_ms) VALUES ('x', 'x', 0)`],
    ['CREATE TABLE public.mine (id text REFERENCES auth.users (id))'],
    ['CREATE OR REPLACE FUNCTION auth.auth_set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN END $$'],
  ])('may not %s', async (sql) => {
    await expect(as('app', sql)).rejects.toMatchObject({ code: '42501' });
  });

  it('cannot migrate or roll back, and is told so', async () => {
    await expectCode(app.rollback({ to: null, dropData: true }), 'permission_denied', { sqlState: '42501' });
    const pending = await db.adapter({}, urlOf('owner')).rollback({ to: FIRST, dropData: true });
    expect(pending).not.toEqual([]);
    await expectCode(db.adapter({ migrate: false }, urlOf('app')).connect(), 'schema_mismatch');
    await expectCode(db.adapter({}, urlOf('app')).connect(), 'permission_denied', { sqlState: '42501' });
    await expectCode(db.adapter({}, urlOf('app')).migrate(), 'permission_denied', { sqlState: '42501' });
  });

  it('needs no further grants for tables that a later migration adds', async () => {
    await db.adapter({}, urlOf('owner')).migrate();
    const storage = db.adapter({ migrate: false }, urlOf('app'));
    await storage.connect();
    const { id } = await storage.createUser({});
    await storage.setPasswordHash(id, '$argon2id$x');
    await storage.deleteUser(id);
  });
});

describe('the role that reads one organization', () => {
  const count = async (role: 'app' | 'report', table: string) =>
    (await as(role, `SELECT count(*)::int AS n FROM auth.${table}`))[0]?.n;

  beforeAll(async () => {
    for (const id of ['org-1', 'org-2']) {
      const user = await app.createUser(userInput({ id: `user-of-${id}`, email: `${id}@example.com` }));
      await app.createOrganization(organizationInput({ id, members: [memberInput(user.id)] }));
      await app.createSession(sessionInput(user.id, { orgId: id }));
      await app.emitEvent(eventInput({ orgId: id }));
    }
    await db.query(`DELETE FROM auth.auth_events WHERE org_id NOT IN ('org-1', 'org-2')`);
    for (const sql of [scope, grants, policies]) await db.query(sql);
  });

  it('sees the rows of its organization only, in every table, and the application sees all', async () => {
    for (const table of ['organizations', 'organization_members', 'sessions', 'auth_events']) {
      expect([table, await count('report', table)]).toEqual([table, 1]);
      expect(await count('app', table)).toBeGreaterThanOrEqual(2);
    }
    await expect(as('report', 'SELECT id FROM auth.users')).resolves.toEqual([{ id: 'user-of-org-1' }]);
  });

  it.each([
    `UPDATE auth.report_scope SET org_id = 'org-2'`,
    `INSERT INTO auth.report_scope VALUES (current_user, 'org-2')`,
    'SELECT id FROM auth.sessions',
    'SELECT metadata FROM auth.users',
    'SELECT hash FROM auth.password_hashes',
    'DELETE FROM auth.users',
  ])('may not %s', async (sql) => {
    await expect(as('report', sql)).rejects.toMatchObject({ code: '42501' });
  });

  it('sees nothing where conditions of its own are evaluated first', async () => {
    await db.query(
      `CREATE FUNCTION public.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS 'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END'`,
    );
    const client = new Client({ connectionString: urlOf('report', '') });
    const told: string[] = [];
    client.on('notice', ({ message }) => told.push(message ?? ''));
    await client.connect();
    await client.query('SELECT id FROM auth.organizations WHERE public.tell(id)');
    await client.end();
    expect(told).toEqual(['org-1']);
  });

  it('sees nothing without a scope', async () => {
    await db.query('DELETE FROM auth.report_scope');
    for (const table of ['organizations', 'organization_members', 'sessions', 'auth_events', 'users']) {
      expect([table, await count('report', table)]).toEqual([table, 0]);
    }
    await db.query(`INSERT INTO auth.report_scope VALUES ('${db.name}_report', 'org-1')`);
  });

  it('leaves the application with every call, with its indexes, and with a notice of doctor', async () => {
    await app.disconnect();
    await app.connect();
    const scene = await makeScene(app);
    for (const [method, args] of Object.entries(argumentsOf(scene))) await call(app, method, args);
    const client = new Client({ connectionString: urlOf('app', '') });
    await client.connect();
    await client.query('SET enable_seqscan = off');
    const { rows } = await client.query(`EXPLAIN SELECT id FROM auth.users WHERE lower(email COLLATE "C") = 'a'`);
    await client.end();
    expect(JSON.stringify(rows)).toContain('users_email_key');
    const findings = await app.diagnose();
    expect(findings.filter(({ severity }) => severity === 'warning' || severity === 'error')).toEqual([]);
    expect(findings.find(({ id }) => id === 'rights.rows')).toMatchObject({ severity: 'notice' });
  });

  it('is a reason for a rollback to refuse', async () => {
    await expectCode(db.adapter({}, urlOf('owner')).rollback({ to: null, dropData: true }), 'schema_mismatch');
  });

  it('with FORCE hides the rows from the owner too', async () => {
    await db.query('ALTER TABLE auth.sessions FORCE ROW LEVEL SECURITY');
    await expect(as('owner', 'SELECT count(*)::int AS n FROM auth.sessions')).resolves.toEqual([{ n: 0 }]);
    await db.query('ALTER TABLE auth.sessions NO FORCE ROW LEVEL SECURITY');
  });
});
