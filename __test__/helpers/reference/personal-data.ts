/** `exportUser`, for people of whom there are fewer rows than an export holds. */
import {
  natural,
  optional,
  type Reader,
  type Row,
  readNew,
  readOptions,
  readText,
  required,
  text,
  time,
} from './fields';
import { Faults } from './refusal';
import { newestFirst, type State, type Table, visible } from './state';
import { emailKey } from './users';

const EVENT_PLACE = {
  fields: { timestamp: required(time), id: required(text) },
  ours: ['type', 'orgId', 'data'],
};
const eventPlace: Reader = (value, field, faults) => readNew(value, EVENT_PLACE, field, `${field}.`, faults);
const OPTIONS = { fields: { eventLimit: optional(natural), eventsBefore: optional(eventPlace) }, ours: [] };
const MAX_EVENTS = 10_000;
const DEFAULT_EVENTS = 1_000;

const only = (row: Row, ...fields: string[]): Row =>
  Object.fromEntries(Object.entries(visible(row)).filter(([name]) => fields.includes(name)));

export function personalData(state: State, { getUser }: { getUser(id: string): Promise<Row | null> }) {
  const owned = (rows: Table, isOwn: (row: Row) => boolean, by?: string) =>
    newestFirst([...rows.values()].filter(isOwn), by);

  return {
    async exportUser(userId: unknown, options?: unknown) {
      const faults = new Faults();
      const id = readText(userId, 'id', faults);
      const { eventLimit = DEFAULT_EVENTS, eventsBefore } = readOptions(options, OPTIONS, faults);
      if ((eventLimit as number) > MAX_EVENTS) faults.invalid('eventLimit');
      if (eventsBefore !== undefined) faults.invalid('eventsBefore.id');
      faults.settle();

      const user = await getUser(id);
      const isOwn = (row: Row) => row.userId === id;
      const email = user?.email as string | undefined;
      const isOwnToken = (token: Row) =>
        isOwn(token) ||
        (token.userId === undefined && email !== undefined && emailKey(token.email as string) === emailKey(email));
      const orgs = [...state.organizations.values()].sort((a, b) =>
        Buffer.compare(Buffer.from(a.id as string), Buffer.from(b.id as string)),
      );
      const events = newestFirst(
        state.events
          .map((event, at) => ({ ...event, id: String(at).padStart(9, '0') }) as Row)
          .filter(({ principalId }) => principalId === id),
        'timestamp',
      );
      const found = {
        sessions: owned(state.sessions, isOwn).map((session) => visible(session, 'id', 'userId')),
        apiKeys: owned(state.apiKeys, (key) => key.principalKind === 'user' && key.principalId === id).map((key) =>
          visible(key, 'principalId', 'principalKind', 'hash'),
        ),
        organizations: orgs.flatMap(({ id: orgId, name, members }) =>
          (members as Row[]).filter(isOwn).map(({ role, joinedAt }) => visible({ orgId, name, role, joinedAt })),
        ),
        roles: newestFirst(state.assignments.filter(isOwn), 'assignedAt', 'roleId').map(
          ({ roleId, orgId, assignedAt }) =>
            visible({ roleId, orgId, name: state.roles.get(roleId as string)?.name, assignedAt }),
        ),
        emailVerificationTokens: owned(state.tokens, isOwnToken).map((token) => ({
          ...visible(token, 'id', 'userId', 'code', 'codeHash'),
          attempts: state.attempts.get(token.id as string) ?? 0,
        })),
        ssoLinks: owned(state.links, isOwn, 'linkedAt').map((link) => visible(link)),
        ssoSessions: owned(state.ssoSessions, isOwn, 'linkedAt').map((session) =>
          visible(session, 'id', 'userId', 'sessionToken'),
        ),
        twoFactorDevices: owned(state.devices, isOwn).map((device) =>
          only(device, 'id', 'method', 'name', 'verified', 'phoneNumber', 'lastUsedAt', 'createdAt', 'updatedAt'),
        ),
        backupCodes: owned(state.backupCodes, isOwn).map((code) => only(code, 'id', 'used', 'usedAt', 'createdAt')),
        twoFactorSessions: owned(state.twoFactorSessions, isOwn).map((session) =>
          visible(session, 'id', 'userId', 'sessionId', 'verificationCode'),
        ),
        events: events.slice(0, eventLimit as number).map((event, at) => ({
          ...visible(event, 'principalId'),
          id: state.sources.cursor(['events', at, 'id']),
        })),
        incomplete: events.length > (eventLimit as number) ? ['events'] : [],
      };
      const hasPassword = state.passwordHashes.has(id);
      const isKnown = user !== null || hasPassword || Object.values(found).some(({ length }) => length > 0);
      return isKnown ? { ...(user !== null && { user }), hasPassword, ...found } : null;
    },
  };
}
