/** Node.js in one zone, the server in another, and instants around the time changes of both: a time remains the same instant. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { asSuperuser, useDatabase } from './helpers/database';
import { runScript } from './helpers/process';

const ZONES = ['UTC', 'America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kathmandu'];

/** When clocks changed, with the hours that they showed twice or not at all. */
const CHANGES = [
  '2024-03-10T07:00:00Z', // New York, spring
  '2024-11-03T06:00:00Z', // New York, autumn
  '2024-03-31T01:00:00Z', // Berlin, spring
  '2024-10-27T01:00:00Z', // Berlin, autumn
  '2024-10-05T15:30:00Z', // Lord Howe, spring: by half an hour
  '2024-04-06T15:00:00Z', // Lord Howe, autumn
  '1985-12-31T18:30:00Z', // Kathmandu, from +5:30 to +5:45
  '1883-11-18T17:00:00Z', // New York, from its own noon
  '2034-03-12T07:00:00Z', // New York, ahead of us
];
const MINUTE = 60_000;
const INSTANTS = CHANGES.flatMap((change) =>
  [-30 * MINUTE, -1, 0, 30 * MINUTE].map((ms) => new Date(Date.parse(change) + ms).toISOString()),
);

const db = useDatabase();
const tag = randomBytes(4).toString('hex');
const roleOf = (zone: string) => `${zone.toLowerCase().replace('/', '_')}_${tag}`;

/** As somebody whose sessions the server has in a zone. */
function urlIn(zone: string): string {
  const url = new URL(db.url);
  url.username = roleOf(zone);
  url.password = tag;
  return url.href;
}

beforeAll(async () => {
  for (const zone of ZONES) {
    await db.query(`CREATE ROLE ${roleOf(zone)} LOGIN SUPERUSER PASSWORD '${tag}'`);
    await db.query(`ALTER ROLE ${roleOf(zone)} SET timezone = '${zone}'`);
  }
});
afterAll(() =>
  asSuperuser(async (client) => {
    for (const zone of ZONES) await client.query(`DROP ROLE ${roleOf(zone)}`);
  }),
);

/** Writes every instant through every server zone, reads it back, and says what differs. */
const SCRIPT = `
  import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
  const { instants, urls, minute } = JSON.parse(process.env.GIVEN);
  const wrong = [];
  let compared = 0;
  const compare = (what, found, expected) => {
    compared += 1;
    if (!(found instanceof Date) || found.getTime() !== expected.getTime()) wrong.push(what + ': ' + String(found?.toISOString?.() ?? found));
  };

  async function writeAndRead(storage, userId, text, zone) {
    const at = new Date(text);
    const id = [process.env.TZ, zone, text].join(' ');
    const key = await storage.createApiKey({
      id, principalId: userId, hash: id, prefix: 'kit', lastFour: 'abcd', scopes: [], expiresAt: at,
    });
    compare(id + ' key', key.expiresAt, at);
    compare(id + ' key read', (await storage.getApiKey(id)).expiresAt, at);
    compare(id + ' key patched', (await storage.updateApiKey(id, { expiresAt: text })).expiresAt, at);
    await storage.emitEvent({ type: id, principalId: userId, data: {}, timestamp: at });
    const members = [{ userId, role: 'owner', joinedAt: at }];
    const organization = await storage.createOrganization({ name: id, plan: 'free', seats: 1, members });
    compare(id + ' member', (await storage.getOrganization(organization.id)).members[0].joinedAt, at);
    const device = await storage.createTwoFactorDevice({ userId, method: 'sms', verificationCodeExpiresAt: at, lastUsedAt: at });
    const found = await storage.getTwoFactorDevice(device.id);
    compare(id + ' device code', found.verificationCodeExpiresAt, at);
    compare(id + ' device', found.lastUsedAt, at);
  }

  // Shorter than any two zones are apart.
  const ahead = (minutes) => new Date(Date.now() + minutes * minute);
  async function expire(storage, userId, zone) {
    const input = { userId, entitlements: [] };
    const [live, dead] = await Promise.all([10, -10].map((at) => storage.createSession({ ...input, expiresAt: ahead(at) })));
    if (Math.abs(live.createdAt.getTime() - Date.now()) > 5 * minute) wrong.push(zone + ' createdAt ' + live.createdAt.toISOString());
    if (!(await storage.getSession(live.id))) wrong.push(zone + ': a live session has expired');
    if (await storage.getSession(dead.id)) wrong.push(zone + ': an expired session lives');
    await storage.updateSession(live.id, { expiresAt: ahead(-10) });
    if (await storage.getSession(live.id)) wrong.push(zone + ': a session outlived its new end');
  }

  for (const [zone, url] of Object.entries(urls)) {
    const storage = new PostgresStorageAdapter(url);
    const { id } = await storage.createUser({});
    await Promise.all(instants.map((text) => writeAndRead(storage, id, text, zone)));
    await expire(storage, id, zone);
    await storage.disconnect();
  }
  console.log(JSON.stringify({ compared, wrong, offset: new Date('2024-07-01T00:00:00Z').getTimezoneOffset() }));
`;

it.each([
  ['UTC', 0],
  ['America/New_York', 240],
  ['Europe/Berlin', -120],
  ['Australia/Lord_Howe', -630],
  ['Asia/Kathmandu', -345],
])('Node.js in %s reads the times that it wrote, whatever the server’s zone', async (TZ, offset) => {
  const urls = Object.fromEntries(ZONES.map((zone) => [zone, urlIn(zone)]));
  const GIVEN = JSON.stringify({ instants: INSTANTS, urls, minute: MINUTE });
  const { stdout, stderr } = await runScript(SCRIPT, { env: { TZ, GIVEN } });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ compared: ZONES.length * INSTANTS.length * 6, wrong: [], offset });

  // What the server has stored, read without the adapter: the same instants, to the millisecond.
  const rows = await db.query<{ id: string; key: string; event: string }>(
    `SELECT k.id, (extract(epoch FROM k.expires_at) * 1000)::bigint AS key,
            (extract(epoch FROM e.timestamp) * 1000)::bigint AS event
       FROM api_keys k JOIN auth_events e ON e.type = k.id
      WHERE split_part(k.id, ' ', 1) = $1`,
    [TZ],
  );
  expect(rows).toHaveLength(ZONES.length * INSTANTS.length);
  for (const { id, key, event } of rows) {
    const at = Date.parse(id.split(' ')[2] as string);
    expect([id, Number(key), Number(event)]).toEqual([id, at, at]);
  }
});

it.each(ZONES)('the test’s connections have the time zone %s', async (zone) => {
  const client = new Client({ connectionString: urlIn(zone) });
  await client.connect();
  expect((await client.query('SHOW timezone')).rows).toEqual([{ TimeZone: zone }]);
  await client.end();
});
