import {
  defaulted,
  key,
  metadata,
  natural,
  newId,
  oneOf,
  optional,
  type Row,
  readNew,
  readText,
  records,
  required,
  text,
  time,
} from './fields';
import { pageOf } from './pages';
import { plainOf } from './plain';
import { type Fault, Faults, refuse } from './refusal';
import { insert, merge, one, readRecord, type State, update, visible } from './state';

const ROLE = oneOf('owner', 'admin', 'member');

const MEMBER = { fields: { userId: required(key), role: required(ROLE), joinedAt: required(time) }, ours: [] };
const NEW_MEMBER = { ...MEMBER, fields: { ...MEMBER.fields, joinedAt: optional(time) } };

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

  const stored = (id: string) => state.organizations.get(id) ?? refuse('not_found');
  const membersOf = (organization: Row) => organization.members as Row[];
  const isLastOwner = (organization: Row, userId: string) => {
    const owners = membersOf(organization).filter(({ role }) => role === 'owner');
    return owners.length === 1 && owners[0]?.userId === userId;
  };
  const setMembers = (organization: Row, members: Row[]) => {
    const updatedAt = state.sources.time(['updatedAt']);
    const changed = merge(organization, { members, updatedAt });
    state.organizations.set(organization.id as string, changed);
    return visible(changed);
  };

  return {
    async addOrganizationMember(orgId: unknown, member: unknown) {
      const faults = new Faults();
      const id = readText(orgId, 'orgId', faults);
      const added = readNew(plainOf(member, 'member', faults), NEW_MEMBER, 'member', '', faults);
      faults.settle();
      const organization = stored(id);
      const members = membersOf(organization);
      if (members.some(({ userId }) => userId === added.userId)) refuse('conflict', 'userId');
      if (members.length >= (organization.seats as number)) refuse('invalid_input', 'members');
      if (!state.users.has(added.userId as string)) refuse('invalid_reference', 'userId');
      added.joinedAt ??= state.sources.time(['members', members.length, 'joinedAt']);
      return setMembers(organization, [...members, added]);
    },

    async setOrganizationMemberRole(orgId: unknown, userId: unknown, role: unknown) {
      const faults = new Faults();
      const id = readText(orgId, 'orgId', faults);
      const user = readText(userId, 'userId', faults);
      ROLE(typeof role === 'string' ? role : null, 'role', faults);
      faults.settle();
      const organization = stored(id);
      const member = membersOf(organization).find((each) => each.userId === user) ?? refuse('not_found');
      if (member.role === role) return visible(organization);
      if (isLastOwner(organization, user)) refuse('invalid_input', 'role');
      const changed = membersOf(organization).map((each) => (each === member ? { ...each, role } : each));
      return setMembers(organization, changed);
    },

    async removeOrganizationMember(orgId: unknown, userId: unknown) {
      const faults = new Faults();
      const id = readText(orgId, 'orgId', faults);
      const user = readText(userId, 'userId', faults);
      faults.settle();
      const organization = stored(id);
      if (isLastOwner(organization, user)) refuse('invalid_input', 'userId');
      const others = membersOf(organization).filter((each) => each.userId !== user);
      if (others.length === membersOf(organization).length) return visible(organization);
      return setMembers(organization, others);
    },

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

    async updateOrganization(id: unknown, patch: unknown, options?: unknown) {
      return visible(update(state, state.organizations, [id, patch, options], ORGANIZATION, constraints, memberFaults));
    },

    async deleteOrganization(id: unknown) {
      await state.deleteOrganization(one(id, 'id'));
    },
  };
}
