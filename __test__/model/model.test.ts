/**
 * Random calls with random and hostile values, made to an adapter and to the reference, side by side.
 * `npm run test:model -- --runs 20000` makes more of them; `--seed` and `--path` repeat a failure.
 */
import { useDatabase } from '../helpers/database';
import type { Adapters } from './call';
import { compareSequences, GROUPS } from './sequences';

const RUNS = Number(process.env.MODEL_RUNS ?? 1_000);
const SEED = Number(process.env.MODEL_SEED ?? 20_260_101);
const PATH = process.env.MODEL_PATH;

const db = useDatabase();
let adapters: Adapters;

beforeAll(async () => {
  const second = db.adapter();
  await second.connect();
  adapters = [db.storage, second];
});

const runsOfGroup = Math.ceil(RUNS / Object.keys(GROUPS).length);

it.each(Object.entries(GROUPS))(
  `%s: the adapter answers as the reference does`,
  (_, calls) =>
    compareSequences(db, adapters, calls, { numRuns: runsOfGroup, seed: SEED, ...(PATH ? { path: PATH } : {}) }),
  10_000 + RUNS * 1_000,
);
