/** Random sequences of calls, made to adapters and to the reference, side by side. */
import fc from 'fast-check';
import type { TestDatabase } from '../helpers/database';
import { type Adapters, everything, Model } from './call';
import { apiKeys, organizations } from './calls/api-keys';
import { housekeeping } from './calls/housekeeping';
import { emailTokens, events, roles } from './calls/roles';
import { sso, tenants } from './calls/sso';
import { backupCodes, twoFactor } from './calls/two-factor';
import { sessions, users } from './calls/users';
import { checkEverything, RESET } from './state';
import { transactionOf } from './transaction';

const ALL = {
  users: [...users, ...sessions],
  keys: [...apiKeys, ...organizations, ...users.slice(0, 1)],
  roles: [...roles, ...organizations.slice(0, 1)],
  tokens: [...emailTokens, ...events],
  sso: [...sso, ...tenants],
  'two-factor': [...twoFactor, ...backupCodes],
};

/** Each family by itself, which gets deep, and all of them, with what deletes of one do to the others. */
export const GROUPS = {
  ...ALL,
  housekeeping: [...housekeeping, ...sessions, ...emailTokens, ...events, ...twoFactor, ...backupCodes, ...users],
  everything: [...Object.values(ALL).flat(), ...housekeeping],
};

type Group = (typeof GROUPS)[keyof typeof GROUPS];

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
  await call('createTwoFactorDevice', { id: 'a', userId: 'a', method: 'totp', secret: 'BASE32' });
  await call('createSSOProvider', OIDC_PROVIDER);
}

/** Fails with the shortest sequence found after which the adapters and the reference differ. */
export async function compareSequences(
  db: TestDatabase,
  adapters: Adapters,
  calls: Group,
  parameters: fc.Parameters<unknown>,
): Promise<void> {
  // One command in six is a transaction.
  const parts = Array.from({ length: Math.ceil(calls.length / 5) }, () => transactionOf(calls));
  const commands = fc.commands([...calls, ...parts, everything], { maxCommands: 40, size: 'medium' });
  const property = fc.asyncProperty(commands, async (sequence) => {
    await db.query(RESET);
    const model = new Model(adapters, db.query);
    await populate(model);
    await fc.asyncModelRun(() => ({ model, real: adapters }), sequence);
    await checkEverything(model);
  });
  await fc.assert(property, parameters as never);
}
