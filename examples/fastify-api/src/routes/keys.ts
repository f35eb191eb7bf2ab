/** The keys of whoever sends the request: of a user, or of an organization. */
import type { ApiKeyContext, ApiKeyRecord, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { requireRole } from '../membership.ts';
import { SCOPES, type Scope } from '../scopes.ts';

const DAY = 86_400_000;

const NEW_KEY = {
  type: 'object',
  required: ['name', 'scopes'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 100 },
    scopes: { type: 'array', uniqueItems: true, items: { enum: SCOPES } },
    expiresInDays: { type: 'integer', minimum: 1, maximum: 366 },
  },
} as const;

const ROTATION = {
  type: 'object',
  additionalProperties: false,
  properties: { keepOldForSeconds: { type: 'string', pattern: '^[0-9]{1,5}$' } },
} as const;

interface NewKey {
  name: string;
  scopes: Scope[];
  expiresInDays?: number;
}

/** The hash stays here. */
function shown({ id, prefix, lastFour, scopes, metadata, createdAt, expiresAt }: ApiKeyRecord) {
  return { id, name: metadata.name, starts: `${prefix}_`, ends: lastFour, scopes, createdAt, expiresAt };
}

export function keyRoutes(app: FastifyInstance, storage: PostgresStorageAdapter): void {
  app.get('/me', { config: { scope: null } }, async ({ caller }) => ({
    key: shown(caller.apiKey),
    ...(caller.user && { user: { id: caller.user.id, email: caller.user.email, name: caller.user.name } }),
    ...(caller.organization && { organization: { id: caller.organization.id, name: caller.organization.name } }),
  }));

  app.get('/keys', { config: { scope: 'keys:read' } }, async ({ caller, untilClientLeaves: signal }) => {
    const keys = await storage.listApiKeys(caller.apiKey.principalId, { signal });
    return { items: keys.map(shown) };
  });

  app.post<{ Body: NewKey }>(
    '/keys',
    { config: { scope: 'keys:write' }, schema: { body: NEW_KEY } },
    async ({ caller, body, untilClientLeaves: signal }, reply) => {
      const made = await makeKey(caller, caller.apiKey.principalId, body, signal);
      return reply.code(201).send(made);
    },
  );

  app.post<{ Params: { orgId: string }; Body: NewKey }>(
    '/organizations/:orgId/keys',
    { config: { scope: 'keys:write' }, schema: { body: NEW_KEY } },
    async (request, reply) => {
      const { orgId } = request.params;
      await requireRole(storage, request, orgId, 'owner', 'keys:write');
      const made = await makeKey(request.caller, orgId, request.body, request.untilClientLeaves);
      return reply.code(201).send(made);
    },
  );

  app.post<{ Params: { id: string }; Querystring: { keepOldForSeconds?: string } }>(
    '/keys/:id/rotate',
    { config: { scope: 'keys:write' }, schema: { querystring: ROTATION } },
    async ({ caller, params, query, untilClientLeaves: signal }) => {
      mustCover(caller, (await ownKey(caller, params.id, signal)).scopes);
      // Without a time for both, of many requests at once one gets the new key. The others learn that it has been replaced.
      const seconds = Number(query.keepOldForSeconds ?? 0);
      const expiresOldKeysAt = seconds > 0 ? new Date(Date.now() + seconds * 1_000) : null;
      const { key, record } = await storage.rotateApiKey(params.id, { expiresOldKeysAt, signal });
      await storage.emitEvent(eventOf(caller, 'api_key.rotated', record), { signal });
      return { key, ...shown(record) };
    },
  );

  app.delete<{ Params: { id: string } }>(
    '/keys/:id',
    { config: { scope: 'keys:write' } },
    async ({ caller, params, untilClientLeaves: signal }, reply) => {
      const key = await ownKey(caller, params.id, signal);
      await storage.deleteApiKey(key.id, { signal });
      await storage.emitEvent(eventOf(caller, 'api_key.revoked', key), { signal });
      return reply.code(204).send();
    },
  );

  /** The key, its name and the event are there together, or not at all. */
  function makeKey(caller: ApiKeyContext, principalId: string, wanted: NewKey, signal: AbortSignal) {
    const { name, scopes, expiresInDays } = wanted;
    mustCover(caller, scopes);
    const expiresAt = expiresInDays === undefined ? null : new Date(Date.now() + expiresInDays * DAY);
    return storage.transaction(
      async (tx) => {
        const { key, record } = await tx.createApiKeyWithSecret(principalId, scopes, 'example');
        const named = await tx.updateApiKey(record.id, { metadata: { name }, expiresAt });
        await tx.emitEvent(eventOf(caller, 'api_key.created', named));
        return { key, ...shown(named) };
      },
      { signal },
    );
  }

  /** The keys of others do not exist. */
  async function ownKey({ apiKey }: ApiKeyContext, id: string, signal: AbortSignal) {
    const key = await storage.getApiKey(id, { signal });
    if (key?.principalId !== apiKey.principalId) throw new HttpError(404, 'not_found', 'There is no such key.');
    return key;
  }
}

/** Nobody gets a key that may do more than their own. */
function mustCover({ apiKey }: ApiKeyContext, scopes: string[]): void {
  const missing = scopes.find((scope) => !apiKey.scopes.includes(scope));
  if (missing) throw new HttpError(403, 'scope_missing', `Your own key does not allow ${missing}.`, 'scopes');
}

function eventOf({ apiKey }: ApiKeyContext, type: string, key: ApiKeyRecord) {
  return { type, principalId: apiKey.principalId, data: { keyId: key.id, by: apiKey.id }, timestamp: new Date() };
}
