/**
 * Valid inputs for every create method, unique wherever the database wants them unique, and no two of a family alike:
 * a create with the id of a row that is the same but for its times is taken for a repeat. Each takes overrides:
 * `sessionInput(user.id, { plan: 'pro' })`.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';

type Input<Method extends keyof PostgresStorageAdapter> = NonNullable<Parameters<PostgresStorageAdapter[Method]>[0]>;
type With<Base, Overrides> = Omit<Base, keyof Overrides> & Overrides;

/** No overrides. */
type None = Record<never, never>;

const HOUR = 3_600_000;

function merge<Base extends object, Overrides extends object>(
  base: Base,
  overrides: Overrides | undefined,
): With<Base, Overrides> {
  return { ...base, ...overrides } as unknown as With<Base, Overrides>;
}

export function unique(prefix = 'x'): string {
  return `${prefix}-${randomUUID()}`;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A time `ms` from now. */
export function inMs(ms: number): Date {
  return new Date(Date.now() + ms);
}

export function inAnHour(): Date {
  return inMs(HOUR);
}

/** A time long enough ago to be past on the server as well, whose clock may differ from ours. */
export function anHourAgo(): Date {
  return inMs(-HOUR);
}

export function userInput<O extends Partial<Input<'createUser'>> = None>(overrides?: O) {
  return merge(
    {
      email: `${unique('User')}@example.com`,
      name: 'Ada Lovelace',
      picture: 'https://example.com/ada.png',
      plan: 'pro',
      entitlements: ['read', 'write'],
      metadata: { locale: 'en', nested: { list: [1, 'two', null] } },
    },
    overrides,
  );
}

export function oauthLink<O extends object = None>(provider: string, overrides?: O) {
  return merge(
    { provider, sub: unique('sub'), email: `${unique('oauth')}@example.com`, name: 'Ada', linkedAt: new Date() },
    overrides,
  );
}

export function sessionInput<O extends Partial<Input<'createSession'>> = None>(userId: string, overrides?: O) {
  return merge(
    {
      userId,
      plan: 'pro',
      entitlements: ['read'],
      expiresAt: inAnHour(),
      metadata: { ip: '127.0.0.1', device: unique('device') },
    },
    overrides,
  );
}

export function apiKeyInput<O extends Partial<Input<'createApiKey'>> = None>(principalId: string, overrides?: O) {
  return merge(
    {
      principalId,
      hash: sha256(unique()),
      prefix: 'kit',
      lastFour: 'abcd',
      scopes: ['read', 'write'],
      metadata: { name: 'cli' },
      expiresAt: inAnHour(),
    },
    overrides,
  );
}

export function organizationInput<O extends Partial<Input<'createOrganization'>> = None>(overrides?: O) {
  return merge({ name: unique('Org'), plan: 'team', seats: 5, members: [], metadata: { region: 'eu' } }, overrides);
}

export function memberInput<O extends object = None>(userId: string, overrides?: O) {
  return merge({ userId, role: 'member' as const, joinedAt: new Date() }, overrides);
}

export function emailTokenInput<O extends Partial<Input<'createEmailVerificationToken'>> = None>(overrides?: O) {
  const code = unique('code');
  return merge(
    {
      email: `${unique('Token')}@example.com`,
      code,
      codeHash: sha256(code),
      type: 'verify_email' as const,
      metadata: { ip: '127.0.0.1' },
      expiresAt: inAnHour(),
    },
    overrides,
  );
}

export function eventInput<O extends Partial<Input<'emitEvent'>> = None>(overrides?: O) {
  return merge(
    {
      type: 'user.login',
      principalId: unique('principal'),
      orgId: unique('org'),
      data: { ip: '127.0.0.1' },
      timestamp: new Date(),
    },
    overrides,
  );
}

export function permissionInput<O extends object = None>(overrides?: O) {
  return merge(
    { id: unique('perm'), name: 'Read documents', description: 'May read', resource: 'document', action: 'read' },
    overrides,
  );
}

export function roleInput<O extends Partial<Input<'createRole'>> = None>(orgId: string, overrides?: O) {
  return merge(
    {
      orgId,
      name: unique('Role'),
      description: 'Reads and writes',
      permissions: [permissionInput()],
      isSystem: false,
      metadata: { colour: 'blue' },
    },
    overrides,
  );
}

export function oidcProviderInput<O extends object = None>(overrides?: O) {
  return merge(
    {
      type: 'oidc' as const,
      name: unique('OIDC'),
      metadata_url: 'https://idp.example.com/.well-known/openid-configuration',
      client_id: unique('client'),
      client_secret: unique('secret'),
      redirect_uris: ['https://app.example.com/callback'],
      scopes: ['openid', 'email'],
      token_endpoint_auth_method: 'client_secret_basic' as const,
      claim_mapping: { email: 'mail' },
      metadata: { tier: 'gold' },
    },
    overrides,
  );
}

export function samlProviderInput<O extends object = None>(overrides?: O) {
  return merge(
    {
      type: 'saml' as const,
      name: unique('SAML'),
      idp_entity_id: 'https://idp.example.com/entity',
      idp_sso_url: 'https://idp.example.com/sso',
      idp_slo_url: 'https://idp.example.com/slo',
      idp_certificate: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
      sp_entity_id: 'https://app.example.com/entity',
      sp_acs_url: 'https://app.example.com/acs',
      force_authn: true,
      attribute_mapping: { email: 'mail' },
      metadata: { tier: 'gold' },
    },
    overrides,
  );
}

export function ssoLinkInput<O extends Partial<Input<'createSSOLink'>> = None>(
  userId: string,
  providerId: string,
  overrides?: O,
) {
  return merge(
    {
      userId,
      providerId,
      providerType: 'oidc' as const,
      providerSubject: unique('subject'),
      providerEmail: `${unique('sso')}@example.com`,
      autoProvisioned: true,
      metadata: { department: 'R&D' },
      lastAuthAt: new Date(),
    },
    overrides,
  );
}

export function ssoSessionInput<O extends Partial<Input<'createSSOSession'>> = None>(
  userId: string,
  providerId: string,
  overrides?: O,
) {
  return merge(
    {
      userId,
      providerId,
      providerType: 'oidc' as const,
      providerSubject: unique('subject'),
      sessionToken: unique('token'),
      expiresAt: inAnHour(),
      lastAuthAt: new Date(),
    },
    overrides,
  );
}

export function tenantSamlInput<O extends object = None>(overrides?: O) {
  return merge(
    {
      tenantId: unique('tenant'),
      idpEntityId: 'https://idp.example.com/entity',
      idpSsoUrl: 'https://idp.example.com/sso',
      certificate: 'MIIB',
      attributes: { email: 'mail' },
    },
    overrides,
  );
}

export function totpDeviceInput<O extends object = None>(userId: string, overrides?: O) {
  return merge(
    {
      userId,
      method: 'totp' as const,
      name: 'Phone',
      verified: false,
      secret: unique('JBSWY3DP'),
      metadata: { issuer: 'Kitium' },
    },
    overrides,
  );
}

export function smsDeviceInput<O extends object = None>(userId: string, overrides?: O) {
  return merge(
    { userId, method: 'sms' as const, name: unique('SMS'), verified: false, phoneNumber: '+15555550100' },
    overrides,
  );
}

/** A set for `createBackupCodes(userId, …)`. */
export function backupCodesInput(userId: string, count = 10) {
  return Array.from({ length: count }, () => ({ userId, code: sha256(unique()), used: false }));
}

export function twoFactorSessionInput<O extends Partial<Input<'createTwoFactorSession'>> = None>(
  userId: string,
  deviceId: string,
  overrides?: O,
) {
  return merge(
    {
      userId,
      sessionId: unique('login'),
      deviceId,
      method: 'totp' as const,
      verificationCode: sha256(unique()),
      attemptCount: 0,
      maxAttempts: 5,
      expiresAt: inAnHour(),
    },
    overrides,
  );
}
