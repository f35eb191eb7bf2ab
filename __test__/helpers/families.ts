/** For the tests that hold for every family of records: how each is created, found, changed and deleted. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import {
  apiKeyInput,
  emailTokenInput,
  oidcProviderInput,
  organizationInput,
  roleInput,
  samlProviderInput,
  sessionInput,
  smsDeviceInput,
  ssoLinkInput,
  ssoSessionInput,
  totpDeviceInput,
  twoFactorSessionInput,
  userInput,
} from './fixtures';

/** Ids that exist in the test's database. */
export interface World {
  storage: PostgresStorageAdapter;
  userId: string;
  orgId: string;
  providerId: string;
  deviceId: string;
}

// biome-ignore lint/suspicious/noExplicitAny: the families differ in type, not in manner
type Anything = any;

export interface Family {
  name: string;
  table: string;
  /** A valid input with every field. */
  input(world: World): Record<string, unknown>;
  /** The fields without which a create is refused. */
  required: string[];
  /** The fields that refer to a row of another table, which must exist. */
  references: string[];
  create(storage: PostgresStorageAdapter, input: Anything): Promise<Anything>;
  get(storage: PostgresStorageAdapter, id: string): Promise<Anything>;
  update?(storage: PostgresStorageAdapter, id: string, patch: Anything, options?: Anything): Promise<Anything>;
  remove?(storage: PostgresStorageAdapter, id: string): Promise<void>;
  /** Fields that an update can clear, and what they read afterwards. */
  clearable?: Record<string, unknown>;
  /** Fields that an update cannot clear. */
  fixed?: string[];
}

