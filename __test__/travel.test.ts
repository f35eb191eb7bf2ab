/** `travelTo` moves the clock of one database, and `Date`. */
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { createTestStorage, type TestStorage } from '@kitiumai/auth-postgres/testing';
import { Client } from 'pg';
import { asSuperuser } from './helpers/database';
import { createRole } from './helpers/database-role';
import { expectCode } from './helpers/errors';
import { makeScene } from './helpers/every-method';
import {
  apiKeyInput,
  emailTokenInput,
  inAnHour,
  oidcProviderInput,
  sessionInput,
  ssoSessionInput,
  totpDeviceInput,
  twoFactorSessionInput,
  unique,
  userInput,
} from './helpers/fixtures';

const MOMENT = new Date('2040-02-29T23:59:59.987Z');
const HOUR = 3_600_000;

let test: TestStorage;
let storage: PostgresStorageAdapter;
let client: Client;
let userId: string;

beforeAll(async () => {
  test = await createTestStorage();
  storage = test.storage;
  client = new Client({ connectionString: test.url });
  await client.connect();
  userId = (await storage.createUser(userInput())).id;
});

afterEach(() => test.travelBack());

afterAll(async () => {
  await client.end();
  await test.close();
});

const freezeAt = (date: Date) => test.travelTo(date, { freeze: true });
const select = async (sql: string) => (await client.query(sql)).rows;
const justBefore = (date: Date) => new Date(date.getTime() - 1);

describe('What expires', () => {
  /** Alive until the last millisecond, and again after the way back. */
  async function expectToExpire(expiresAt: Date, find: () => Promise<unknown>) {
    for (let round = 0; round < 2; round++) {
      await freezeAt(justBefore(expiresAt));
      expect(await find()).not.toBeNull();
      await freezeAt(expiresAt);
      expect(await find()).toBeNull();
    }
    await test.travelBack();
    expect(await find()).not.toBeNull();
  }

  it('ends for a session at its very millisecond, forwards and backwards', async () => {
    const { id, expiresAt } = await storage.createSession(sessionInput(userId));
    await expectToExpire(expiresAt, () => storage.getSession(id));
  });

  it('ends for an e-mail token, and using it is too late', async () => {
    const { id, expiresAt } = await storage.createEmailVerificationToken(emailTokenInput());
    await expectToExpire(expiresAt, () => storage.getEmailVerificationTokenById(id));
    await freezeAt(expiresAt);
    await expectCode(storage.markEmailVerificationTokenAsUsed(id), 'expired');
    await freezeAt(justBefore(expiresAt));
    expect((await storage.markEmailVerificationTokenAsUsed(id)).usedAt).toEqual(justBefore(expiresAt));
  });

  it('ends for an API key, and rotating it is too late', async () => {
    const { record, key } = await storage.createApiKeyWithSecret(userId, ['read']);
    const expiresAt = inAnHour();
    await storage.updateApiKey(record.id, { expiresAt });
    await expectToExpire(expiresAt, () => storage.verifyApiKeySecret(key));
    await freezeAt(expiresAt);
    await expectCode(storage.rotateApiKey(record.id), 'expired');
  });

  it('ends for an SSO session and a two-factor session', async () => {
    const provider = await storage.createSSOProvider(oidcProviderInput());
    const sso = await storage.createSSOSession(ssoSessionInput(userId, provider.id));
    await expectToExpire(sso.expiresAt, () => storage.getSSOSession(sso.id));
    const device = await storage.createTwoFactorDevice(totpDeviceInput(userId));
    const login = await storage.createTwoFactorSession(twoFactorSessionInput(userId, device.id));
    await expectToExpire(login.expiresAt, () => storage.getTwoFactorSession(login.id));
    await freezeAt(login.expiresAt);
    await expectCode(storage.completeTwoFactorSession(login.id), 'expired');
  });

  it('is swept when its time has come', async () => {
    const { id, expiresAt } = await storage.createSession(sessionInput(userId));
    await freezeAt(justBefore(expiresAt));
    await storage.deleteExpiredSessions();
    expect(await storage.getSession(id)).not.toBeNull();
    await freezeAt(expiresAt);
    expect(await storage.deleteExpiredSessions()).toBeGreaterThan(0);
    await test.travelBack();
    expect(await storage.getSession(id)).toBeNull();
  });
});

