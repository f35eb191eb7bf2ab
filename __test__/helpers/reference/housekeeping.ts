import { oneOf, type Row, readNew, readText, required } from './fields';
import { plainOf } from './plain';
import { Faults } from './refusal';
import { isExpired, type State } from './state';
import { emailKey } from './users';

const DAY = 86_400_000;
const KINDS = ['emailVerificationTokens', 'twoFactorSessions', 'ssoSessions', 'apiKeys', 'backupCodes', 'sessions'];

export function housekeeping(state: State) {
  /** The rows of a kind, and whether one is over. `olderThan` takes the place of the time for which it is kept. */
  const kindOf = (kind: string, olderThan: Date | undefined): [Map<string, Row>, (row: Row) => boolean] => {
    const isPast = (at: unknown, kept: number) =>
      at !== undefined && (at as Date).getTime() <= Math.min(Date.now(), olderThan?.getTime() ?? Date.now() - kept);
    const isOver = ({ expiresAt }: Row) => isPast(expiresAt, 0);
    switch (kind) {
      case 'emailVerificationTokens':
        return [state.tokens, (token) => isOver(token) || isPast(token.usedAt, DAY)];
      case 'twoFactorSessions':
        return [state.twoFactorSessions, isOver];
      case 'ssoSessions':
        return [state.ssoSessions, isOver];
      case 'apiKeys':
        return [state.apiKeys, ({ expiresAt }) => isPast(expiresAt, 30 * DAY)];
      case 'backupCodes':
        return [state.backupCodes, ({ used, usedAt }) => used === true && isPast(usedAt, 30 * DAY)];
      default:
        return [state.sessions, (session) => isExpired(session) && isOver(session)];
    }
  };

  return {
    /** So few events are counted exactly. */
    async countRecords() {
      const expiredSessions = [...state.sessions.values()].filter(isExpired).length;
      return {
        users: state.users.size,
        organizations: state.organizations.size,
        liveSessions: state.sessions.size - expiredSessions,
        expiredSessions,
        apiKeys: state.apiKeys.size,
        estimatedEvents: state.events.length,
      };
    },

    /** Of the options, those that say which rows are meant. */
    async sweep(options?: { kinds?: string[]; olderThan?: Date; dryRun?: boolean }) {
      const swept: Record<string, number> = {};
      for (const kind of KINDS.filter((each) => options?.kinds?.includes(each) ?? true)) {
        const [rows, isOver] = kindOf(kind, options?.olderThan);
        swept[kind] = options?.dryRun ? [...rows.values()].filter(isOver).length : state.deleteWhere(rows, isOver);
      }
      return swept;
    },

    async eraseUser(id: unknown, options: unknown) {
      const faults = new Faults();
      const userId = readText(id, 'id', faults);
      const shape = { fields: { events: required(oneOf('keep', 'pseudonymise', 'delete')) }, ours: [] };
      const { events } = readNew(plainOf(options, 'options', faults), shape, 'options', '', faults);
      faults.settle();
      const email = state.users.get(userId)?.email as string | undefined;
      await state.deleteUser(userId);
      state.deleteWhere(
        state.tokens,
        (token) =>
          token.userId === undefined && email !== undefined && emailKey(token.email as string) === emailKey(email),
      );
      if (events === 'delete') state.events = state.events.filter(({ principalId }) => principalId !== userId);
    },
  };
}