export const FAMILIES: Family[] = [
  {
    name: 'user',
    table: 'users',
    input: () => userInput(),
    required: [],
    references: [],
    create: (storage, input) => storage.createUser(input),
    get: (storage, id) => storage.getUser(id),
    update: (storage, id, patch, options) => storage.updateUser(id, patch, options),
    remove: (storage, id) => storage.deleteUser(id),
    clearable: { email: undefined, name: undefined, picture: undefined, plan: undefined, metadata: {} },
    fixed: ['entitlements'],
  },
  {
    name: 'session',
    table: 'sessions',
    input: ({ userId, orgId }) => sessionInput(userId, { orgId }),
    required: ['userId', 'expiresAt'],
    references: ['userId', 'orgId'],
    create: (storage, input) => storage.createSession(input),
    get: (storage, id) => storage.getSession(id),
    update: (storage, id, patch, options) => storage.updateSession(id, patch, options),
    remove: (storage, id) => storage.deleteSession(id),
    clearable: { orgId: undefined, plan: undefined, metadata: {} },
    fixed: ['userId', 'entitlements', 'expiresAt'],
  },
  {
    name: 'API key',
    table: 'api_keys',
    input: ({ userId }) => apiKeyInput(userId),
    required: ['principalId', 'hash', 'prefix', 'lastFour'],
    references: ['principalId'],
    create: (storage, input) => storage.createApiKey(input),
    get: (storage, id) => storage.getApiKey(id),
    update: (storage, id, patch, options) => storage.updateApiKey(id, patch, options),
    remove: (storage, id) => storage.deleteApiKey(id),
    clearable: { expiresAt: undefined, metadata: {} },
    fixed: ['principalId', 'hash', 'prefix', 'lastFour', 'scopes'],
  },
  {
    name: 'organization',
    table: 'organizations',
    input: ({ userId }) => organizationInput({ members: [{ userId, role: 'owner', joinedAt: new Date() }] }),
    required: ['name', 'plan', 'seats'],
    references: [],
    create: (storage, input) => storage.createOrganization(input),
    get: (storage, id) => storage.getOrganization(id),
    update: (storage, id, patch, options) => storage.updateOrganization(id, patch, options),
    remove: (storage, id) => storage.deleteOrganization(id),
    clearable: { metadata: {} },
    fixed: ['name', 'plan', 'seats', 'members'],
  },
  {
    name: 'e-mail token',
    table: 'email_verification_tokens',
    input: ({ userId }) => emailTokenInput({ userId }),
    required: ['email', 'code', 'codeHash', 'type', 'expiresAt'],
    references: ['userId'],
    create: (storage, input) => storage.createEmailVerificationToken(input),
    get: (storage, id) => storage.getEmailVerificationTokenById(id),
  },
  {
    name: 'role',
    table: 'roles',
    input: ({ orgId }) => roleInput(orgId),
    required: ['orgId', 'name'],
    references: ['orgId'],
    create: (storage, input) => storage.createRole(input),
    get: (storage, id) => storage.getRole(id),
    update: (storage, id, patch, options) => storage.updateRole(id, patch, options),
    remove: (storage, id) => storage.deleteRole(id),
    clearable: { description: undefined, metadata: {} },
    fixed: ['orgId', 'name', 'permissions', 'isSystem'],
  },
  {
    name: 'OIDC provider',
    table: 'sso_providers',
    input: ({ orgId }) => oidcProviderInput({ orgId, further: { list: [1, null] } }),
    required: ['type', 'name', 'metadata_url', 'client_id', 'client_secret', 'redirect_uris'],
    references: ['orgId'],
    create: (storage, input) => storage.createSSOProvider(input),
    get: (storage, id) => storage.getSSOProvider(id),
    update: (storage, id, patch, options) => storage.updateSSOProvider(id, patch, options),
    remove: (storage, id) => storage.deleteSSOProvider(id),
    clearable: { orgId: undefined, scopes: undefined, claim_mapping: undefined, further: undefined, metadata: {} },
    fixed: ['type', 'name'],
  },
  {
    name: 'SAML provider',
    table: 'sso_providers',
    input: ({ orgId }) => samlProviderInput({ orgId, want_assertions_signed: true }),
    required: ['type', 'name', 'idp_entity_id', 'idp_sso_url', 'sp_entity_id', 'sp_acs_url'],
    references: ['orgId'],
    create: (storage, input) => storage.createSSOProvider(input),
    get: (storage, id) => storage.getSSOProvider(id),
    update: (storage, id, patch, options) => storage.updateSSOProvider(id, patch, options),
    remove: (storage, id) => storage.deleteSSOProvider(id),
    clearable: { idp_slo_url: undefined, force_authn: undefined, want_assertions_signed: undefined },
    fixed: ['type', 'name'],
  },
  {
    name: 'SSO link',
    table: 'sso_links',
    input: ({ userId, providerId }) => ssoLinkInput(userId, providerId),
    required: ['userId', 'providerId', 'providerType', 'providerSubject'],
    references: ['userId', 'providerId'],
    create: (storage, input) => storage.createSSOLink(input),
    get: (storage, id) => storage.getSSOLink(id),
    remove: (storage, id) => storage.deleteSSOLink(id),
  },
  {
    name: 'SSO session',
    table: 'sso_sessions',
    input: ({ userId, providerId }) => ssoSessionInput(userId, providerId),
    required: ['userId', 'providerId', 'providerType', 'providerSubject', 'expiresAt'],
    references: ['userId', 'providerId'],
    create: (storage, input) => storage.createSSOSession(input),
    get: (storage, id) => storage.getSSOSession(id),
  },
  {
    name: 'TOTP device',
    table: 'twofa_devices',
    input: ({ userId }) => totpDeviceInput(userId, { backupCodesUsed: 3, lastUsedAt: new Date() }),
    required: ['userId', 'method', 'secret'],
    references: ['userId'],
    create: (storage, input) => storage.createTwoFactorDevice(input),
    get: (storage, id) => storage.getTwoFactorDevice(id),
    update: (storage, id, patch, options) => storage.updateTwoFactorDevice(id, patch, options),
    remove: (storage, id) => storage.deleteTwoFactorDevice(id),
    clearable: { name: undefined, lastUsedAt: undefined, backupCodesUsed: undefined, metadata: {} },
    fixed: ['userId', 'method', 'verified', 'secret'],
  },
  {
    name: 'SMS device',
    table: 'twofa_devices',
    input: ({ userId }) =>
      smsDeviceInput(userId, { verificationCode: '123456', verificationCodeExpiresAt: new Date() }),
    required: ['userId', 'method'],
    references: ['userId'],
    create: (storage, input) => storage.createTwoFactorDevice(input),
    get: (storage, id) => storage.getTwoFactorDevice(id),
    update: (storage, id, patch, options) => storage.updateTwoFactorDevice(id, patch, options),
    remove: (storage, id) => storage.deleteTwoFactorDevice(id),
    clearable: { phoneNumber: undefined, verificationCode: undefined, verificationCodeExpiresAt: undefined },
    fixed: ['userId', 'method', 'verified'],
  },
  {
    name: 'two-factor session',
    table: 'twofa_sessions',
    input: ({ userId, deviceId }) => twoFactorSessionInput(userId, deviceId),
    required: ['userId', 'sessionId', 'deviceId', 'method', 'expiresAt'],
    references: ['userId', 'deviceId'],
    create: (storage, input) => storage.createTwoFactorSession(input),
    get: (storage, id) => storage.getTwoFactorSession(id),
  },
];

export async function makeWorld(storage: PostgresStorageAdapter): Promise<World> {
  const { id: userId } = await storage.createUser(userInput());
  const { id: orgId } = await storage.createOrganization(organizationInput());
  const { id: providerId } = await storage.createSSOProvider(oidcProviderInput());
  const { id: deviceId } = await storage.createTwoFactorDevice(totpDeviceInput(userId));
  return { storage, userId, orgId, providerId, deviceId };
}