describe('After a journey', () => {
  it('everything that is written has its time, in all tables and inside JSON', async () => {
    await freezeAt(MOMENT);
    const scene = await makeScene(storage);
    await storage.assignRoleToUser(scene.userId, scene.roleId, scene.orgId);
    await storage.emitEvent({ type: 'user.login', principalId: scene.userId, data: {}, timestamp: new Date() });
    const columns = await select(`
      SELECT table_name::text AS "table", column_name::text AS "column"
        FROM information_schema.columns
       WHERE table_schema = 'public' AND data_type = 'timestamp with time zone' AND table_name <> 'auth_migrations'`);
    expect(columns.length).toBeGreaterThan(30);
    const found = new Set<string>();
    for (const { table, column } of columns) {
      const rows = await select(`SELECT "${column}" AS time FROM "${table}" WHERE "${column}" >= '2035-01-01'`);
      for (const { time } of rows) {
        found.add(table);
        // What the scene gives lies an hour before or after.
        expect([table, column, Math.abs(time - MOMENT.getTime()) <= HOUR]).toEqual([table, column, true]);
      }
    }
    expect(found.size).toBeGreaterThan(10);
    const user = await storage.getUser(scene.userId);
    expect(user?.oauth?.google?.linkedAt).toEqual(MOMENT);
    expect(user?.createdAt).toEqual(MOMENT);
    // The clock stands still, and yet each change has a later time than the one before.
    const { updatedAt } = await storage.updateUser(scene.userId, { name: 'Grace' });
    expect(updatedAt.getTime() - MOMENT.getTime()).toBeGreaterThanOrEqual(0);
    expect(updatedAt.getTime() - MOMENT.getTime()).toBeLessThan(100);
  });

  it('what has been written before keeps its times', async () => {
    const before = await storage.createUser(userInput());
    await test.travelTo(MOMENT);
    expect(await storage.getUser(before.id)).toStrictEqual(before);
    await test.travelTo(new Date('1999-12-31T23:00:00Z'));
    expect(await storage.getUser(before.id)).toStrictEqual(before);
    await test.travelBack();
    expect(await storage.getUser(before.id)).toStrictEqual(before);
  });

  it('time goes on from there', async () => {
    await test.travelTo(MOMENT);
    expect(Date.now() - MOMENT.getTime()).toBeLessThan(10_000);
    const [first, second] = [await storage.createUser({}), await storage.createUser({})];
    expect(first.createdAt.getTime()).toBeGreaterThanOrEqual(MOMENT.getTime());
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await storage.createUser({})).createdAt.getTime()).toBeGreaterThan(second.createdAt.getTime());
    const { expiresAt, id } = await storage.createSession(
      sessionInput(userId, { expiresAt: new Date(Date.now() + 50) }),
    );
    while (Date.now() <= expiresAt.getTime()) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await storage.getSession(id)).toBeNull();
  });

  it('a sliding session that is used in time goes on', async () => {
    const { id } = await storage.createSession(sessionInput(userId, { expiresAt: inAnHour() }));
    for (let request = 0; request < 5; request++) {
      await test.travelTo(new Date(Date.now() + 50 * 60_000));
      await storage.updateSession(id, { expiresAt: inAnHour() });
    }
    expect(await storage.getSession(id)).not.toBeNull();
  });

  it.each(['UTC', 'Europe/Berlin', 'Pacific/Apia'])(
    'a session in the time zone %s sees the same moment',
    async (zone) => {
      await client.query(`SET TIME ZONE '${zone}'`);
      // A change to summer time, and half a year, lie on the way.
      for (const moment of [
        '2027-03-28T00:59:59.999Z',
        '2027-03-28T01:00:00.000Z',
        '0001-01-01T00:00:00.000Z',
        '9999-12-31T23:59:59.999Z',
      ]) {
        await freezeAt(new Date(moment));
        for (const now of ['now', 'transaction_timestamp', 'statement_timestamp', 'clock_timestamp']) {
          expect([now, (await select(`SELECT (extract(epoch FROM ${now}()) * 1000)::float8 AS ms`))[0].ms]).toEqual([
            now,
            Date.parse(moment),
          ]);
        }
      }
      await test.travelTo(new Date('2027-09-28T12:00:00.000Z'));
      const [{ ms }] = await select('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms');
      expect(Math.abs(ms - Date.now())).toBeLessThan(5_000);
    },
  );

  it('other adapters and clients of the database see it, and those of other databases do not', async () => {
    const other = await createTestStorage();
    await freezeAt(MOMENT);
    const second = new PostgresStorageAdapter(test.url);
    expect((await second.createUser({})).createdAt).toEqual(MOMENT);
    await second.disconnect();
    expect((await select('SELECT now() AS now'))[0].now).toEqual(MOMENT);
    expect((await other.storage.createUser({})).createdAt.getUTCFullYear()).toBeLessThan(2040);
    const [row] = await asSuperuser(async (superuser) => (await superuser.query('SELECT now()::text AS now')).rows);
    expect(Number(row.now.slice(0, 4))).toBeLessThan(2040);
    await other.close();
  });

  it('a role with no rights but those on our tables sees it', async () => {
    const role = unique('role').replace(/\W/g, '_');
    await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
    await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`);
    const url = Object.assign(new URL(test.url), { username: role, password: 'secret' }).href;
    await freezeAt(MOMENT);
    const restricted = new PostgresStorageAdapter(url, { migrate: false });
    expect((await restricted.createUser({})).createdAt).toEqual(MOMENT);
    await restricted.disconnect();
    await client.query(`DROP OWNED BY ${role}`);
    await client.query(`DROP ROLE ${role}`);
  });
});

describe('travelTo', () => {
  it.each([
    ['no Date', 'tomorrow'],
    ['an invalid Date', new Date(Number.NaN)],
    ['a year beyond 9999', new Date(Date.UTC(10_000, 0))],
  ])('refuses %s, and no clock moves', async (_, date) => {
    const error = await test.travelTo(date as Date).catch((caught) => caught);
    expect(error).toMatchObject({
      code: 'auth_postgres/invalid_input',
      context: { operation: 'travelTo', field: 'date' },
    });
    expect(new Date().getUTCFullYear()).toBeLessThan(2040);
  });

  it('is refused where the role is no superuser, while everything else works', async () => {
    const role = await createRole('CREATEDB');
    const plain = await createTestStorage({ serverUrl: role.url });
    expect(await plain.storage.healthCheck()).toMatchObject({ status: 'ok' });
    await expect(plain.travelTo(MOMENT)).rejects.toThrow('only a superuser can replace now()');
    await plain.travelBack();
    await plain.close();
    await role.drop();
  });
});

describe('Both clocks say one time', () => {
  const LATER = new Date('2050-06-01T00:00:00Z');
  const expectBothIn = async ({ storage }: TestStorage, year: number) => {
    const { createdAt } = await storage.createUser({});
    expect([createdAt.getUTCFullYear(), new Date().getUTCFullYear()]).toEqual([year, year]);
  };
  const realYear = new Date().getUTCFullYear();

  it.each<[string, (other: TestStorage) => Promise<void>]>([
    ['been made and closed', (other) => other.close()],
    ['travelled and been closed', (other) => other.travelTo(LATER).then(() => other.close())],
    ['travelled back, which had not been away', (other) => other.travelBack()],
    ['travelled there and back', (other) => other.travelTo(LATER).then(() => other.travelBack())],
  ])('of a database that is away after another one has %s', async (_, act) => {
    await test.travelTo(MOMENT);
    const other = await createTestStorage();
    await act(other);
    await expectBothIn(test, MOMENT.getUTCFullYear());
    await test.travelBack();
    await expectBothIn(test, realYear);
    await other.close();
  });

  it.each<[string, (test: TestStorage) => Promise<unknown>[], number]>([
    ['two journeys', ({ travelTo }) => [travelTo(MOMENT), travelTo(LATER)], 2050],
    ['a journey and the way back', ({ travelTo, travelBack }) => [travelTo(MOMENT), travelBack()], realYear],
    ['a way back and a journey', ({ travelTo, travelBack }) => [travelBack(), travelTo(MOMENT)], 2040],
  ])('after %s that overlap', async (_, calls, year) => {
    await Promise.all(calls(test));
    await expectBothIn(test, year);
  });

  it('after a database has been closed during a journey, and it refuses later ones', async () => {
    for (const isAway of [false, true]) {
      const other = await createTestStorage();
      if (isAway) await other.travelTo(MOMENT);
      const journey = other.travelTo(LATER).catch(() => undefined);
      const closed = other.close();
      for (const until of [journey, closed]) {
        await expect(other.travelTo(LATER)).rejects.toMatchObject({
          code: 'auth_postgres/invalid_input',
          context: { operation: 'travelTo', field: 'this' },
        });
        await other.travelBack();
        await until;
        await expectBothIn(test, realYear);
      }
    }
  });
});

describe('Date', () => {
  it('is moved, and its instances are ordinary ones', async () => {
    const before = new Date();
    await freezeAt(MOMENT);
    expect(Date.now()).toBe(MOMENT.getTime());
    expect(new Date()).toStrictEqual(MOMENT);
    expect(Date()).toBe(MOMENT.toString());
    for (const date of [before, new Date(), new Date(0), (await storage.createUser({})).createdAt]) {
      expect(date).toBeInstanceOf(Date);
      expect(date).toEqual(expect.any(Date));
    }
    expect([new Date(0).getTime(), Date.UTC(2000, 0), Date.parse('1970-01-01T00:00:01Z')]).toEqual([
      0, 946_684_800_000, 1000,
    ]);
    class Day extends Date {}
    expect(new Day()).toBeInstanceOf(Day);
    expect(new Day().getTime()).toBe(MOMENT.getTime());
  });

  it('says the real time by every function of it, to code that has kept it or made a class of it before', async () => {
    const Kept = Date;
    class Before extends Date {}
    await freezeAt(MOMENT);
    const dates = [new Kept(), new Kept(Kept.now()), new Kept(Kept()), new Before(), new Before(Before.now())];
    for (const date of dates) expect(date.getUTCFullYear()).toBeLessThan(2040);
  });

  it('can still be spied on', async () => {
    await freezeAt(MOMENT);
    const spy = jest.spyOn(Date, 'now').mockReturnValue(7);
    expect(Date.now()).toBe(7);
    spy.mockRestore();
    expect(Date.now()).toBe(MOMENT.getTime());
  });

  it('is left to fake timers, while the server’s clock moves', async () => {
    jest.useFakeTimers({ now: 0, doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'setTimeout'] });
    try {
      await freezeAt(MOMENT);
      expect(Date.now()).toBe(0);
      jest.setSystemTime(MOMENT);
      const user = await storage.createUser({});
      expect(user.createdAt.getTime()).toBe(Date.now());
    } finally {
      jest.useRealTimers();
    }
  });

  it('says the real time after the way back, also if fake timers have come and gone meanwhile', async () => {
    const real = Date;
    await freezeAt(MOMENT);
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'setTimeout'] });
    await test.travelBack();
    jest.useRealTimers();
    expect(new Date().getUTCFullYear()).toBeLessThan(2040);
    expect(Date.now()).toBeLessThan(MOMENT.getTime());
    await freezeAt(MOMENT);
    expect(Date.now()).toBe(MOMENT.getTime());
    await test.travelBack();
    expect(new Date()).toBeInstanceOf(real);
    expect(Date).toBe(real);
  });

  it('says the real time after a database that is away has been closed', async () => {
    const other = await createTestStorage();
    await other.travelTo(MOMENT);
    await other.close();
    expect(new Date().getUTCFullYear()).toBeLessThan(2040);
  });
});

it('an API key that never expires does not expire', async () => {
  const { id, hash } = await storage.createApiKey(apiKeyInput(userId, { expiresAt: null }));
  await freezeAt(new Date('9999-12-31T23:59:59.999Z'));
  expect(await storage.getApiKeyByHash(hash)).toMatchObject({ id });
});
