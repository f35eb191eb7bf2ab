/** What a consumer's code must and must not compile; an ES module, as `consumer.cts` is CommonJS. */
import {
  type BackupCode,
  type EmailVerificationToken,
  InternalError,
  type OrganizationRecord,
  type Page,
  PostgresStorageAdapter,
  type PostgresTransaction,
  type RoleRecord,
  type SessionRecord,
  type SSOLink,
  type SSOProvider,
  type SSOSession,
  type TwoFactorDevice,
  type TwoFactorSession,
  type UserRecord,
} from '@kitiumai/auth-postgres';
import { createTestStorage, type TestStorage, useTestStorage } from '@kitiumai/auth-postgres/testing';
import type * as library from './storage-adapter.js';

declare const url: string;

// The library's interface, in both ways in which TypeScript compares parameters. A method's are compared in both
// directions, so that a union with a further member on either side fits in neither; a property's only in one.
export const s: library.StorageAdapter = new PostgresStorageAdapter(url);
export const strict: library.Strict<library.StorageAdapter> = new PostgresStorageAdapter(url);
/** Every method of the interface is there, the optional ones included. */
export const whole: Required<library.StorageAdapter> = new PostgresStorageAdapter(url);

// How it is used.
// biome-ignore lint/style/noNonNullAssertion: as the documentation has it
const storage = new PostgresStorageAdapter(process.env.DATABASE_URL!, {
  max: 10,
  idleTimeoutMillis: 30_000,
  statementTimeoutMs: 5_000,
  maxRetries: 2,
});
await storage.connect();
await storage.healthCheck();
const user = await storage.createUser({ email: 'hi@example.com', entitlements: [] });
await storage.createSession({ userId: user.id, entitlements: [], expiresAt: new Date(Date.now() + 3_600_000) });
await storage.createApiKey({
  principalId: user.id,
  hash: 'argon2-hash',
  prefix: 'kit',
  lastFour: 'abcd',
  scopes: ['read'],
  metadata: { name: 'cli' },
  expiresAt: null,
});
await storage.emitEvent({
  type: 'user.login',
  principalId: user.id,
  orgId: undefined,
  data: { ip: '127.0.0.1' },
  timestamp: new Date(),
});

// Services pass whole records on: to creates, and back to updates.
declare const records: {
  user: UserRecord;
  session: SessionRecord;
  organization: OrganizationRecord;
  token: EmailVerificationToken;
  role: RoleRecord;
  provider: SSOProvider;
  link: SSOLink;
  ssoSession: SSOSession;
  device: TwoFactorDevice;
  codes: BackupCode[];
  twoFactorSession: TwoFactorSession;
};
await storage.createUser(records.user);
await storage.updateUser(records.user.id, records.user);
await storage.updateSession('id', records.session);
await storage.createOrganization(records.organization);
await storage.updateOrganization('id', records.organization);
await storage.createEmailVerificationToken(records.token);
await storage.createRole(records.role);
await storage.updateRole('id', { ...records.role, updatedAt: new Date() });
await storage.createSSOProvider(records.provider);
await storage.updateSSOProvider('id', records.provider);
await storage.createSSOLink(records.link);
await storage.createSSOSession(records.ssoSession);
await storage.createTwoFactorDevice(records.device);
await storage.updateTwoFactorDevice('id', records.device);
await storage.createBackupCodes('id', records.codes);
await storage.createTwoFactorSession(records.twoFactorSession);

// Variants: either spelling, and further fields.
await storage.createSSOProvider({
  type: 'oidc',
  name: 'Okta',
  metadataUrl: 'https://idp.example.com',
  clientId: 'id',
  clientSecret: 'secret',
  redirectUris: ['https://app.example.com'],
  tenant: { region: 'eu' },
});
const provider = await storage.getSSOProvider('id');
export const entity: string | undefined = provider?.type === 'saml' ? provider.idp_entity_id : provider?.client_id;
await storage.createTwoFactorDevice({ userId: 'id', method: 'sms', backupCodesUsed: 3 });
const typed = { enabled: true, entryPoint: 'https://idp.example.com', issuer: 'app', cert: 'MIIB' };
await storage.createSSOProvider({ type: 'saml', name: 'ADFS', ...typed });

