/**
 * The environment is read when an adapter is made, by JavaScript's thread. Native code that reads it later, on other
 * threads, crashes the process when the application sets a variable at that moment.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useDatabase } from './helpers/database';
import { runScript } from './helpers/process';

const db = useDatabase();

/** The database's URL without a password. */
const urlWithoutPassword = () => {
  const url = new URL(db.url);
  url.password = '';
  return url.href;
};

it('an adapter ignores changes of the environment after its construction', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'environment-'));
  const file = join(directory, 'pgpass');
  writeFileSync(file, `*:*:*:*:${decodeURIComponent(new URL(db.url).password)}\n`);
  chmodSync(file, 0o600);
  const later = {
    ...{ PGPASSFILE: '/nowhere', HOME: '/nowhere', TMPDIR: '/nowhere', NODE_EXTRA_CA_CERTS: '/nowhere' },
    ...{ PGOPTIONS: '-c nonsense', PGSSLMODE: 'verify-full', PGSSLCERT: '/nowhere', PGUSER: 'nobody' },
    ...{ PGPASSWORD: 'wrong', PGDATABASE: 'nowhere', PGHOST: 'nowhere.invalid', PGPORT: '1' },
  };
  const script = `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    const storage = new PostgresStorageAdapter(process.env.URL, { keepAlive: true });
    Object.assign(process.env, ${JSON.stringify(later)});
    console.log(await storage.getUser('x'));
    await storage.disconnect();`;
  try {
    const env = { URL: urlWithoutPassword(), PGPASSFILE: file };
    expect(await runScript(script, { env })).toMatchObject({ stdout: 'null\n', stderr: '' });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it('an adapter in a worker thread reads that thread’s environment', async () => {
  const script = `
    import { Worker } from 'node:worker_threads';
    const worker = new Worker(\`
      const { PostgresStorageAdapter } = require('@kitiumai/auth-postgres');
      const storage = new PostgresStorageAdapter('postgres://');
      storage.getUser('x').then(console.log).finally(() => storage.disconnect());
    \`, { eval: true, execArgv: [], env: JSON.parse(process.env.VARIABLES) });
    await new Promise((resolve) => worker.once('exit', resolve));`;
  const { hostname, port, username, password } = new URL(db.url);
  const PGPASSWORD = decodeURIComponent(password);
  const variables = { PGHOST: hostname, PGPORT: port, PGUSER: username, PGDATABASE: db.name, PGPASSWORD };
  // Those of the process would lead elsewhere.
  const env = { PGHOST: 'nowhere.invalid', PGDATABASE: 'nowhere', PGPASSWORD: 'wrong', PGPORT: '1' };
  const ran = await runScript(script, { env: { ...env, VARIABLES: JSON.stringify(variables) } });
  expect(ran).toMatchObject({ stdout: 'null\n', stderr: '' });
});

/** Tries to connect for three seconds, and at least 500 times, while the environment grows and shrinks. */
const STRESS = `
  import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
  const storage = new PostgresStorageAdapter('postgres://u:p@127.0.0.1:1/d', { maxRetries: 0 });
  let tried = 0;
  const end = performance.now() + 3_000;
  let isOver = false;
  const open = async () => { while (performance.now() < end || tried < 500) { await storage.getUser('x').catch(() => {}); tried += 1; } };
  let count = 0;
  const change = () => {
    for (let at = 0; at < 20; at += 1) process.env['VARIABLE_' + count++] = 'x';
    if (count > 2_000) while (count > 0) delete process.env['VARIABLE_' + --count];
    if (!isOver) setImmediate(change);
  };
  change();
  await Promise.all(Array.from({ length: 8 }, open));
  isOver = true;
  console.log('survived');
  await storage.disconnect();`;

it('the process survives when the application sets variables while connections are opened', async () => {
  for (let round = 0; round < 2; round += 1) {
    const runs = await Promise.all([runScript(STRESS), runScript(STRESS)]);
    for (const run of runs) expect(run).toMatchObject({ signal: null, stdout: 'survived\n' });
  }
});
