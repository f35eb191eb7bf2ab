/** PgBouncer lets in fewer clients than an adapter may have connections. */
import type { PostgresTransaction } from '@kitiumai/auth-postgres';
import { command } from '../helpers/command';
import { useDatabase } from '../helpers/database';
import { expectCode } from '../helpers/errors';
import { until } from '../helpers/failing';
import { unique, userInput } from '../helpers/fixtures';
import { giveUpUpdates } from '../helpers/given-up';
import { type PgBouncer, startPgBouncer } from '../helpers/pgbouncer';
import { race } from '../helpers/race';

const db = useDatabase();
const CLIENTS = 3;
let pgbouncer: PgBouncer;
beforeAll(async () => {
  pgbouncer = await startPgBouncer(db.url, { pool_mode: 'transaction', max_client_conn: String(CLIENTS) });
});
afterAll(() => pgbouncer.stop());

it.each([64, 256])('%i calls share the connections that it lets in', async (callers) => {
  const storage = db.adapter({ pooler: 'transaction', max: 10 }, pgbouncer.url);
  for (let round = 0; round < 3; round += 1) {
    const { rejected } = await race<unknown>(callers, async (at) =>
      at % 2 === 0 ? storage.createUser(userInput()) : storage.listUsers({ limit: 3 }),
    );
    expect(rejected).toEqual([]);
  }
  await storage.disconnect();
});

it('a statement that is given up is cancelled over one of them', async () => {
  const name = unique('given-up');
  const options = { pooler: 'transaction', max: CLIENTS, application_name: name, statementTimeoutMs: 0 } as const;
  const storage = db.adapter(options, pgbouncer.url);
  await giveUpUpdates(db, storage, name);
  await storage.disconnect();
});

it('who gets none is told that there is none', async () => {
  const others = db.adapter({ pooler: 'transaction', max: CLIENTS }, pgbouncer.url);
  const options = { pooler: 'transaction', max: 10, maxRetries: 0 } as const;
  const storage = db.adapter(options, pgbouncer.url);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let begun = 0;
  const hold = async (tx: PostgresTransaction) => {
    await tx.createUser({});
    begun += 1;
    await held;
  };
  const holding = Array.from({ length: CLIENTS }, () => others.transaction(hold));
  try {
    await until(() => begun === CLIENTS);
    const error = await expectCode(storage.getUser('x'), 'resource_exhausted', { sqlState: '08P01' });
    expect(error.message).toContain('lets in no further connection');
    expect(error.retryable).toBe(true);
    await expect(command(['status', '--url', `${pgbouncer.url}?pgbouncer=true`])).resolves.toMatchObject({ code: 3 });
  } finally {
    release();
    await Promise.all(holding);
    await Promise.all([others.disconnect(), storage.disconnect()]);
  }
});