// The library's user with its hash, which is no part of our record.
await storage.createUser({ email: 'hi@example.com', passwordHash: 'salt:hash' });
await storage.setPasswordHash(user.id, null);
export const hash: string | null = await storage.getPasswordHash(user.id);

// The call options are every method's last argument.
const { signal } = new AbortController();
await storage.getUser('id', { signal, timeoutMs: 100 });
await storage.deleteUserSessions('id', { except: 'other', signal });
await storage.rotateApiKey('id', { expiresOldKeysAt: new Date(), timeoutMs: 5_000 });
await storage.updateUser('id', { metadata: { a: null } }, { ifUpdatedAt: user.updatedAt, mergeMetadata: true, signal });
await storage.updateApiKey('id', { metadata: { a: null, b: 'c' } }, { mergeMetadata: true });
await storage.updateSession('id', {}, { ifUpdatedAt: new Date().toISOString(), timeoutMs: 5_000 });
await storage.addOrganizationMember('id', { userId: user.id, role: 'owner' }, { signal });
await storage.setOrganizationMemberRole('id', user.id, 'admin', { signal });
export const left: OrganizationRecord = await storage.removeOrganizationMember('id', user.id, { signal });
const tenant = await storage.getTenantSAMLConfigRecord('id');
await storage.updateTenantSAMLConfig('id', { a: 1 }, { ifUpdatedAt: tenant?.updatedAt });
await storage.disconnect({ timeoutMs: 1_000 });

// A transaction is a storage for the library, too, and resolves with what its function returns.
declare const transaction: PostgresTransaction;
export const t: library.StorageAdapter = transaction;
export const strictTransaction: library.Strict<library.StorageAdapter> = transaction;
export const wholeTransaction: Required<library.StorageAdapter> = transaction;
export const made: UserRecord = await storage.transaction(async (tx) => {
  const { id } = await tx.createUser({}, { timeoutMs: 100 });
  await tx.deleteUserSessions(id, { except: 'other' });
  return tx.updateUser(id, { name: 'Ada' });
});
export const seven: number = await storage.transaction(() => 7, { isolationLevel: 'serializable', retries: 3 });
await storage.transaction(async () => undefined, { readOnly: true, timeoutMs: 100, signal });
const optional: { isolationLevel?: 'repeatable read'; signal?: AbortSignal } = {};
await storage.transaction(
  (tx) => tx.emitEvent({ type: 't', principalId: 'p', data: {}, timestamp: new Date() }),
  optional,
);
// Lists are promises of a page, and iterables.
const { items, next } = await storage.listUsers({
  plan: 'pro',
  createdFrom: new Date(),
  limit: 10,
  after: null,
  signal,
});
export const emails: (string | undefined)[] = items.map(({ email }) => email);
if (next !== undefined) await storage.listUsers({ after: next });
for await (const { expiresAt } of storage.listUserSessions('id', { includeExpired: true })) expiresAt.getTime();
const pages: Promise<Page<OrganizationRecord>> & AsyncIterable<OrganizationRecord> = storage.listOrganizations();
for await (const { members } of pages) members.length;
await Promise.all([storage.listUserOrganizations('id'), pages.catch(() => undefined)]);

// Loggers of common shapes.
new PostgresStorageAdapter(url, { logger: console, logLevel: 'warn' });

// Errors.
try {
  await storage.createUser({ email: 'hi@example.com' });
} catch (error) {
  if (error instanceof InternalError && error.code === 'auth_postgres/conflict') {
    const { kind, statusCode, retryable, context, cause } = error;
    export_(kind, statusCode, retryable, context.field, context.attempts, cause?.message);
  }
}
declare function export_(...values: unknown[]): void;

// What is given may be of an interface, and lists that cannot be changed.
interface Preferences {
  theme: string;
}
declare const preferences: Preferences;
declare const names: readonly string[];
await storage.createUser({ metadata: preferences, entitlements: names });
await storage.updateSession('id', { metadata: preferences, entitlements: names });
await storage.emitEvent({ type: 'x', principalId: 'x', data: preferences, timestamp: new Date() });
await storage.createTwoFactorDevice({ userId: 'x', method: 'sms', metadata: preferences });
await storage.createSSOProvider({
  ...{ type: 'oidc', name: 'x', metadata_url: 'x', client_id: 'x', client_secret: 'x' },
  ...{ redirect_uris: names, claim_mapping: preferences, metadata: preferences },
});
await storage.createApiKeyWithSecret('x', names);
await storage.createBackupCodes('x', names);
await storage.countEvents({ types: names });

