/** The server as a whole: killed, shut down, full, read-only. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { rejection } from '../helpers/errors';
import { DATABASE, END_BACKENDS, ROLE, useOwnServer } from './helpers/own-server';
import { record } from './helpers/record';
import { scenario, timeToFirstSuccess } from './helpers/scenario';
import { Witness } from './helpers/witness';

const own = useOwnServer({ settings: { max_connections: '24' } });

for (const [command, title] of [
  ['kill', 'kill -9 of the server, which starts again'],
  ['stop fast', 'fast shutdown of the server, which starts again'],
  ['stop immediate', 'immediate shutdown of the server, which starts again'],
] as const) {
  scenario(own, {
    title,
    break: () => own.server.control(command),
    heal: () => own.server.control('start'),
    sees: ['connection_failed'],
  });
}

const others: Client[] = [];

scenario(own, {
  title: 'max_connections are taken by others',
  // The attempts of more callers would themselves take the slots that the others are to have.
  callers: 8,
  break: async ({ application }) => {
    // Out of the race while the others take what there is.
    await own.asSuperuser(`ALTER ROLE ${ROLE} CONNECTION LIMIT 0`);
    await own.asSuperuser(END_BACKENDS, [application]);
    await own.asSuperuser("CREATE ROLE other LOGIN PASSWORD 'other'");
    const url = new URL(own.url);
    Object.assign(url, { username: 'other', password: 'other' });
    // The adapter's attempts take a slot too, for a moment.
    for (let refusals = 0; refusals < 10; ) {
      const client = new Client({ connectionString: url.href });
      client.on('error', () => undefined);
      const isIn = await client.connect().then(
        () => true,
        () => false,
      );
      if (isIn) others.push(client);
      else await sleep(10);
      refusals = isIn ? 0 : refusals + 1;
    }
    // An attempt that has not said yet who it is may have a slot of the superuser's.
    for (let isDone = false; !isDone; ) {
      isDone = await own.asSuperuser(`ALTER ROLE ${ROLE} CONNECTION LIMIT -1`).then(
        () => true,
        (error) => {
          if (error.code !== '53300') throw error;
          return false;
        },
      );
    }
  },
  heal: async () => void (await Promise.all(others.map((client) => client.end()))),
  sees: ['resource_exhausted', 'connection_failed'],
});

scenario(own, {
  title: 'the role may have one connection only',
  break: async ({ application }) => {
    await own.asSuperuser(`ALTER ROLE ${ROLE} CONNECTION LIMIT 1`);
    await own.asSuperuser(END_BACKENDS, [application]);
  },
  heal: async () => void (await own.asSuperuser(`ALTER ROLE ${ROLE} CONNECTION LIMIT -1`)),
  sees: ['resource_exhausted', 'connection_failed'],
  isNoticed: false,
});

scenario(own, {
  title: 'the password has been changed, and is changed back',
  break: async ({ application }) => {
    await own.asSuperuser(`ALTER ROLE ${ROLE} PASSWORD 'another'`);
    await own.asSuperuser(END_BACKENDS, [application]);
  },
  heal: async () => void (await own.asSuperuser(`ALTER ROLE ${ROLE} PASSWORD '${new URL(own.url).password}'`)),
  sees: ['authentication_failed', 'connection_failed'],
});

let current = '';

scenario(own, {
  title: 'the password has been changed, and the function that is asked for it knows the new one',
  options: { password: () => current || new URL(own.url).password },
  break: async ({ application }) => {
    await own.asSuperuser(`ALTER ROLE ${ROLE} PASSWORD 'another'`);
    current = 'another';
    await own.asSuperuser(END_BACKENDS, [application]);
  },
  heal: async ({ application }) => {
    await own.asSuperuser(`ALTER ROLE ${ROLE} PASSWORD '${new URL(own.url).password}'`);
    current = '';
    await own.asSuperuser(END_BACKENDS, [application]);
  },
  // Of the connections that end; nobody is refused.
  sees: ['connection_failed'],
  isNoticed: false,
});

scenario(own, {
  title: 'the role may not log in',
  break: async ({ application }) => {
    await own.asSuperuser(`ALTER ROLE ${ROLE} NOLOGIN`);
    await own.asSuperuser(END_BACKENDS, [application]);
  },
  heal: async () => void (await own.asSuperuser(`ALTER ROLE ${ROLE} LOGIN`)),
  sees: ['authentication_failed', 'connection_failed'],
});

scenario(own, {
  title: 'the server has gone read-only (default_transaction_read_only)',
  break: async () => {
    await own.asSuperuser('ALTER SYSTEM SET default_transaction_read_only = on');
    await own.asSuperuser('SELECT pg_reload_conf()');
  },
  heal: async () => {
    await own.asSuperuser('ALTER SYSTEM RESET default_transaction_read_only');
    await own.asSuperuser('SELECT pg_reload_conf()');
  },
  sees: ['read_only'],
});

scenario(own, {
  title: 'the disk is full (a trigger raises 53100 at every insert)',
  break: async () => {
    await own.query(`CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
    for (const table of ['sessions', 'users', 'auth_events', 'email_verification_tokens']) {
      await own.query(
        `CREATE TRIGGER disk_full BEFORE INSERT ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION disk_full()`,
      );
    }
  },
  heal: async () => void (await own.query('DROP FUNCTION disk_full() CASCADE')),
  sees: ['resource_exhausted'],
});

scenario(own, {
  title: 'nobody may connect to the database any more',
  break: async ({ application }) => {
    await own.asSuperuser(`ALTER DATABASE ${DATABASE} ALLOW_CONNECTIONS false`);
    await own.asSuperuser(END_BACKENDS, [application]);
  },
  heal: async () => void (await own.asSuperuser(`ALTER DATABASE ${DATABASE} ALLOW_CONNECTIONS true`)),
  sees: ['connection_failed'],
});

it('the database is dropped, and created anew', async () => {
  const storage = own.adapter();
  await storage.createUser({ name: 'before' });
  await own.asSuperuser(`DROP DATABASE ${DATABASE} WITH (FORCE)`);
  const lost = await rejection(storage.getUser('x'));
  expect(lost).toMatchObject({
    code: 'auth_postgres/connection_failed',
    retryable: false,
    context: { sqlState: '3D000' },
  });

  await own.asSuperuser(`CREATE DATABASE ${DATABASE} OWNER ${ROLE}`);
  const empty = await rejection(storage.getUser('x'));
  expect(empty).toMatchObject({ code: 'auth_postgres/schema_mismatch', retryable: false });
  expect(empty.message).toContain('connect()');

  await storage.connect();
  const recoveryMs = await timeToFirstSuccess(storage);
  const witness = new Witness([new URL(own.url).password]);
  for (const error of [lost, empty]) witness.rejected(error, 'read');
  expect(witness.leaks).toEqual([]);
  await record({
    title: 'the database is dropped, and created anew: connect() again',
    seen: [...witness.seen],
    recoveryMs,
  });
});
