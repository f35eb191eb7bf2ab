/** What an error contains, and which error each failure on the server becomes. */
import { InternalError } from '@kitiumai/auth-postgres';
import { type AdapterOptions, useDatabase } from './helpers/database';
import { type Code, expectCode, expectInvalidInput, rejection } from './helpers/errors';
import { backendsOf, until, whileFailing, whileLocked } from './helpers/failing';
import { emailTokenInput, sessionInput, unique } from './helpers/fixtures';

const db = useDatabase();
const once = (options: AdapterOptions = {}) => db.adapter({ maxRetries: 0, ...options });

/** An adapter with a name of its own in the server's list of backends. */
function named(options: AdapterOptions = {}) {
  const name = unique('errors').slice(0, 40);
  return { name, storage: db.adapter({ application_name: name, max: 1, ...options }) };
}

describe('an error', () => {
  const conflict = async () => {
    const { email } = await db.storage.createUser({ email: `${unique()}@example.com` });
    return rejection(db.storage.createUser({ email: email as string }));
  };

  it('has a code, kind, severity, status, context and a message with the method’s name', async () => {
    const error = await conflict();
    expect({ ...error }).toStrictEqual({
      code: 'auth_postgres/conflict',
      kind: 'conflict',
      severity: 'warning',
      statusCode: 409,
      retryable: false,
      context: {
        ...{ operation: 'createUser', field: 'email', sqlState: '23505', constraint: 'users_email_key' },
        ...{ table: 'users', attempts: 1 },
      },
    });
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('InternalError');
    expect(error.message).toMatch(/^createUser: .*users_email_key/);
    expect(String(error)).toBe(`InternalError: ${error.message}`);
    expect(error.stack).toContain(error.message);
  });

  it('has the server’s message as its cause, without the values of rows', async () => {
    const { cause } = await conflict();
    expect(cause).toBeInstanceOf(Error);
    expect(cause?.message).toBe('duplicate key value violates unique constraint "users_email_key"');
    expect({ ...cause }).toStrictEqual({
      ...{ code: '23505', severity: 'ERROR', sqlState: '23505' },
      ...{ constraint: 'users_email_key', schema: 'public', table: 'users' },
    });
  });

  it('is complete when it is converted to JSON', async () => {
    const error = await conflict();
    const { name, message, code, kind, severity, statusCode, retryable, context, cause } = error;
    expect(JSON.parse(JSON.stringify({ error }))).toStrictEqual({
      error: {
        ...{ name, message, code, kind, severity, statusCode, retryable, context },
        cause: { name: cause?.name, message: cause?.message, ...cause },
      },
    });
    const plain = await expectInvalidInput(db.storage.createUser({ name: 7 as never }), 'name');
    expect(plain.cause).toBeUndefined();
    expect(plain.toJSON()).not.toHaveProperty('cause');
    expect(plain.toJSON()).toMatchObject({ statusCode: 422, context: { operation: 'createUser', field: 'name' } });
  });

  it('is a separate object for each caller when several calls fail alike', async () => {
    await whileFailing(db, '40001', {}, async () => {
      const calls = [db.storage.createUser({ name: 'a' }), db.storage.createUser({ name: 'b' })];
      const [one, two] = await Promise.all(calls.map(rejection));
      expect(one).not.toBe(two);
    });
  });

  it('names the constraint, column and table that the server names', async () => {
    const lost = await expectCode(db.storage.createSession(sessionInput(unique('nobody'))), 'invalid_reference', {
      ...{ constraint: 'sessions_user_id_fkey', sqlState: '23503', table: 'sessions', field: 'userId' },
    });
    expect(lost.cause?.message).toMatch(/foreign key constraint "sessions_user_id_fkey"$/);
    const using = `MESSAGE = 'null value', COLUMN = 'plan', TABLE = 'users', SCHEMA = 'public'`;
    await whileFailing(db, '23502', { using }, async () => {
      const error = await expectCode(db.storage.createUser({}), 'invalid_input', { column: 'plan', table: 'users' });
      expect(error.cause).toMatchObject({ column: 'plan', table: 'users', schema: 'public' });
    });
  });
});

