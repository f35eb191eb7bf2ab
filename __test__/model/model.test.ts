/**
 * Random calls with random and hostile values, made to an adapter and to the reference, side by side.
 * `npm run test:model -- --runs 20000` makes more of them; `--seed` and `--path` repeat a failure.
 */
import fc from 'fast-check';
import { useDatabase } from '../helpers/database';
import { type Adapters, everything, Model } from './call';
import { apiKeys, organizations } from './calls/api-keys';
import { emailTokens, events, roles } from './calls/roles';
import { sso, tenants } from './calls/sso';
import { backupCodes, twoFactor } from './calls/two-factor';
import { sessions, users } from './calls/users';
import { checkEverything, RESET } from './state';

const RUNS = Number(process.env.MODEL_RUNS ?? 1_000);
const SEED = Number(process.env.MODEL_SEED ?? 20_260_101);
const PATH = process.env.MODEL_PATH;

const ALL = {
  users: [...users, ...sessions],
  keys: [...apiKeys, ...organizations, ...users.slice(0, 1)],
  roles: [...roles, ...organizations.slice(0, 1)],
  tokens: [...emailTokens, ...events],
  sso: [...sso, ...tenants],
  'two-factor': [...twoFactor, ...backupCodes],
};

/** Each family by itself, which gets deep, and all of them, with what deletes of one do to the others. */
const GROUPS = { ...ALL, everything: Object.values(ALL).flat() };

const db = useDatabase();
let adapters: Adapters;

beforeAll(async () => {
  const second = db.adapter();
  await second.connect();
  adapters = [db.storage, second];
});

const OIDC_PROVIDER = {
  id: 'a',
  type: 'oidc',
  name: 'IdP',
  metadata_url: 'https://idp.example.com',
  client_id: 'client',
  client_secret: 'secret',
  redirect_uris: [],
};

/** What calls can refer to from the start. */
async function populate(model: Model): Promise<void> {
  const call = (method: string, ...args: unknown[]) => model.call(method, args);
  await call('createUser', { id: 'a', email: 'ada@example.com' });
  await call('createUser', { id: 'b' });
  await call('createOrganization', { id: 'o', name: 'Org', plan: 'team', seats: 2 });
  await call('createRole', { id: 'a', orgId: 'o', name: 'Role' });
  await call('createTwoFactorDevice', { id: 'a', userId: 'a', method: 'totp' });
  await call('createSSOProvider', OIDC_PROVIDER);
}

async function runCommands(commands: Parameters<typeof fc.asyncModelRun<Model, Adapters, false, Model>>[1]) {
  await db.query(RESET);
  const model = new Model(adapters, db.query);
  await populate(model);
  await fc.asyncModelRun(() => ({ model, real: adapters }), commands);
  await checkEverything(model);
}

const runsOfGroup = Math.ceil(RUNS / Object.keys(GROUPS).length);

it.each(Object.entries(GROUPS))(
  `%s: the adapter answers as the reference does`,
  async (_, calls) => {
    const commands = fc.commands([...calls, everything], { maxCommands: 40, size: 'medium' });
    const property = fc.asyncProperty(commands, runCommands);
    await fc.assert(property, { numRuns: runsOfGroup, seed: SEED, ...(PATH ? { path: PATH } : {}) });
  },
  10_000 + RUNS * 1_000,
);
