import { optional, readOptions, readText, text, time } from './fields';
import { Faults } from './refusal';
import { isExpired, type State, visible } from './state';

type Lookup = (...keys: unknown[]) => Promise<unknown>;

/** The methods of the other tables from which a context is put together. */
interface Parts {
  getUser: Lookup;
  getOrganization: Lookup;
  getUserRoles: Lookup;
  verifyApiKeySecret: Lookup;
}

const OPTIONS = { fields: { orgId: optional(text), extendTo: optional(time) }, ours: [] };

export function contexts(state: State, parts: Parts) {
  const isMember = (orgId: string, userId: unknown) =>
    ((state.organizations.get(orgId)?.members ?? []) as { userId: unknown }[]).some((each) => each.userId === userId);

  return {
    async getSessionContext(sessionId: unknown, options?: unknown) {
      const faults = new Faults();
      const id = readText(sessionId, 'sessionId', faults);
      const { orgId, extendTo } = readOptions(options, OPTIONS, faults);
      faults.settle();
      const session = state.sessions.get(id);
      if (session === undefined || isExpired(session)) return null;
      if (extendTo !== undefined && (extendTo as Date) > (session.expiresAt as Date)) {
        session.expiresAt = extendTo;
        session.updatedAt = state.sources.time(['session', 'updatedAt']);
      }
      const { userId } = session;
      const org = (orgId ?? session.orgId ?? '') as string;
      const roles = (await parts.getUserRoles(userId, org)) as unknown[];
      const belongs = roles.length > 0 || isMember(org, userId);
      return {
        session: visible(session),
        user: await parts.getUser(userId),
        ...(belongs && { organization: await parts.getOrganization(org) }),
        roles,
      };
    },

    async getApiKeyContext(key: unknown) {
      const apiKey = (await parts.verifyApiKeySecret(key)) as { id: string; principalId: string } | null;
      if (apiKey === null) return null;
      const { principalId } = apiKey;
      return state.apiKeys.get(apiKey.id)?.principalKind === 'user'
        ? { apiKey, user: await parts.getUser(principalId) }
        : { apiKey, organization: await parts.getOrganization(principalId) };
    },
  };
}
