import { defaulted, key, metadata, natural, newId, oneOf, type Row, records, required, text, time } from './fields';
import { pageOf } from './pages';
import type { Fault } from './refusal';
import { insert, one, readRecord, type State, update, visible } from './state';

const MEMBER = {
  fields: { userId: required(key), role: required(oneOf('owner', 'admin', 'member')), joinedAt: required(time) },
  ours: [],
};

const ORGANIZATION = {
  fields: {
    id: newId,
    name: required(text),
    plan: required(text),
    seats: required(natural),
    members: defaulted(records(MEMBER), []),
    metadata: metadata(),
  },
  ours: ['createdAt', 'updatedAt'],
};

export function organizations(state: State) {
  /** What a list of members, and a number of seats beside it, may not be. */
  const memberFaults = ({ members, seats }: Row, field = 'members'): Fault[] => {
    const ids = ((members ?? []) as Row[]).map(({ userId }) => userId as string);
    const faults: Fault[] = [];
    if (new Set(ids).size < ids.length) faults.push({ code: 'invalid_input', field: 'members' });
    if (ids.length > ((seats as number | undefined) ?? ids.length)) faults.push({ code: 'invalid_input', field });
    return faults;
  };
  const constraints = (organization: Row, changes: Row): Fault[] => {
    // Of the two, the one that changes is at fault.
    const faults = memberFaults(organization, changes.members === undefined ? 'seats' : 'members');
    const isUser = ({ userId }: Row) => state.users.has(userId as string);
    if (!(organization.members as Row[]).every(isUser)) faults.push({ code: 'invalid_reference', field: 'members' });
    return faults;
  };

  return {
    async createOrganization(organization: unknown) {
      const record = readRecord(organization, 'organization', ORGANIZATION);
      const faults = constraints(record, record);
      return visible(insert(state, state.organizations, record, faults, ['createdAt', 'updatedAt']));
    },

    async getOrganization(id: unknown) {
      const organization = state.organizations.get(one(id, 'id'));
      return organization ? visible(organization) : null;
    },

    async listOrganizations(options?: unknown) {
      const rows = () => [...state.organizations.values()];
      return pageOf(state, { name: 'listOrganizations', options, rows });
    },

    async listUserOrganizations(userId: unknown, options?: unknown) {
      const isMember = (owner: string) => (organization: Row) =>
        (organization.members as Row[]).some((member) => member.userId === owner);
      return pageOf(state, {
        name: 'listUserOrganizations',
        owner: ['userId', userId],
        options,
        rows: (_, owner) => [...state.organizations.values()].filter(isMember(owner)),
      });
    },

    async updateOrganization(id: unknown, patch: unknown) {
      return visible(update(state, state.organizations, [id, patch], ORGANIZATION, constraints, memberFaults));
    },

    async deleteOrganization(id: unknown) {
      await state.deleteOrganization(one(id, 'id'));
    },
  };
}
