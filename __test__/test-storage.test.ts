/** `createTestStorage` and `useTestStorage`: databases for the tests of applications. */
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { createTestStorage, type TestStorageOptions, useTestStorage } from '@kitiumai/auth-postgres/testing';
import { asSuperuser } from './helpers/database';
import { createRole } from './helpers/database-role';
import { unique } from './helpers/fixtures';
import { runScript } from './helpers/process';

type Adapter = PostgresStorageAdapter;

const PREFIX = 'auth_postgres_test_';

const query = (sql: string, parameters?: unknown[]) =>
  asSuperuser(async (client) => (await client.query(sql, parameters)).rows);
const exists = async (name: string) => (await query('SELECT 1 FROM pg_database WHERE datname = $1', [name])).length > 0;
const nameOf = (url: string) => new URL(url).pathname.slice(1);
/** In a process of its own: prints the name of its database, and then does what follows. */
const script = (then: string, options: TestStorageOptions = {}) => `
  import { createTestStorage } from '@kitiumai/auth-postgres/testing';
  const test = await createTestStorage(${JSON.stringify(options)});
  await test.storage.createUser({ email: 'ada@example.com' });
  console.log(new URL(test.url).pathname.slice(1));
  ${then}`;

describe('createTestStorage', () => {
  it('gives each caller a database of its own, with the tables in it, and drops it afterwards', async () => {
    const both = await Promise.all([createTestStorage(), createTestStorage()]);
    for (const { storage } of both) {
      await storage.createUser({ email: 'ada@example.com' });
      expect(await storage.healthCheck()).toMatchObject({ status: 'ok', pendingMigrations: [] });
    }
    for (const { url, close } of both) {
      expect(await exists(nameOf(url))).toBe(true);
      await Promise.all([close(), close()]);
      expect(await exists(nameOf(url))).toBe(false);
    }
  });

  it('drops a database to which others are still connected', async () => {
    const { url, close } = await createTestStorage();
    const { Client } = await import('pg');
    const client = new Client({ connectionString: url });
    const ended = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    await close();
    expect(await exists(nameOf(url))).toBe(false);
    await ended;
  });

  it('makes one template when eight processes begin at once, and leaves nothing else behind', async () => {
    const role = await createRole('SUPERUSER');
    const run = () => runScript(script('await test.close();', { serverUrl: role.url }));
    const runs = await Promise.all(Array.from({ length: 8 }, run));
    for (const { code, stderr } of runs) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(new Set(runs.map(({ stdout }) => stdout)).size).toBe(8);
    expect(await role.databases()).toEqual([expect.stringMatching(/^auth_postgres_template_/)]);
    await role.drop();
  });

  it('puts the tables into the schema that the options name', async () => {
    const { url, storage, close } = await createTestStorage({ schema: 'auth' });
    await storage.createUser({});
    const { Client } = await import('pg');
    const client = new Client({ connectionString: url });
    await client.connect();
    expect((await client.query(`SELECT to_regclass('public.users') AS users`)).rows).toEqual([{ users: null }]);
    await client.end();
    await close();
  });

  it('drops what a killed process has left, and nothing that is in use', async () => {
    const inUse = await createTestStorage();
    const { stdout, signal } = await runScript(script(`process.kill(process.pid, 'SIGKILL');`));
    const left = stdout.trim();
    expect(left).toMatch(new RegExp(`^${PREFIX}`));
    expect(signal).toBe('SIGKILL');
    // The server notices the end of the connections in its own time.
    const deadline = Date.now() + 10_000;
    do await (await createTestStorage()).close();
    while ((await exists(left)) && Date.now() < deadline);
    expect(await exists(left)).toBe(false);
    expect(await exists(nameOf(inUse.url))).toBe(true);
    await inUse.close();
  });

  it('drops a template that nobody has used for a week', async () => {
    const name = `auth_postgres_template_${unique('old').replace(/\W/g, '_')}`;
    await query(`CREATE DATABASE ${name}`);
    await (await createTestStorage()).close();
    expect(await exists(name)).toBe(true);
    await query(`COMMENT ON DATABASE ${name} IS '2020-01-01'`);
    await (await createTestStorage()).close();
    expect(await exists(name)).toBe(false);
  });

  it('lets the process end that has not closed it', async () => {
    expect(await runScript(script(''))).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  it.each(['host', 'port', 'user', 'password', 'database', 'pooler', 'migrate'])(
    'refuses the option `%s`, which the URL of the server decides',
    async (option) => {
      const error = await createTestStorage({ [option]: 'x' } as TestStorageOptions).catch((caught) => caught);
      expect(error).toMatchObject({ code: 'auth_postgres/invalid_input', context: { field: option } });
    },
  );

  it('rejects with the reason when the server cannot be reached, and when an option is wrong', async () => {
    await expect(createTestStorage({ serverUrl: 'postgres://127.0.0.1:1/x' })).rejects.toMatchObject({
      code: 'auth_postgres/connection_failed',
    });
    await expect(createTestStorage({ max: -1 })).rejects.toMatchObject({ context: { field: 'max' } });
  });

  it('says what to do for a role that may not create databases', async () => {
    const role = await createRole('');
    await expect(createTestStorage({ serverUrl: role.url })).rejects.toThrow(`ALTER ROLE "${role.name}" CREATEDB`);
    await role.drop();
  });
});

describe('useTestStorage', () => {
  // Destructured at the top of a file, and handed on before there is a database.
  const { storage, travelTo } = useTestStorage();
  const { createUser } = storage;
  const test = useTestStorage({ max: 1 });
  const { prototype } = PostgresStorageAdapter;
  const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor') as (keyof Adapter)[];
  const early = Object.fromEntries(names.map((name) => [name, storage[name].bind(storage)])) as unknown as Adapter;

  it('gives the tests an adapter that may be handed on before', async () => {
    const user = await storage.createUser({ email: 'ada@example.com' });
    expect(await storage.getUser(user.id)).toStrictEqual(user);
    expect(await test.storage.getUser(user.id)).toBeNull();
    expect(await createUser({ email: 'grace@example.com' })).toMatchObject({ email: 'grace@example.com' });
    expect(nameOf(test.url)).toMatch(new RegExp(`^${PREFIX}`));
  });

  it('gives methods that do the same, whether they were taken out before or are called on it', async () => {
    for (let user = 0; user < 3; user += 1) await storage.createUser({ plan: 'early' });
    for (const name of names) {
      const [before, now] = [early[name], storage[name]].map((method) => {
        // Arguments that each of them refuses.
        const result: unknown = Reflect.apply(method as () => unknown, storage, [7, 7, 7, 7]);
        if (result instanceof Promise) result.catch(() => undefined);
        return [result instanceof Promise, Symbol.asyncIterator in (result as object)];
      });
      expect([name, before]).toEqual([name, now]);
    }
    const options = { plan: 'early', limit: 2 };
    const pages = early.listUsers(options);
    options.plan = 'another';
    expect((await pages).items).toHaveLength(2);
    const walked: string[] = [];
    for await (const { id } of pages) walked.push(id);
    expect(walked).toHaveLength(3);
    expect(await early.transaction((tx) => tx.getUser('x'))).toBeNull();
  });

  it('lets a test travel', async () => {
    await travelTo(new Date('2040-01-01T00:00:00Z'));
    expect(new Date().getUTCFullYear()).toBe(2040);
    expect((await storage.createUser({})).createdAt.getUTCFullYear()).toBe(2040);
  });

  it('has travelled back before the next test', async () => {
    expect(new Date().getUTCFullYear()).toBeLessThan(2040);
    expect((await storage.createUser({})).createdAt.getUTCFullYear()).toBeLessThan(2040);
  });
});

describe('useTestStorage outside of a test runner', () => {
  const use = (lines: string) =>
    runScript(`import { useTestStorage } from '@kitiumai/auth-postgres/testing';\n${lines}`, {
      flags: ['--test-reporter=spec'],
    });

  it('says that the hooks are missing', async () => {
    const { stderr } = await use('useTestStorage();');
    expect(stderr).toContain('useTestStorage({ hooks: { beforeAll, afterEach, afterAll } })');
  });

  it('takes the hooks of node:test', async () => {
    const { stdout, code } = await use(`
      import { after, afterEach, before, describe, it } from 'node:test';
      import assert from 'node:assert';
      describe('an application', () => {
        const { storage, travelTo } = useTestStorage({ hooks: { beforeAll: before, afterEach, afterAll: after } });
        it('signs somebody up', async () => {
          await travelTo(new Date('2040-01-01T00:00:00Z'));
          assert.strictEqual((await storage.createUser({})).createdAt.getUTCFullYear(), 2040);
        });
        it('is back', () => assert.notStrictEqual(new Date().getUTCFullYear(), 2040));
      });`);
    expect(stdout).toMatch(/pass 2\n/);
    expect(code).toBe(0);
  });

  it('says that the adapter is used too early', async () => {
    const { stdout } = await use(`
      const nothing = () => undefined;
      const test = useTestStorage({ hooks: { beforeAll: nothing, afterEach: nothing, afterAll: nothing } });
      await test.storage.getUser('x').catch(({ message }) => console.log(message));
      await test.storage.listUsers().catch(({ message }) => console.log(message));
      try { for await (const user of test.storage.listUsers()); } catch ({ message }) { console.log(message); }
      test.storage.listUsers();
      await test.travelTo(new Date()).catch(({ message }) => console.log(message));
      try { test.url } catch ({ message }) { console.log(message); }`);
    expect(stdout.match(/before the tests begin/g)).toHaveLength(5);
  });
});
