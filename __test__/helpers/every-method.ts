/** A call of every method that talks to the tables, for the tests of what holds for all of them. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { anHourAgo, inAnHour, inMs, memberInput, permissionInput, unique } from './fixtures';

type Administration =
  | 'baseline'
  | 'diagnose'
  | 'grants'
  | 'migrate'
  | 'migrationSql'
  | 'migrationStatus'
  | 'previewRollback';
type Lifecycle = 'connect' | 'disconnect' | 'rollback' | 'healthCheck' | 'stats' | 'transaction';

export type Method = Exclude<keyof PostgresStorageAdapter, Lifecycle | Administration>;

/** Whether a method changes nothing, as its name says; `getSessionContext` does with `extendTo`, which the calls here have. */
export const isReading = (method: string) =>
  /^(count|export|get|list|verify)/.test(method) && method !== 'getSessionContext';

/** Makes a different text each time, so that a test can look for it in logs, errors or tables. */
export type MakeText = (what: string) => string;

/** What the calls need to find in the database, and what they will make. */
export interface Scene {
  text: MakeText;
  userId: string;
  /** Another user, who is not in the organization. */
  memberId: string;
  orgId: string;
  roleId: string;
  providerId: string;
  deviceId: string;
  sessionId: string;
  apiKeyId: string;
  tokenId: string;
  codeId: string;
  twoFactorSessionId: string;
  linkId: string;
  /** Of the link, at the provider. */
  subject: string;
  ssoSessionId: string;
  tenantId: string;
  email: string;
  hash: string;
  sub: string;
}

/** Creates a record of every family, in which all text is made by `text`. */
export async function makeScene(storage: PostgresStorageAdapter, text: MakeText = unique): Promise<Scene> {
  const names = [
    ...[
      'userId',
      'memberId',
      'orgId',
      'roleId',
      'providerId',
      'deviceId',
      'sessionId',
      'apiKeyId',
      'tokenId',
      'codeId',
    ],
    ...['twoFactorSessionId', 'linkId', 'subject', 'ssoSessionId', 'tenantId', 'email', 'hash', 'sub'],
  ];
  const scene = { text, ...Object.fromEntries(names.map((name) => [name, text(name)])) } as unknown as Scene;
  const inputs = inputsOf(scene);
  await storage.createUser({ ...inputs.user, id: scene.userId, email: scene.email });
  await storage.createUser({ id: scene.memberId });
  await storage.linkOAuthAccount(scene.userId, 'google', { provider: 'google', sub: scene.sub });
  await storage.createOrganization({ ...inputs.organization, id: scene.orgId });
  await storage.createRole({ ...inputs.role, id: scene.roleId });
  await storage.createSession({ ...inputs.session, id: scene.sessionId });
  await storage.createApiKey({ ...inputs.apiKey, id: scene.apiKeyId, hash: scene.hash });
  await storage.createEmailVerificationToken({ ...inputs.token, id: scene.tokenId });
  await storage.createSSOProvider({ ...inputs.provider, id: scene.providerId });
  await storage.createSSOLink({ ...inputs.link, id: scene.linkId, providerSubject: scene.subject });
  await storage.createSSOSession({ ...inputs.ssoSession, id: scene.ssoSessionId });
  await storage.storeTenantSAMLConfig({ tenantId: scene.tenantId, certificate: text('certificate') });
  await storage.createTwoFactorDevice({ ...inputs.device, id: scene.deviceId });
  await storage.createBackupCodes(scene.userId, [{ id: scene.codeId, code: text('code') }]);
  await storage.createTwoFactorSession({ ...inputs.twoFactorSession, id: scene.twoFactorSessionId });
  return scene;
}

