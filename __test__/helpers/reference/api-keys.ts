import { createHash } from 'node:crypto';
import {
  defaulted,
  key,
  listOf,
  metadata,
  newId,
  optional,
  type Row,
  readKey,
  readOptionalText,
  readOptions,
  readText,
  required,
  stringMap,
  stringMapPatch,
  text,
  texts,
  time,
} from './fields';
import { plainOf } from './plain';
import { type Fault, Faults, refuse } from './refusal';
import { insert, isExpired, merge, newestFirst, one, readRecord, type State, update, visible } from './state';

const API_KEY = {
  fields: {
    id: newId,
    principalId: required(key),
    hash: required(key),
    prefix: required(key),
    lastFour: required(key),
    scopes: defaulted(texts, []),
    metadata: metadata(stringMap),
    expiresAt: optional(time),
  },
  ours: ['createdAt', 'updatedAt'],
};

/** What an update takes if it merges the metadata. */
const MERGED_API_KEY = { ...API_KEY, fields: { ...API_KEY.fields, metadata: metadata(stringMapPatch) } };

const show = (row: Row) => visible(row, 'principalKind');

export function apiKeys(state: State) {
  /** What the principal is; a fault unless it is exactly one of the two. */
  const principalKind = (id: unknown): 'user' | 'organization' | undefined => {
    const isUser = state.users.has(id as string);
    const isOrganization = state.organizations.has(id as string);
    if (isUser === isOrganization) return undefined;
    return isUser ? 'user' : 'organization';
  };
  const hashFaults = ({ id, hash }: Row): Fault[] =>
    [...state.apiKeys.values()].some((other) => other.hash === hash && other.id !== id)
      ? [{ code: 'conflict', field: 'hash' }]
      : [];
  const principalFaults = (kind: unknown): Fault[] =>
    kind === undefined ? [{ code: 'invalid_reference', field: 'principalId' }] : [];

  const create = (record: Row) => {
    const kind = principalKind(record.principalId);
    const faults = [...principalFaults(kind), ...hashFaults(record)];
    return insert(state, state.apiKeys, merge(record, { principalKind: kind }), faults, ['createdAt', 'updatedAt']);
  };
  const withSecret = (record: Row) => {
    const secret = `${record.prefix}_${state.sources.secret(['key'])}`;
    const made = merge(record, { hash: sha256(secret), lastFour: secret.slice(-4) });
    return { made, secret };
  };
  const sorted = (isWanted: (row: Row) => boolean) =>
    newestFirst([...state.apiKeys.values()].filter(isWanted)).map(show);

  return {
    async createApiKey(apiKey: unknown) {
      return show(create(readRecord(apiKey, 'apiKey', API_KEY)));
    },

    async getApiKey(id: unknown) {
      const found = state.apiKeys.get(one(id, 'id'));
      return found ? show(found) : null;
    },

    async getApiKeyByHash(hash: unknown) {
      const wanted = one(hash, 'hash');
      return sorted((row) => row.hash === wanted)[0] ?? null;
    },

    async getApiKeysByPrefixAndLastFour(prefix: unknown, lastFour: unknown) {
      const faults = new Faults();
      const wanted = [readText(prefix, 'prefix', faults), readText(lastFour, 'lastFour', faults)];
      faults.settle();
      return sorted((row) => row.prefix === wanted[0] && row.lastFour === wanted[1]);
    },

    async updateApiKey(id: unknown, patch: unknown, options?: unknown) {
      const merges = (options as Row | null | undefined)?.mergeMetadata === true;
      const shape = merges ? MERGED_API_KEY : API_KEY;
      const constraints = (row: Row, changes: Row) => {
        if (changes.principalId === undefined) return hashFaults(row);
        row.principalKind = principalKind(row.principalId);
        return [...principalFaults(row.principalKind), ...hashFaults(row)];
      };
      return show(update(state, state.apiKeys, [id, patch, options], shape, constraints));
    },

    async deleteApiKey(id: unknown) {
      state.apiKeys.delete(one(id, 'id'));
    },

    async listApiKeys(principalId: unknown) {
      const wanted = one(principalId, 'principalId');
      return sorted((row) => row.principalId === wanted);
    },

    async createApiKeyWithSecret(principalId: unknown, scopes: unknown, prefix?: unknown) {
      const faults = new Faults();
      const principal = readKey(principalId, 'principalId', faults);
      const given = plainOf(scopes, 'scopes', faults, 'list');
      const list = given === undefined ? [] : listOf(text)(given, 'scopes', faults);
      const start = readOptionalText(prefix, 'prefix', faults) ?? 'api';
      if (prefix != null) readKey(prefix, 'prefix', faults);
      faults.settle();
      if (principalKind(principal) === undefined) refuse('invalid_reference', 'principalId');
      const { made, secret } = withSecret({ principalId: principal, scopes: list, prefix: start, metadata: {} });
      return { record: show(nested(state, () => create(made))), key: secret };
    },

    async verifyApiKeySecret(secret: unknown) {
      const hash = sha256(one(secret, 'key'));
      return sorted((row) => row.hash === hash && !isExpired(row))[0] ?? null;
    },

    async rotateApiKey(id: unknown, options?: unknown) {
      const faults = new Faults();
      const oldId = readText(id, 'id', faults);
      const { expiresOldKeysAt } = readOptions(
        options,
        { fields: { expiresOldKeysAt: optional(time) }, ours: [] },
        faults,
      );
      faults.settle();
      const old = state.apiKeys.get(oldId) ?? refuse('not_found');
      if (isExpired(old)) refuse('expired');
      const { made, secret } = withSecret(merge(old, { id: undefined, createdAt: undefined, updatedAt: undefined }));
      const record = show(nested(state, () => insert(state, state.apiKeys, made, [], ['createdAt', 'updatedAt'])));
      await expireBy(state, old, expiresOldKeysAt as Date | undefined);
      return { record, key: secret };
    },
  };
}

/** An old key expires at the given time or now, but never later than it would have. */
async function expireBy(state: State, old: Row, at: Date | undefined): Promise<void> {
  const stored = (column: string) => state.sources.storedTime('api_keys', column, { id: old.id });
  const limit = (at ?? new Date()).getTime();
  if (old.expiresAt !== undefined && (old.expiresAt as Date).getTime() <= limit) return;
  old.expiresAt = at ?? (await stored('expires_at'));
  old.updatedAt = await stored('updated_at');
}

/** The answer holds the record under `record`. */
function nested<T>(state: State, work: () => T): T {
  const { sources } = state;
  state.sources = {
    ...sources,
    id: (path) => sources.id(['record', ...path]),
    time: (path) => sources.time(['record', ...path]),
  };
  try {
    return work();
  } finally {
    state.sources = sources;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
