/** A take-over reads the times of 3.x, which have no time zone, in the zone that `legacyTimeZone` names. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { dump, insertLegacy, makeLegacy } from './helpers/legacy-rows';
import { runScript } from './helpers/process';

/** Instants around the time changes of 2024 in both zones. None is in an hour that a clock showed twice. */
const INSTANTS = [
  '2024-01-15T12:00:00.001Z',
  '2024-03-10T06:59:59.999Z',
  '2024-03-10T07:00:00.000Z',
  '2024-03-31T00:59:59.999Z',
  '2024-03-31T01:00:00.000Z',
  '2024-07-15T12:00:00.500Z',
  '2024-10-26T23:59:59.999Z',
  '2024-10-27T02:00:00.000Z',
  '2024-11-03T04:59:59.999Z',
  '2024-11-03T07:00:00.000Z',
  '2024-12-31T23:30:00.000Z',
];

const SERVER = 'Europe/Berlin';
const CLIENT = 'America/New_York';

/** Writes as the TypeScript adapter did: node-postgres sends a Date in its process’s zone, the server fills in the rest. */
function writeAsLegacy(url: string, zones = { server: SERVER, client: CLIENT }) {
  return runScript(
    `import pg from 'pg';
     const client = new pg.Client({ connectionString: process.env.URL, options: '-c timezone=${zones.server}' });
     await client.connect();
     for (const instant of ${JSON.stringify(INSTANTS)}) {
       // The server's clock at that instant.
       const [{ shown }] = (await client.query('SELECT $1::timestamptz::timestamp::text AS shown', [instant])).rows;
       await client.query(
         'INSERT INTO sessions (id, user_id, expires_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)',
         ['at ' + instant, 'user-1', new Date(instant), shown],
       );
       await client.query(
         'INSERT INTO sessions (id, user_id, expires_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)',
         ['updated at ' + instant, 'user-1', new Date('2999-01-01T00:00:00Z'), '2020-01-01', new Date(instant)],
       );
       await client.query(
         'INSERT INTO twofa_backup_codes (id, user_id, code, used, used_at, created_at) VALUES ($1, $2, $3, true, $4, $4)',
         [instant, 'user-1', 'x', shown],
       );
       await client.query(
         'INSERT INTO auth_events (type, principal_id, data, timestamp) VALUES ($1, $2, $3, $4)',
         ['at', instant, '{}', new Date(instant)],
       );
     }
     await client.end();`,
    { env: { URL: url, TZ: zones.client } },
  );
}

describe.each([
  ['the same zone', { server: CLIENT, client: CLIENT }, CLIENT],
  ['zones of their own', { server: SERVER, client: CLIENT }, { server: SERVER, client: CLIENT }],
] as const)('times written by a server and a Node.js process in %s', (_, zones, legacyTimeZone) => {
  const db = useDatabase({ migrated: false });
  let before: Record<string, string[]>;

  beforeAll(async () => {
    await makeLegacy(db, '3.0.x', { users: [{ id: 'user-1' }] });
    expect(await writeAsLegacy(db.url, zones)).toMatchObject({ code: 0, stderr: '' });
    before = await dump(db);
    await db.adapter({ legacyTimeZone }).connect();
  });

  it('are the same instants after a take-over, across changes of daylight saving', async () => {
    for (const instant of INSTANTS) {
      const [row] = await db.query('SELECT expires_at, created_at, updated_at FROM sessions WHERE id = $1', [
        `at ${instant}`,
      ]);
      const at = new Date(instant);
      expect(row).toEqual({ expires_at: at, created_at: at, updated_at: at });
      const updated = await db.storage.getSession(`updated at ${instant}`);
      expect(updated?.updatedAt).toEqual(at);
      expect(await db.query('SELECT timestamp FROM auth_events WHERE principal_id = $1', [instant])).toEqual([
        { timestamp: at },
      ]);
    }
    const codes = await db.storage.getBackupCodes('user-1');
    expect(codes.map(({ id, usedAt, createdAt }) => [id, usedAt, createdAt])).toEqual(
      [...INSTANTS].reverse().map((instant) => [instant, new Date(instant), new Date(instant)]),
    );
  });

  it('are restored as they were by a rollback, whatever legacyTimeZone says by then', async () => {
    await db.adapter({ legacyTimeZone: 'Asia/Tokyo' }).rollback({ to: null, dropData: true });
    const after = await dump(db);
    for (const table of ['sessions', 'twofa_backup_codes', 'auth_events']) expect(after[table]).toEqual(before[table]);
  });
});