/** Inputs that fill every field. */
function inputsOf(scene: Scene) {
  const { text, userId, orgId, providerId, deviceId, email } = scene;
  const metadata = { [text('key')]: text('metadata') };
  const expiresAt = inAnHour();
  const atProvider = { userId, providerId, providerType: 'oidc' as const, lastAuthAt: new Date() };
  return {
    user: {
      id: text('id'),
      email: text('email'),
      name: text('name'),
      picture: text('picture'),
      plan: text('plan'),
      entitlements: [text('entitlement')],
      metadata,
      passwordHash: text('passwordHash'),
    },
    session: { id: text('id'), userId, orgId, plan: text('plan'), entitlements: [text('e')], expiresAt, metadata },
    apiKey: {
      id: text('id'),
      principalId: userId,
      hash: text('hash'),
      prefix: 'kit',
      lastFour: 'abcd',
      scopes: [text('scope')],
      metadata,
      expiresAt,
    },
    organization: {
      id: text('id'),
      name: text('name'),
      plan: text('plan'),
      seats: 2,
      members: [memberInput(userId)],
      metadata,
    },
    token: {
      id: text('id'),
      email,
      code: text('code'),
      codeHash: text('codeHash'),
      type: 'login_link' as const,
      userId,
      metadata,
      expiresAt,
    },
    role: {
      id: text('id'),
      orgId,
      name: text('name'),
      description: text('description'),
      permissions: [permissionInput({ name: text('permission') })],
      metadata,
    },
    provider: {
      id: text('id'),
      type: 'oidc' as const,
      name: text('name'),
      orgId,
      metadata_url: text('url'),
      client_id: text('client'),
      client_secret: text('secret'),
      redirect_uris: [text('redirect')],
      further: text('further'),
      metadata,
    },
    link: {
      ...atProvider,
      id: text('id'),
      providerSubject: text('subject'),
      providerEmail: text('email'),
      metadata,
    },
    ssoSession: {
      ...atProvider,
      id: text('id'),
      providerSubject: text('subject'),
      sessionToken: text('token'),
      expiresAt,
    },
    device: {
      id: text('id'),
      userId,
      method: 'totp' as const,
      name: text('name'),
      phoneNumber: text('phone'),
      secret: text('secret'),
      verificationCode: text('verification'),
      metadata,
    },
    twoFactorSession: {
      id: text('id'),
      userId,
      sessionId: text('session'),
      deviceId,
      method: 'totp' as const,
      verificationCode: text('verification'),
      expiresAt,
    },
  };
}