it('InternalError can be constructed, and its code has the format of the library’s codes', () => {
  const fields = { message: 'm', code: 'auth_postgres/internal', kind: 'internal', severity: 'error' };
  const Constructor = InternalError as unknown as new (fields: object) => InternalError;
  const error = new Constructor({ ...fields, statusCode: 500, retryable: false, context: {} });
  expect(error).toBeInstanceOf(Error);
  expect(error.code).toMatch(/^[a-z0-9_]+(\/[a-z0-9_]+)*$/);
  expect(Object.keys(error)).not.toContain('name');
});

it('instanceof is true for an error of another copy of the class, and for no other error', () => {
  let Copy = InternalError;
  jest.isolateModules(() => {
    Copy = require('../lib/internal-error.js').InternalError;
  });
  const fields = { message: 'm', code: 'auth_postgres/internal', context: {} };
  const make = (Class: unknown) => new (Class as new (fields: object) => InternalError)(fields);
  expect(Copy).not.toBe(InternalError);
  expect(make(Copy)).toBeInstanceOf(InternalError);
  expect(make(InternalError)).toBeInstanceOf(Copy);
  class Special extends (InternalError as unknown as new (fields: object) => Error) {}
  expect(make(Special)).toBeInstanceOf(InternalError);
  expect(make(Special)).toBeInstanceOf(Special);
  expect(make(InternalError)).not.toBeInstanceOf(Special);
  expect(
    [new Error('m'), null, undefined, 'InternalError'].map((each) => (each as unknown) instanceof InternalError),
  ).toEqual(Array(4).fill(false));
});

describe('an error of the server', () => {
  it.each<[string, Code]>([
    ['40001', 'serialization_failure'],
    ['40P01', 'serialization_failure'],
    ['55P03', 'lock_timeout'],
    ['57014', 'cancelled'],
    ['53100', 'resource_exhausted'],
    ['53200', 'resource_exhausted'],
    ['25006', 'read_only'],
    ['23505', 'conflict'],
    ['23503', 'invalid_reference'],
    ['23514', 'invalid_input'],
    ['22001', 'invalid_input'],
    ['22P02', 'invalid_input'],
    ['42P01', 'schema_mismatch'],
    ['42703', 'schema_mismatch'],
    ['P0001', 'query_failed'],
    ['P0002', 'query_failed'],
    ['P0004', 'query_failed'],
    ['XX000', 'query_failed'],
    ['58030', 'query_failed'],
  ])('with SQLSTATE %s becomes %s', async (sqlState, code) => {
    const storage = once();
    await whileFailing(db, sqlState, {}, async () => {
      const error = await expectCode(storage.createUser({}), code, { operation: 'createUser', sqlState, attempts: 1 });
      expect(error.cause).toMatchObject({ sqlState, code: sqlState, severity: 'ERROR' });
      const withheld: Record<string, string> = { 22: 'data exception', P0: 'exception raised by a function' };
      expect(error.cause?.message).toBe(withheld[sqlState.slice(0, 2)] ?? 'boom');
    });
    // The connection, or another one, goes on.
    await expect(storage.createUser({})).resolves.toMatchObject({ plan: 'free' });
  });

  it('loses its detail, hint and context', async () => {
    const using = `MESSAGE = 'boom', DETAIL = 'Row (x) is bad.', HINT = 'Try y.'`;
    await whileFailing(db, 'P0001', { using }, async () => {
      const { cause } = await expectCode(db.storage.createUser({}), 'query_failed');
      expect(Object.keys(cause ?? {}).sort()).toEqual(['code', 'severity', 'sqlState']);
    });
  });
});