describe('a time in an hour that a clock showed twice', () => {
  const db = useDatabase({ migrated: false });

  it('is taken over as the first of the two, as Node.js reads it', async () => {
    await makeLegacy(db, '3.0.x', { users: [{ id: 'user-1' }] });
    await db.query(
      `INSERT INTO twofa_devices (id, user_id, method, last_used_at) VALUES ('d', 'user-1', 'totp', '2024-11-03 01:30:00.9999')`,
    );
    await db.adapter({ legacyTimeZone: { server: SERVER, client: CLIENT } }).connect();
    const script = `process.stdout.write(new Date(2024, 10, 3, 1, 30, 0, 999).toISOString())`;
    const { stdout } = await runScript(script, { env: { TZ: CLIENT } });
    expect(stdout).toBe('2024-11-03T05:30:00.999Z');
    expect((await db.storage.getTwoFactorDevice('d'))?.lastUsedAt).toEqual(new Date(stdout));
  });
});

describe('updated_at in a 3.1.x database, where a trigger writes it,', () => {
  const db = useDatabase({ migrated: false });

  it('is taken over in the server’s zone, except for providers', async () => {
    const provider = {
      id: 'p',
      type: 'saml',
      name: 'x',
      idp_entity_id: 'x',
      idp_sso_url: 'x',
      sp_entity_id: 'x',
      sp_acs_url: 'x',
    };
    const times = { created_at: '2024-01-01 00:00:00', updated_at: '2024-07-01 12:00:00' };
    await makeLegacy(db, '3.1.x', { users: [{ id: 'user-1', ...times }], sso_providers: [{ ...provider, ...times }] });
    await db.adapter({ legacyTimeZone: { server: SERVER, client: CLIENT } }).connect();
    expect((await db.storage.getUser('user-1'))?.updatedAt).toEqual(new Date('2024-07-01T10:00:00Z'));
    expect((await db.storage.getSSOProvider('p'))?.updatedAt).toEqual(new Date('2024-07-01T16:00:00Z'));
  });
});

describe('a legacyTimeZone that the server does not know', () => {
  const db = useDatabase({ migrated: false });

  it.each(['Europe/Atlantis', 'UTC+2', '+02:00'])('is rejected by connect(): %s', async (zone) => {
    if (zone === 'Europe/Atlantis') await makeLegacy(db, '3.0.x');
    await expectInvalidInput(
      db.adapter({ legacyTimeZone: { server: 'UTC', client: zone } }).connect(),
      'legacyTimeZone',
    );
    await expect(db.query('SELECT 1 FROM auth_migrations')).rejects.toThrow('does not exist');
  });

  it('is accepted when nothing has to be taken over', async () => {
    await db.adapter({ legacyTimeZone: 'UTC' }).connect();
    await expect(db.adapter({ legacyTimeZone: 'Europe/Atlantis' }).connect()).resolves.toBeUndefined();
  });
});

describe('a legacyTimeZone that does not fit the server or the rows', () => {
  const db = useDatabase({ migrated: false });

  beforeAll(() => makeLegacy(db, '3.0.x'));

  it.each(['CET', 'EET', 'MET', 'WET'])('is rejected if the server reads it without summer time: %s', async (zone) => {
    const [{ isFixed }] = await db.query(
      `SELECT (TIMESTAMP '2024-07-01 12:00' AT TIME ZONE $1) = (TIMESTAMP '2024-07-01 12:00' AT TIME ZONE
               CASE $1 WHEN 'WET' THEN 'Europe/Lisbon' WHEN 'EET' THEN 'Europe/Athens' ELSE 'Europe/Paris' END) AS "isFixed"`,
      [zone],
    );
    const connecting = db.adapter({ legacyTimeZone: zone }).connect();
    // Newer servers may read the zone correctly; then the name is not rejected.
    if (isFixed) await connecting.catch(() => undefined);
    else await expectInvalidInput(connecting, 'legacyTimeZone');
    expect(isFixed).toBe(false);
  });

  it('is reported with the rows whose time that zone never showed', async () => {
    const gap = '2024-03-31 02:30:00';
    const row = { user_id: 'user-1', expires_at: '2999-01-01' };
    await insertLegacy(db, 'sessions', { ...row, id: 'server-gap', created_at: gap, updated_at: gap });
    await insertLegacy(db, 'sessions', { ...row, id: 'client-gap', expires_at: gap });
    await insertLegacy(db, 'sessions', { ...row, id: 'update-gap', created_at: '2024-01-01', updated_at: gap });
    const found = async (legacyTimeZone: string | { server: string; client: string }) => {
      const error = await expectCode(db.adapter({ legacyTimeZone }).connect(), 'migration_failed');
      return error.context.violations?.map(({ rule, table, ids }) => [rule, table, ids]);
    };
    // Their ids open them, so that only the beginning is listed.
    expect(await found('Europe/Berlin')).toEqual([['time_zone', 'sessions', ['cli…', 'ser…', 'upd…']]]);
    expect(await found({ server: 'Europe/Berlin', client: 'UTC' })).toEqual([['time_zone', 'sessions', ['ser…']]]);
    expect(await found({ server: 'UTC', client: 'Europe/Berlin' })).toEqual([
      ['time_zone', 'sessions', ['cli…', 'upd…']],
    ]);
    await db.adapter().connect();
  });
});
