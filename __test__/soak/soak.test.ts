/** No write is lost or doubled and no memory is kept, however long it runs and whatever breaks. SOAK_MINUTES sets how long. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Load, newMark } from '../faults/helpers/load';
import { usage } from '../faults/helpers/memory';
import { useOwnServer } from '../faults/helpers/own-server';
import { checkPool } from '../faults/helpers/scenario';
import { Witness } from '../faults/helpers/witness';
import { until } from '../helpers/failing';
import { TcpProxy } from '../helpers/proxy';
import { type Mishap, mishapsOf } from './mishaps';

const MINUTES = Number(process.env.SOAK_MINUTES ?? 3);
const RESULTS = join(__dirname, '..', '..', 'target', 'soak');
const CALLERS = 64;
const MAX = 4;

interface Sample {
  seconds: number;
  callsPerSecond: number;
  failuresPerSecond: number;
  rssMb: number;
  heapMb: number;
}

const own = useOwnServer();
const mark = newMark();
const application = 'soak';
const witness = new Witness([mark]);
const samples: Sample[] = [];
const happened: { seconds: number; name: string }[] = [];
let proxy: TcpProxy;

beforeAll(async () => {
  proxy = await TcpProxy.start(own.url);
});
afterAll(() => proxy.close());

it(
  `the adapter loses nothing, doubles nothing and leaks nothing in ${MINUTES} minutes of mishaps`,
  async () => {
    const storage = own.adapter(
      {
        ...{ max: MAX, connectionTimeoutMillis: 2_000, statementTimeoutMs: 1_000, maxRetries: 2 },
        ...{ application_name: application, logger: witness.logger, logLevel: 'debug' },
      },
      proxy.url,
    );
    const load = new Load(storage, witness, mark);
    await load.start(CALLERS, 5);
    await load.progress(500, 60_000);
    const before = usage();
    const end = Date.now() + MINUTES * 60_000;
    await Promise.all([sample(load, end), disturb(mishapsOf(own, proxy, application), end)]);
    expect(await load.progress(200, 60_000)).toBe(true);
    expect(await load.stop(60_000)).toBe(true);

    const differences = await load.verify(own.query);
    await keep(load, differences.length);
    expect(witness.strangers).toEqual([]);
    expect(witness.leaks).toEqual([]);
    expect(differences).toEqual([]);
    await checkPool(storage, () => own.query(BACKENDS, [application]), MAX);
    // The ledgers keep a few bytes for each call; nothing else may remain.
    expect(usage().heapMb - before.heapMb).toBeLessThan(48);
    await storage.disconnect();
    // The last messages of the connections have yet to pass the proxy.
    await until(async () => (await own.query(BACKENDS, [application])).length === 0);
  },
  (MINUTES + 5) * 60_000,
);

const BACKENDS = 'SELECT pid, state FROM pg_stat_activity WHERE application_name = $1';

async function sample(load: Load, end: number): Promise<void> {
  const started = performance.now();
  let last = { at: started, calls: load.calls, successes: load.successes };
  while (Date.now() < end) {
    await sleep(1_000);
    const now = { at: performance.now(), calls: load.calls, successes: load.successes };
    const seconds = (now.at - last.at) / 1_000;
    const succeeded = now.successes - last.successes;
    samples.push({
      seconds: (now.at - started) / 1_000,
      callsPerSecond: succeeded / seconds,
      failuresPerSecond: Math.max(0, now.calls - last.calls - succeeded) / seconds,
      ...usage(),
    });
    last = now;
  }
}

/** Lets one mishap follow the other, each kind as often as the others. */
async function disturb(mishaps: Mishap[], end: number): Promise<void> {
  const started = Date.now();
  let waiting: Mishap[] = [];
  while (Date.now() < end) {
    await sleep(1_500 + Math.random() * 2_000);
    if (waiting.length === 0) waiting = [...mishaps];
    const [mishap] = waiting.splice(Math.floor(Math.random() * waiting.length), 1);
    if (!mishap) continue;
    happened.push({ seconds: (Date.now() - started) / 1_000, name: mishap.name });
    await mishap.happen();
  }
}

async function keep(load: Load, differences: number): Promise<void> {
  await mkdir(RESULTS, { recursive: true });
  const { ledgers, calls, successes } = load;
  const writes = Object.fromEntries(
    Object.entries(ledgers).map(([kind, ledger]) => [
      kind,
      { acknowledged: ledger.count('acknowledged') + ledger.count('deleted'), unknown: ledger.count('unknown') },
    ]),
  );
  const seen = [...witness.seen];
  const result = { minutes: MINUTES, calls, successes, differences, seen, writes, happened, samples };
  await writeFile(join(RESULTS, 'soak.json'), JSON.stringify(result, null, 1));
}