describe('a call', () => {
  it.each(['40001', '40P01'])('that fails with %s is repeated, up to maxRetries times', async (sqlState) => {
    await whileFailing(db, sqlState, { times: 2 }, async () => {
      await expect(db.storage.createUser({ name: 'Ada' })).resolves.toMatchObject({ name: 'Ada' });
    });
    for (const maxRetries of [0, 1, 3]) {
      const storage = db.adapter({ maxRetries });
      await whileFailing(db, sqlState, {}, async () => {
        const error = await expectCode(storage.createUser({}), 'serialization_failure', { attempts: maxRetries + 1 });
        expect(error.retryable).toBe(true);
      });
    }
  });

  it.each(['23505', '23514', '22001', '42P01', 'XX000'])('that fails with %s is not repeated', async (sqlState) => {
    await whileFailing(db, sqlState, { times: 1 }, async () => {
      const error = await rejection(db.storage.createUser({}));
      expect(error.context.attempts).toBe(1);
      expect(error.retryable).toBe(false);
    });
  });

  it('that fails because the session is read-only is repeated on a new connection', async () => {
    const { storage } = named();
    await db.query(`ALTER DATABASE ${db.name} SET default_transaction_read_only = on`);
    await storage.getUser('x');
    // It outlives the setting on the connection that is open.
    await db.query(`SET transaction_read_only = off; ALTER DATABASE ${db.name} RESET default_transaction_read_only`);
    await expect(storage.createUser({ name: 'Ada' })).resolves.toMatchObject({ name: 'Ada' });
  });
});

describe('when the server accepts no writes', () => {
  beforeAll(() => db.query(`ALTER DATABASE ${db.name} SET default_transaction_read_only = on`));
  afterAll(() =>
    db.query(`SET transaction_read_only = off; ALTER DATABASE ${db.name} RESET default_transaction_read_only`),
  );

  it('a write is rejected with read_only and is retryable, and reads succeed', async () => {
    const { storage } = named();
    const error = await expectCode(storage.createUser({}), 'read_only', { operation: 'createUser', sqlState: '25006' });
    expect(error.retryable).toBe(true);
    expect(error.context.attempts).toBeGreaterThan(1);
    await expect(storage.getUser('x')).resolves.toBeNull();
  });
});

describe('an update that waits for a locked row', () => {
  const LOCK_USER = 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE';
  let id: string;
  beforeEach(async () => {
    ({ id } = await db.storage.createUser({ name: 'before' }));
  });
  afterEach(async () => {
    await expect(db.storage.getUser(id)).resolves.toMatchObject({ name: 'before' });
  });

  it('ends with statement_timeout after statementTimeoutMs', async () => {
    const { storage } = named({ statementTimeoutMs: 60 });
    await whileLocked(db, LOCK_USER, [id], async () => {
      await expectCode(storage.updateUser(id, { name: 'after' }), 'statement_timeout', { sqlState: '57014' });
    });
  });

  it('ends with lock_timeout after the option lock_timeout', async () => {
    const { storage } = named({ lock_timeout: 60 });
    await whileLocked(db, LOCK_USER, [id], async () => {
      await expectCode(storage.updateUser(id, { name: 'after' }), 'lock_timeout', { sqlState: '55P03' });
    });
  });

  it.each([0, 60_000])(
    'ends with cancelled when an administrator cancels it, with statementTimeoutMs %i',
    async (statementTimeoutMs) => {
      const { name, storage } = named({ statementTimeoutMs });
      await whileLocked(db, LOCK_USER, [id], async () => {
        const update = expectCode(storage.updateUser(id, { name: 'after' }), 'cancelled', { sqlState: '57014' });
        await until(async () => (await backendsOf(db, name, { waiting: true })).length === 1);
        await db.query('SELECT pg_cancel_backend($1)', await backendsOf(db, name));
        await update;
      });
      await expect(storage.getUser(id)).resolves.toMatchObject({ id });
    },
  );

  it('is not repeated when its backend is terminated, because its outcome is unknown', async () => {
    const { name, storage } = named();
    await whileLocked(db, LOCK_USER, [id], async () => {
      const update = rejection(storage.updateUser(id, { name: 'after' }));
      await until(async () => (await backendsOf(db, name, { waiting: true })).length === 1);
      await db.query('SELECT pg_terminate_backend($1)', await backendsOf(db, name));
      expect(await update).toMatchObject({
        code: 'auth_postgres/connection_failed',
        retryable: false,
        context: { operation: 'updateUser', outcome: 'unknown', attempts: 1 },
      });
    });
  });
});