// A key belongs to either of the two.
export async function ownerOf(key: string): Promise<string | null> {
  const context = await storage.getApiKeyContext(key);
  if (context === null) return null;
  const { user, organization } = context;
  return user ? user.id : organization.id;
}

// ── Mistakes ───────────────────────────────────────────────────────────────────────────────────────

// @ts-expect-error a session belongs to a user
await storage.createSession({ expiresAt: new Date() });
// @ts-expect-error a misspelt field
await storage.createUser({ emial: 'hi@example.com' });
// @ts-expect-error ids are text
await storage.getUser(7);
// @ts-expect-error null is no way to clear a required field
await storage.updateSession('id', { expiresAt: null });
// @ts-expect-error a member's role is one of a closed set
await storage.updateOrganization('id', { members: [{ userId: 'a', role: 'king', joinedAt: new Date() }] });
// @ts-expect-error a token's type is text
await storage.getEmailVerificationTokens('hi@example.com', 7);
// @ts-expect-error the type of a token to be stored is one of a closed set
await storage.createEmailVerificationToken({ ...records.token, type: 'other' });
// @ts-expect-error the values of an API key's metadata are text
await storage.createApiKey({ principalId: 'a', hash: 'b', prefix: 'c', lastFour: 'd', metadata: { n: 1 } });
// @ts-expect-error what is not there is null
(await storage.getUser('id')).id;
// @ts-expect-error results have absent fields, not null
export const name: string | null = user.name;
// @ts-expect-error a hash that is taken away is null, not left out
await storage.setPasswordHash('id');
// @ts-expect-error no record shows a hash
export const shown = user.passwordHash;
// @ts-expect-error an OIDC provider has a client
await storage.createSSOProvider({ type: 'oidc', name: 'x', metadata_url: 'y' });
// @ts-expect-error a transaction has no lifecycle
await transaction.connect();
// @ts-expect-error transactions do not nest
await transaction.transaction(() => 1);
// @ts-expect-error PostgreSQL has no such level of its own
await storage.transaction(() => 1, { isolationLevel: 'read uncommitted' });
// @ts-expect-error an option that is not known
await storage.transaction(() => 1, { readonly: true });
// @ts-expect-error a transaction needs a function
await storage.transaction();
// @ts-expect-error a misspelt option
new PostgresStorageAdapter(url, { idleTimeoutMilis: 1 });
// @ts-expect-error a closed set
new PostgresStorageAdapter(url, { logLevel: 'loud' });
// @ts-expect-error a logger has four methods
new PostgresStorageAdapter(url, { logger: { info: () => undefined } });
// @ts-expect-error the connection string is required
new PostgresStorageAdapter();
// @ts-expect-error codes are a closed set
export const isOther = (error: InternalError) => error.code === 'conflict';
// @ts-expect-error errors are read-only
export const change = (error: InternalError) => (error.code = 'auth_postgres/internal');
// @ts-expect-error a role is one of a closed set
await storage.setOrganizationMemberRole('id', 'user', 'king');
// @ts-expect-error a tenant's configuration is always merged
await storage.updateTenantSAMLConfig('id', {}, { mergeMetadata: true });
// @ts-expect-error a time is no number
await storage.updateUser('id', {}, { ifUpdatedAt: 0 });
// @ts-expect-error this option has another name
await storage.getUser('id', { timeout: 5 });

// For tests. A runner's functions may be given; its tests' adapter is the real one.
const test: TestStorage = await createTestStorage({ serverUrl: url, max: 2 });
export const inTests: library.StorageAdapter = test.storage;
await test.travelTo(new Date(), { freeze: true });
await test.close();
declare function hook(work: () => unknown, timeout?: number): void;
useTestStorage({ hooks: { beforeAll: hook, afterEach: hook, afterAll: hook } }).travelBack();
// @ts-expect-error where the database is, the server's URL says
await createTestStorage({ database: 'app' });
// @ts-expect-error a time is a Date
await test.travelTo('2030-01-01');
// @ts-expect-error it is closed after the last test
await useTestStorage().close();
