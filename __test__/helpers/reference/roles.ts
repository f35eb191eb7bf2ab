import {
  bool,
  defaulted,
  key,
  metadata,
  newId,
  object,
  optional,
  type Row,
  readKey,
  readText,
  records,
  required,
  text,
} from './fields';
import { type Fault, Faults, Refusal } from './refusal';
import { insert, merge, newestFirst, one, readRecord, type State, update, visible } from './state';

const PERMISSION = {
  fields: {
    id: newId,
    name: required(text),
    description: optional(text),
    resource: required(text),
    action: required(text),
    metadata: optional(object),
  },
  ours: [],
};

const ROLE = {
  fields: {
    id: newId,
    orgId: required(key),
    name: required(text),
    description: optional(text),
    permissions: defaulted(records(PERMISSION), []),
    isSystem: defaulted(bool, false),
    metadata: metadata(),
  },
  ours: ['createdAt', 'updatedAt'],
};

export function roles(state: State) {
  const orgFaults = ({ orgId }: Row): Fault[] =>
    state.organizations.has(orgId as string) ? [] : [{ code: 'invalid_reference', field: 'orgId' }];
  /** A role that somebody has stays in its organization. */
  const moveFaults = ({ id, orgId }: Row): Fault[] =>
    state.assignments.some((assigned) => assigned.roleId === id && assigned.orgId !== orgId)
      ? [{ code: 'invalid_reference', field: 'orgId' }]
      : [];
  /** Permissions without an id get one. */
  const complete = (role: Row) => {
    role.permissions = (role.permissions as Row[]).map((permission, at) =>
      merge(permission, { id: permission.id ?? state.sources.id(['permissions', at, 'id']) }),
    );
  };

  return {
    async createRole(role: unknown) {
      const record = readRecord(role, 'role', ROLE);
      const faults = orgFaults(record);
      if (state.roles.has(record.id as string)) faults.push({ code: 'conflict', field: 'id' });
      if (faults.length > 0) throw new Refusal(faults);
      complete(record);
      return visible(insert(state, state.roles, record, [], ['createdAt', 'updatedAt']));
    },

    async getRole(id: unknown) {
      const role = state.roles.get(one(id, 'id'));
      return role ? visible(role) : null;
    },

    async updateRole(id: unknown, patch: unknown, options?: unknown) {
      const constraints = (role: Row) => {
        const faults = [...orgFaults(role), ...moveFaults(role)];
        if (faults.length === 0) complete(role);
        return faults;
      };
      return visible(update(state, state.roles, [id, patch, options], ROLE, constraints));
    },

    async deleteRole(id: unknown) {
      const gone = one(id, 'id');
      state.deleteWhere(state.roles, (role) => role.id === gone);
    },

    async listRoles(orgId: unknown) {
      const org = one(orgId, 'orgId');
      return newestFirst([...state.roles.values()].filter((role) => role.orgId === org)).map((role) => visible(role));
    },

    async assignRoleToUser(userId: unknown, roleId: unknown, orgId: unknown) {
      const faults = new Faults();
      const user = readKey(userId, 'userId', faults);
      const id = readKey(roleId, 'roleId', faults);
      const org = readKey(orgId, 'orgId', faults);
      faults.settle();
      const role = state.roles.get(id);
      if (!state.users.has(user)) faults.add('invalid_reference', 'userId');
      if (role?.orgId !== org) faults.add('invalid_reference', 'roleId');
      if (!state.organizations.has(org)) faults.add('invalid_reference', 'orgId');
      faults.settle();
      const key = { userId: user, roleId: id, orgId: org };
      if (!state.assignments.some((assigned) => isSame(assigned, key))) {
        const assignedAt = await state.sources.storedTime('user_roles', 'assigned_at', key);
        state.assignments.push({ ...key, assignedAt });
      }
      return visible(role as Row);
    },

    async revokeRoleFromUser(userId: unknown, roleId: unknown, orgId: unknown) {
      const faults = new Faults();
      const key = {
        userId: readText(userId, 'userId', faults),
        roleId: readText(roleId, 'roleId', faults),
        orgId: readText(orgId, 'orgId', faults),
      };
      faults.settle();
      state.assignments = state.assignments.filter((assigned) => !isSame(assigned, key));
    },

    async getUserRoles(userId: unknown, orgId: unknown) {
      const faults = new Faults();
      const user = readText(userId, 'userId', faults);
      const org = readText(orgId, 'orgId', faults);
      faults.settle();
      const assigned = state.assignments.filter((each) => each.userId === user && each.orgId === org);
      return newestFirst(assigned, 'assignedAt', 'roleId').map(({ roleId }) =>
        visible(state.roles.get(roleId as string) as Row),
      );
    },
  };
}

function isSame(a: Row, b: Row): boolean {
  return a.userId === b.userId && a.roleId === b.roleId && a.orgId === b.orgId;
}
