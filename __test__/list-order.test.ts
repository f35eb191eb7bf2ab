/**
 * Every list has its newest rows first, and one order also where rows have the same time and the server reads them by no
 * index: then only the statement itself says which comes first.
 */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { makeWorld, type World } from './helpers/families';
import {
  apiKeyInput,
  emailTokenInput,
  oidcProviderInput,
  roleInput,
  ssoLinkInput,
  totpDeviceInput,
  unique,
} from './helpers/fixtures';
import { ids, tie } from './helpers/order';

const db = useDatabase();
const ROWS = 8;
/** A sort that leaves rows of equal rank as they lie in the table. */
const WITHOUT_INDEXES = [
  'enable_seqscan=on',
  'enable_indexscan=off',
  'enable_indexonlyscan=off',
  'enable_bitmapscan=off',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

let world: World;
let withoutIndexes: PostgresStorageAdapter;

beforeAll(async () => {
  world = await makeWorld(db.storage);
  withoutIndexes = db.adapter({ options: WITHOUT_INDEXES });
});

type Rows = { id: string }[];

interface List {
  name: string;
  table: string;
  column?: string;
  /** Makes one row of the list, and the list itself. */
  prepare(): Promise<{ create(): Promise<{ id: string }>; list(storage: PostgresStorageAdapter): Promise<Rows> }>;
}

const newUser = async () => (await db.storage.createUser({})).id;

const LISTS: List[] = [
  {
    name: 'getEmailVerificationTokens',
    table: 'email_verification_tokens',
    async prepare() {
      const email = `${unique('order')}@example.com`;
      return {
        create: () => db.storage.createEmailVerificationToken(emailTokenInput({ email })),
        list: (storage) => storage.getEmailVerificationTokens(email),
      };
    },
  },
  {
    name: 'getEmailVerificationTokens of a type',
    table: 'email_verification_tokens',
    async prepare() {
      const email = `${unique('order')}@example.com`;
      return {
        create: () => db.storage.createEmailVerificationToken(emailTokenInput({ email })),
        list: (storage) => storage.getEmailVerificationTokens(email, 'verify_email'),
      };
    },
  },
  {
    name: 'listApiKeys',
    table: 'api_keys',
    async prepare() {
      const userId = await newUser();
      return {
        create: () => db.storage.createApiKey(apiKeyInput(userId)),
        list: (storage) => storage.listApiKeys(userId),
      };
    },
  },
  {
    name: 'getApiKeysByPrefixAndLastFour',
    table: 'api_keys',
    async prepare() {
      const prefix = unique('order');
      return {
        create: () => db.storage.createApiKey(apiKeyInput(world.userId, { prefix })),
        list: (storage) => storage.getApiKeysByPrefixAndLastFour(prefix, 'abcd'),
      };
    },
  },
  {
    name: 'listRoles',
    table: 'roles',
    async prepare() {
      const { id: orgId } = await db.storage.createOrganization({ name: 'o', plan: 'p', seats: 1 });
      return {
        create: () => db.storage.createRole(roleInput(orgId)),
        list: (storage) => storage.listRoles(orgId),
      };
    },
  },
  {
    name: 'listSSOProviders',
    table: 'sso_providers',
    async prepare() {
      await db.query('DELETE FROM sso_providers WHERE id <> $1', [world.providerId]);
      await db.query(`UPDATE sso_providers SET created_at = '2000-01-01T00:00:00Z'`);
      return {
        create: () => db.storage.createSSOProvider(oidcProviderInput()),
        list: async (storage) => (await storage.listSSOProviders()).slice(0, ROWS),
      };
    },
  },
  {
    name: 'listSSOProviders of an organization',
    table: 'sso_providers',
    async prepare() {
      await db.query('DELETE FROM sso_providers WHERE id <> $1', [world.providerId]);
      await db.query(`UPDATE sso_providers SET created_at = '2000-01-01T00:00:00Z'`);
      const { id: orgId } = await db.storage.createOrganization({ name: 'o', plan: 'p', seats: 1 });
      let isGlobal = false;
      return {
        create: () => {
          isGlobal = !isGlobal;
          return db.storage.createSSOProvider(oidcProviderInput(isGlobal ? {} : { orgId }));
        },
        list: async (storage) => (await storage.listSSOProviders(orgId)).slice(0, ROWS),
      };
    },
  },
  {
    name: 'getUserSSOLinks',
    table: 'sso_links',
    column: 'linked_at',
    async prepare() {
      const userId = await newUser();
      return {
        create: () => db.storage.createSSOLink(ssoLinkInput(userId, world.providerId)),
        list: (storage) => storage.getUserSSOLinks(userId),
      };
    },
  },
  {
    name: 'listTwoFactorDevices',
    table: 'twofa_devices',
    async prepare() {
      const userId = await newUser();
      return {
        create: () => db.storage.createTwoFactorDevice(totpDeviceInput(userId)),
        list: (storage) => storage.listTwoFactorDevices(userId),
      };
    },
  },
  {
    name: 'getBackupCodes',
    table: 'twofa_backup_codes',
    async prepare() {
      const userId = await newUser();
      return {
        // As rows of 3.x are, which have no position.
        create: async () => {
          const id = unique();
          await db.query('INSERT INTO twofa_backup_codes (id, user_id, code) VALUES ($1, $2, $1)', [id, userId]);
          return { id };
        },
        list: (storage) => storage.getBackupCodes(userId),
      };
    },
  },
];

it.each(LISTS)('$name has the greatest id first among rows of one time', async ({ table, column, prepare }) => {
  const { create, list } = await prepare();
  const rows: Rows = [];
  for (let row = 0; row < ROWS; row += 1) rows.push(await create());
  const order = await tie(db, table, rows, column);
  // They lie in the table in the opposite order.
  for (const id of [...order].reverse()) await db.query(`UPDATE ${table} SET id = id WHERE id = $1`, [id]);
  expect(ids(await list(withoutIndexes))).toEqual(order);
  expect(ids(await list(db.storage))).toEqual(order);
});

it.each(LISTS)(
  '$name has the newest first, whatever the ids are',
  async ({ table, column = 'created_at', prepare }) => {
    const { create, list } = await prepare();
    const rows: Rows = [];
    for (let row = 0; row < ROWS; row += 1) rows.push(await create());
    // The smallest id is the newest, so that an order by id would be the opposite one.
    const order = ids(rows).sort();
    for (const [minutes, id] of order.entries()) {
      await db.query(
        `UPDATE ${table} SET ${column} = timestamptz '2020-01-01T00:00:00Z' - $1 * interval '1 minute' WHERE id = $2`,
        [minutes, id],
      );
    }
    expect(ids(await list(withoutIndexes))).toEqual(order);
    expect(ids(await list(db.storage))).toEqual(order);
  },
);

describe.each([1, 64])('getUserRoles, %i calls at once,', (callers) => {
  let userId: string;
  let sorted: string[];

  beforeAll(async () => {
    userId = await newUser();
    const roles: Rows = [];
    for (let row = 0; row < ROWS; row += 1) roles.push(await db.storage.createRole(roleInput(world.orgId)));
    sorted = ids(roles).sort();
    for (const id of sorted) await db.storage.assignRoleToUser(userId, id, world.orgId);
  });

  async function expectEveryList(expected: string[]): Promise<void> {
    for (const storage of [withoutIndexes, db.storage]) {
      const lists = await Promise.all(Array.from({ length: callers }, () => storage.getUserRoles(userId, world.orgId)));
      for (const list of lists) expect(ids(list)).toEqual(expected);
    }
  }

  it('has the greatest id first among roles of one time', async () => {
    await db.query(`UPDATE user_roles SET assigned_at = '2020-01-01T00:00:00Z' WHERE user_id = $1`, [userId]);
    await expectEveryList([...sorted].reverse());
  });

  it('has the role that was assigned last first, whatever the ids and the times of creation are', async () => {
    for (const [minutes, id] of sorted.entries()) {
      await db.query(
        `UPDATE user_roles SET assigned_at = timestamptz '2020-01-01T00:00:00Z' - $1 * interval '1 minute'
          WHERE user_id = $2 AND role_id = $3`,
        [minutes, userId, id],
      );
    }
    await expectEveryList(sorted);
  });
});