describe('when its backend is terminated', () => {
  it('a read is repeated and succeeds', async () => {
    const { id } = await db.storage.createUser({});
    const { name, storage } = named();
    await whileLocked(db, 'LOCK TABLE users', [], async (release) => {
      const read = storage.getUser(id);
      await until(async () => (await backendsOf(db, name, { waiting: true })).length === 1);
      const [backend] = await backendsOf(db, name);
      await db.query('SELECT pg_terminate_backend($1)', [backend]);
      // The next attempt waits at another backend.
      await until(async () => (await backendsOf(db, name, { waiting: true })).some((pid) => pid !== backend));
      await release();
      await expect(read).resolves.toMatchObject({ id });
    });
  });

  it('a create with a generated id is repeated and leaves one row', async () => {
    const { id } = await db.storage.createUser({});
    const { name, storage } = named();
    await whileLocked(db, 'LOCK TABLE sessions', [], async (release) => {
      const create = storage.createSession(sessionInput(id));
      await until(async () => (await backendsOf(db, name, { waiting: true })).length === 1);
      const [backend] = await backendsOf(db, name);
      await db.query('SELECT pg_terminate_backend($1)', [backend]);
      await until(async () => (await backendsOf(db, name, { waiting: true })).some((pid) => pid !== backend));
      await release();
      const session = await create;
      expect(await db.query('SELECT id FROM sessions WHERE user_id = $1', [id])).toEqual([{ id: session.id }]);
    });
  });

  it('an increment is rejected with an unknown outcome, and nothing is counted twice', async () => {
    const { id } = await db.storage.createEmailVerificationToken(emailTokenInput());
    await db.storage.incrementEmailVerificationTokenAttempts(id);
    const { name, storage } = named();
    await whileLocked(db, 'LOCK TABLE email_verification_token_attempts', [], async () => {
      const increment = rejection(storage.incrementEmailVerificationTokenAttempts(id));
      await until(async () => (await backendsOf(db, name, { waiting: true })).length === 1);
      await db.query('SELECT pg_terminate_backend($1)', await backendsOf(db, name));
      expect(await increment).toMatchObject({
        code: 'auth_postgres/connection_failed',
        retryable: false,
        context: { operation: 'incrementEmailVerificationTokenAttempts', outcome: 'unknown', attempts: 1 },
      });
    });
    await expect(storage.getEmailVerificationTokenAttempts(id)).resolves.toBe(1);
  });

  it('an idle connection is replaced, and the next call succeeds', async () => {
    const { name, storage } = named();
    await storage.getUser('x');
    await db.query('SELECT pg_terminate_backend($1)', await backendsOf(db, name));
    await until(async () => (await backendsOf(db, name)).length === 0);
    await expect(storage.getUser('x')).resolves.toBeNull();
  });
});

describe('a stored time that no Date can hold', () => {
  it.each(['infinity', '-infinity', '294276-12-31T23:59:59Z', '4713-01-01T00:00:00Z BC'])(
    'such as %s is rejected when its row is read, and other rows can be read',
    async (time) => {
      const { id } = await db.storage.createUser({});
      const { id: other } = await db.storage.createUser({});
      await db.query('UPDATE users SET created_at = $2 WHERE id = $1', [id, time]);
      const error = await expectCode(db.storage.getUser(id), 'query_failed', { column: 'created_at' });
      expect(error.retryable).toBe(false);
      await expect(db.storage.getUser(other)).resolves.toMatchObject({ id: other });
    },
  );
});
