import {
  bool,
  defaulted,
  key,
  metadata,
  natural,
  newId,
  optional,
  type Row,
  readOptions,
  readText,
  required,
  text,
  texts,
  time,
} from './fields';
import { pageOf } from './pages';
import { type Fault, Faults } from './refusal';
import { insert, isExpired, one, readRecord, type State, update, visible } from './state';

const SESSION = {
  fields: {
    id: newId,
    userId: required(key),
    orgId: optional(key),
    plan: optional(text),
    entitlements: defaulted(texts, []),
    expiresAt: required(time),
    metadata: metadata(),
  },
  ours: ['createdAt', 'updatedAt'],
};

export function sessions(state: State) {
  const constraints = ({ userId, orgId }: Row): Fault[] => [
    ...(state.users.has(userId as string) ? [] : [{ code: 'invalid_reference', field: 'userId' } as const]),
    ...(orgId === undefined || state.organizations.has(orgId as string)
      ? []
      : [{ code: 'invalid_reference', field: 'orgId' } as const]),
  ];

  return {
    async createSession(session: unknown) {
      const record = readRecord(session, 'session', SESSION);
      return visible(insert(state, state.sessions, record, constraints(record), ['createdAt', 'updatedAt']));
    },

    async getSession(id: unknown) {
      const session = state.sessions.get(one(id, 'id'));
      return session && !isExpired(session) ? visible(session) : null;
    },

    async listUserSessions(userId: unknown, options?: unknown) {
      return pageOf(state, {
        name: 'listUserSessions',
        owner: ['userId', userId],
        filters: { includeExpired: defaulted(bool, false) },
        options,
        rows: ({ includeExpired }, owner) =>
          [...state.sessions.values()].filter(
            (session) => session.userId === owner && (includeExpired === true || !isExpired(session)),
          ),
      });
    },

    async updateSession(id: unknown, patch: unknown, options?: unknown) {
      const rows = new Map([...state.sessions].filter(([, session]) => !isExpired(session)));
      const updated = update(state, rows, [id, patch, options], SESSION, constraints);
      state.sessions.set(id as string, updated);
      return visible(updated);
    },

    async deleteSession(id: unknown) {
      state.sessions.delete(one(id, 'id'));
    },

    async deleteUserSessions(userId: unknown, options?: unknown) {
      const faults = new Faults();
      const owner = readText(userId, 'userId', faults);
      const { except } = readOptions(options, { fields: { except: optional(text) }, ours: [] }, faults);
      faults.settle();
      return state.deleteWhere(state.sessions, (session) => session.userId === owner && session.id !== except);
    },

    async deleteExpiredSessions(options?: unknown) {
      const faults = new Faults();
      const { limit } = readOptions(options, { fields: { limit: optional(natural) }, ours: [] }, faults);
      faults.settle();
      let left = (limit as number | undefined) ?? Number.POSITIVE_INFINITY;
      return state.deleteWhere(state.sessions, (session) => isExpired(session) && left-- > 0);
    },
  };
}
