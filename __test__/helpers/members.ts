/** Organizations and their members, for the tests of both. */
import type { OrganizationRecord } from '@kitiumai/auth-postgres';
import type { TestDatabase } from './database';
import { memberInput, organizationInput } from './fixtures';

/** The same for a list of users, which may be filled later. */
export function membersFor(db: TestDatabase, users: string[]) {
  const user = (at: number) => users[at] as string;
  return {
    user,
    owner: (at: number) => memberInput(user(at), { role: 'owner' as const }),

    /** An organization with these members. */
    async create(members: object[], seats = 1_000): Promise<string> {
      return (await db.storage.createOrganization(organizationInput({ seats, members: members as never }))).id;
    },

    /** The members as the column has them and as the triggers keep them, which must be the same. */
    async membersOf(id: string): Promise<OrganizationRecord['members']> {
      const { members } = (await db.storage.getOrganization(id)) as OrganizationRecord;
      const rows = await db.query('SELECT user_id FROM organization_members WHERE org_id = $1', [id]);
      expect(rows.map(({ user_id }) => user_id).sort()).toEqual(members.map(({ userId }) => userId).sort());
      return members;
    },

    roles: (organization: { members: { userId: string; role: string }[] } | null) =>
      Object.fromEntries((organization?.members ?? []).map(({ userId, role }) => [users.indexOf(userId), role])),
  };
}