/** Arguments with which every method succeeds on the scene's database, once. Deletes come last: they take others along. */
export function argumentsOf(scene: Scene): Record<Method, unknown[]> {
  const { text, userId, orgId, roleId, providerId, tenantId, email, sub } = scene;
  const inputs = inputsOf(scene);
  const name = text('name');
  return {
    createUser: [inputs.user],
    getUser: [userId],
    getUserByEmail: [email],
    getUserByOAuth: ['google', sub],
    listUsers: [{ emailPrefix: email, plan: 'free', createdFrom: anHourAgo(), createdTo: inAnHour(), limit: 10 }],
    updateUser: [userId, { name, metadata: { [text('key')]: text('value') } }],
    setPasswordHash: [userId, text('passwordHash')],
    getPasswordHash: [userId],
    linkOAuthAccount: [userId, 'github', { provider: 'github', sub: text('sub'), email: text('email'), name }],
    unlinkOAuthAccount: [userId, 'google'],
    createSession: [inputs.session],
    getSession: [scene.sessionId],
    getSessionContext: [scene.sessionId, { orgId, extendTo: inMs(7_200_000) }],
    listUserSessions: [userId, { limit: 10 }],
    updateSession: [scene.sessionId, { plan: text('plan'), expiresAt: inAnHour() }],
    createApiKey: [inputs.apiKey],
    getApiKey: [scene.apiKeyId],
    getApiKeyByHash: [scene.hash],
    getApiKeysByPrefixAndLastFour: ['kit', 'abcd'],
    updateApiKey: [scene.apiKeyId, { hash: text('hash'), scopes: [text('scope')] }],
    listApiKeys: [userId],
    createApiKeyWithSecret: [userId, [text('scope')], text('prefix')],
    verifyApiKeySecret: [text('key')],
    getApiKeyContext: [text('key')],
    rotateApiKey: [scene.apiKeyId, { expiresOldKeysAt: inAnHour() }],
    createOrganization: [inputs.organization],
    getOrganization: [orgId],
    listOrganizations: [{ limit: 10 }],
    listUserOrganizations: [userId, { limit: 10 }],
    updateOrganization: [orgId, { name, members: [memberInput(userId)] }],
    addOrganizationMember: [orgId, memberInput(scene.memberId)],
    setOrganizationMemberRole: [orgId, userId, 'admin'],
    removeOrganizationMember: [orgId, userId],
    createEmailVerificationToken: [inputs.token],
    getEmailVerificationTokens: [email, 'login_link'],
    getEmailVerificationTokenById: [scene.tokenId],
    getEmailVerificationTokenAttempts: [scene.tokenId],
    incrementEmailVerificationTokenAttempts: [scene.tokenId],
    markEmailVerificationTokenAsUsed: [scene.tokenId],
    emitEvent: [
      { type: text('type'), principalId: userId, orgId, data: { [text('key')]: name }, timestamp: anHourAgo() },
    ],
    listEvents: [{ principalId: userId, orgId, type: text('type'), limit: 10 }],
    countEvents: [
      { from: anHourAgo(), to: inAnHour(), step: 'day', types: [text('type')], orgId, principalId: userId },
    ],
    countRecords: [],
    createRole: [inputs.role],
    getRole: [roleId],
    updateRole: [roleId, { name, permissions: [permissionInput({ name: text('permission') })] }],
    listRoles: [orgId],
    assignRoleToUser: [userId, roleId, orgId],
    getUserRoles: [userId, orgId],
    createSSOProvider: [inputs.provider],
    getSSOProvider: [providerId],
    updateSSOProvider: [providerId, { client_secret: text('secret'), further: text('further') }],
    listSSOProviders: [orgId],
    createSSOLink: [inputs.link],
    getSSOLink: [scene.linkId],
    getSSOLinkBySubject: [providerId, scene.subject],
    getUserSSOLinks: [userId],
    createSSOSession: [inputs.ssoSession],
    getSSOSession: [scene.ssoSessionId],
    storeTenantSAMLConfig: [{ tenantId, certificate: text('certificate') }],
    getTenantSAMLConfig: [tenantId],
    getTenantSAMLConfigRecord: [tenantId],
    updateTenantSAMLConfig: [tenantId, { certificate: text('certificate') }],
    createTwoFactorDevice: [inputs.device],
    getTwoFactorDevice: [scene.deviceId],
    updateTwoFactorDevice: [scene.deviceId, { secret: text('secret'), verificationCode: text('verification') }],
    listTwoFactorDevices: [userId],
    useTwoFactorStep: [scene.deviceId, 1],
    getBackupCodes: [userId],
    markBackupCodeUsed: [scene.codeId],
    createBackupCodes: [userId, [text('code'), { id: text('id'), userId, code: text('code') }]],
    createTwoFactorSession: [inputs.twoFactorSession],
    getTwoFactorSession: [scene.twoFactorSessionId],
    incrementTwoFactorSessionAttempts: [scene.twoFactorSessionId],
    completeTwoFactorSession: [scene.twoFactorSessionId],
    deleteSession: [scene.sessionId],
    deleteUserSessions: [userId, { except: text('id') }],
    deleteExpiredSessions: [{ limit: 10 }],
    sweep: [{ limit: 10 }],
    exportUser: [userId, { eventLimit: 10, eventsBefore: { timestamp: new Date(), id: '1' } }],
    deleteApiKey: [scene.apiKeyId],
    deleteExpiredEmailVerificationTokens: [],
    revokeRoleFromUser: [userId, roleId, orgId],
    deleteRole: [roleId],
    deleteSSOLink: [scene.linkId],
    deleteSSOProvider: [providerId],
    deleteTenantSAMLConfig: [tenantId],
    deleteTwoFactorDevice: [scene.deviceId],
    deleteOrganization: [orgId],
    deleteUser: [userId],
    eraseUser: [userId, { events: 'delete' }],
  };
}

/** Calls a method by its name. */
export function call(storage: PostgresStorageAdapter, method: string, args: unknown[]): Promise<unknown> {
  return (storage as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[method]?.(
    ...args,
  ) as Promise<unknown>;
}

/** Whether a method deletes what its argument names, so that it cannot be called twice with the same effect. */
export const isDelete = (method: string) => /^(delete|erase|revoke)/.test(method);
