/**
 * PgBouncer does not pass on a client’s start-up options: it refuses the connection, or, if told so
 * with `ignore_startup_parameters`, drops them. Ours set the statement timeout and the schema.
 */
import { useDatabase } from '../helpers/database';
import { expectCode } from '../helpers/errors';
import { userInput } from '../helpers/fixtures';
import { type PgBouncer, startPgBouncer } from '../helpers/pgbouncer';

const db = useDatabase();

describe.each([
  ['refuses', { pool_mode: 'session' }],
  ['refuses', { pool_mode: 'transaction' }],
  ['swallows', { pool_mode: 'session', ignore_startup_parameters: 'extra_float_digits,options' }],
  ['swallows', { pool_mode: 'transaction', ignore_startup_parameters: 'extra_float_digits,options' }],
])('a PgBouncer that %s start-up options: %j', (_, settings) => {
  let pgbouncer: PgBouncer;

  beforeAll(async () => {
    pgbouncer = await startPgBouncer(db.url, settings);
  });
  afterAll(() => pgbouncer.stop());

  it('is rejected by connect(), which names the option to set', async () => {
    const error = await expectCode(db.adapter({}, pgbouncer.url).connect(), 'connection_failed', {
      operation: 'connect',
    });
    expect(error.message).toContain("pooler: 'transaction'");
    expect(error.retryable).toBe(false);
  });

  it('is rejected by every call on a connection that was not checked yet', async () => {
    const adapter = db.adapter({ max: 1 }, pgbouncer.url);
    for (const call of [() => adapter.getUser('nobody'), () => adapter.createUser(userInput())]) {
      const error = await expectCode(call(), 'connection_failed');
      expect(error.message).toContain("pooler: 'transaction'");
    }
    expect(await db.query('SELECT id FROM users')).toEqual([]);
  });
});
