/** Every method under faults of the connection, with marked secrets: none of them is in an error or in the log. */
import { asSuperuser, useDatabase } from '../helpers/database';
import { argumentsOf, call, makeScene } from '../helpers/every-method';
import { unique } from '../helpers/fixtures';
import { Relay } from '../helpers/relay';
import { newMark } from './helpers/load';
import { Witness } from './helpers/witness';

const db = useDatabase();
const mark = newMark();
const witness = new Witness([mark, new URL(db.url).password]);
let relay: Relay;

beforeAll(async () => {
  relay = await Relay.start(db.url);
});
afterAll(() => relay.close());

/** Calls every method with marked values while something is broken, and returns how many calls failed. */
async function callEverything(breakIt: () => unknown): Promise<number> {
  await relay.heal();
  const scene = await makeScene(db.storage, (what) => unique(`${what}-${mark}`));
  const storage = db.adapter(
    {
      ...{ max: 3, connectionTimeoutMillis: 1_500, statementTimeoutMs: 300, maxRetries: 1 },
      ...{ logger: witness.logger, logLevel: 'debug' },
    },
    relay.url,
  );
  await breakIt();
  const calls = Object.entries(argumentsOf(scene)).map(([method, args]) => call(storage, method, args));
  const outcomes = await Promise.allSettled([...calls, storage.connect(), storage.healthCheck()]);
  const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  for (const error of errors) witness.rejected(error, 'write');
  relay.onMessage();
  await relay.heal();
  await storage.disconnect();
  return errors.length;
}

afterEach(() => {
  expect(witness.strangers).toEqual([]);
  expect(witness.leaks).toEqual([]);
  expect(witness.lines).toBeGreaterThan(0);
});

it.each<[string, () => unknown]>([
  ['the port is closed', () => relay.close()],
  [
    'connections are reset',
    () => {
      relay.refuse();
      relay.cut();
    },
  ],
  [
    'connections are never answered',
    () => {
      relay.silence();
      relay.cut();
    },
  ],
  ['the network stands still', () => relay.hold()],
  ['connections are half-open', () => relay.halfOpen()],
  ['connections break after 500 bytes to the server', () => relay.cutAfter(500, 'up')],
  ['connections break after 500 bytes from the server', () => relay.cutAfter(500, 'down')],
  ['every 300th byte from the server is corrupted', () => relay.corruptEvery(300, 'down')],
  ['every 300th byte from the adapter is corrupted', () => relay.corruptEvery(300, 'up')],
])('no secret is revealed while %s', async (_, breakIt) => {
  expect(await callEverything(breakIt)).toBeGreaterThan(0);
});

it.each(['P', 'B', 'E', 'S', '1', '2', 'T', 't', 'D', 'C', 'Z'])(
  'no secret is revealed by a cut at message %s',
  async (type) => {
    await callEverything(() => relay.onMessage((message) => (message.type === type ? 'cut' : 'pass')));
  },
);

it('no secret is revealed while the database allows no connections', async () => {
  const failed = await callEverything(async () => {
    await asSuperuser((client) => client.query(`ALTER DATABASE ${db.name} ALLOW_CONNECTIONS false`));
    relay.cut();
  });
  await asSuperuser((client) => client.query(`ALTER DATABASE ${db.name} ALLOW_CONNECTIONS true`));
  expect(failed).toBeGreaterThan(0);
});
