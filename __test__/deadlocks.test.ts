/** Calls that lock the same rows in different orders do not end in a deadlock. */
import { useDatabase } from './helpers/database';
import { memberInput, oauthLink, organizationInput, roleInput, sessionInput, userInput } from './helpers/fixtures';
import { race } from './helpers/race';

const db = useDatabase();
const ALLOWED = new Set(['not_found', 'invalid_reference', 'conflict'].map((code) => `auth_postgres/${code}`));

it('deleteUser, updateOrganization, deleteOrganization and calls that refer to both end in no deadlock error', async () => {
  const storage = db.adapter({ max: 12 });
  for (let round = 0; round < 8; round += 1) {
    const users = await Promise.all(Array.from({ length: 6 }, () => storage.createUser(userInput())));
    const members = users.map(({ id }) => memberInput(id));
    const organizations = await Promise.all(
      Array.from({ length: 3 }, () => storage.createOrganization(organizationInput({ seats: 9, members }))),
    );
    const roles = await Promise.all(organizations.map(({ id }) => storage.createRole(roleInput(id))));
    const calls = organizations.flatMap(({ id: orgId }, at) => [
      ...users.map((user) => () => storage.deleteUser(user.id)),
      ...users.map((user) => () => storage.assignRoleToUser(user.id, roles[at]?.id ?? '', orgId)),
      ...users.map((user) => () => storage.createSession(sessionInput(user.id, { orgId }))),
      ...users.map((user) => () => storage.linkOAuthAccount(user.id, 'google', oauthLink('google', { sub: `s${at}` }))),
      () => storage.updateOrganization(orgId, { members: [...members].reverse() }),
      () => storage.updateOrganization(orgId, { members: [] }),
      () => storage.updateOrganization(orgId, { members }),
      () => storage.deleteOrganization(orgId),
    ]);
    calls.sort(() => Math.random() - 0.5);
    const { rejected } = await race(calls.length, calls, (call): Promise<unknown> => call());
    expect(rejected.filter(({ code }) => !ALLOWED.has(code))).toEqual([]);
  }
  await storage.disconnect();
}, 120_000);

it('deleteUser and updateOrganization for one organization’s members end in no deadlock error even without retries', async () => {
  const storage = db.adapter({ max: 12, maxRetries: 0 });
  for (let round = 0; round < 10; round += 1) {
    const users = await Promise.all(Array.from({ length: 8 }, () => storage.createUser(userInput())));
    const all = users.map(({ id }) => memberInput(id));
    const { id } = await storage.createOrganization(organizationInput({ seats: 9, members: all.slice(0, 4) }));
    const { rejected } = await race(16, (at): Promise<unknown> => {
      const user = users[at % 8] as (typeof users)[number];
      return at < 8 ? storage.deleteUser(user.id) : storage.updateOrganization(id, { members: all.slice(0, at - 7) });
    });
    expect(rejected.filter(({ code }) => !ALLOWED.has(code))).toEqual([]);
  }
  await storage.disconnect();
});
