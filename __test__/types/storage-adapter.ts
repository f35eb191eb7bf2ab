/**
 * The interface that the library declares and this package implements, written down from its
 * documentation: results have exact optional fields, inputs take what is absent as null or undefined too.
 */
type Metadata = Record<string, unknown>;
/** What a create takes beside the record's own required fields. */
type Optional<T> = { [K in keyof T]?: T[K] | null | undefined };
type Input<Record, Required extends keyof Record> = Pick<Record, Required> & Optional<Omit<Record, Required>>;

export interface OAuthLink {
  provider: string;
  sub: string;
  email?: string;
  name?: string;
  linkedAt: Date;
}

export interface UserRecord {
  id: string;
  email?: string;
  name?: string;
  picture?: string;
  plan?: string;
  entitlements: string[];
  oauth?: Record<string, OAuthLink>;
  metadata?: Metadata;
  createdAt: Date;
  updatedAt: Date;
}

export interface SessionRecord {
  id: string;
  userId: string;
  orgId?: string;
  plan?: string;
  entitlements: string[];
  expiresAt: Date;
  metadata?: Metadata;
  createdAt: Date;
  updatedAt: Date;
}

export interface ApiKeyRecord {
  id: string;
  principalId: string;
  hash: string;
  prefix: string;
  lastFour: string;
  scopes: string[];
  metadata?: Record<string, string>;
  expiresAt?: Date;
  createdAt: Date;
  updatedAt: Date;
}

export interface OrganizationRecord {
  id: string;
  name: string;
  plan: string;
  seats: number;
  members: { userId: string; role: 'owner' | 'admin' | 'member'; joinedAt: Date }[];
  metadata?: Metadata;
  createdAt: Date;
  updatedAt: Date;
}

export interface EmailVerificationToken {
  id: string;
  email: string;
  code: string;
  codeHash: string;
  type: 'verify_email' | 'reset_password' | 'change_email' | 'login_link';
  userId?: string;
  metadata?: Metadata;
  expiresAt: Date;
  createdAt: Date;
  usedAt?: Date;
}

export interface AuthEvent {
  type: string;
  principalId: string;
  orgId?: string | undefined;
  data: Metadata;
  timestamp: Date;
}

export interface Permission {
  id: string;
  name: string;
  description?: string;
  resource: string;
  action: string;
  metadata?: Metadata;
}

export interface RoleRecord {
  id: string;
  orgId: string;
  name: string;
  description?: string;
  permissions: Permission[];
  isSystem: boolean;
  metadata?: Metadata;
  createdAt: Date;
  updatedAt: Date;
}

interface ProviderBase {
  id: string;
  name: string;
  orgId?: string;
  metadata?: Metadata;
  createdAt: Date;
  updatedAt: Date;
}

export interface OIDCProvider extends ProviderBase {
  type: 'oidc';
  metadata_url: string;
  client_id: string;
  client_secret: string;
  redirect_uris: string[];
  scopes?: string[];
  response_type?: string;
  token_endpoint_auth_method?: string;
  claim_mapping?: Metadata;
}

export interface SAMLProvider extends ProviderBase {
  type: 'saml';
  idp_entity_id: string;
  idp_sso_url: string;
  idp_slo_url?: string;
  idp_certificate?: string;
  sp_entity_id: string;
  sp_acs_url: string;
  sp_slo_url?: string;
  signing_cert?: string;
  signing_key?: string;
  encryption_enabled?: boolean;
  force_authn?: boolean;
  allow_unencrypted_assertion?: boolean;
  attribute_mapping?: Metadata;
}

export type SSOProvider = OIDCProvider | SAMLProvider;

export interface SSOLink {
  id: string;
  userId: string;
  providerId: string;
  providerType: 'saml' | 'oidc' | 'oauth';
  providerSubject: string;
  providerEmail?: string;
  autoProvisioned?: boolean;
  metadata?: Metadata;
  linkedAt: Date;
  lastAuthAt: Date;
}

export interface SSOSession {
  id: string;
  userId: string;
  providerId: string;
  providerType: 'saml' | 'oidc' | 'oauth';
  providerSubject: string;
  sessionToken?: string;
  expiresAt: Date;
  linkedAt: Date;
  lastAuthAt: Date;
}

export interface TwoFactorDevice {
  id: string;
  userId: string;
  method: 'totp' | 'sms' | 'backup-code';
  name?: string;
  verified: boolean;
  phoneNumber?: string;
  secret?: string;
  lastUsedAt?: Date;
  createdAt: Date;
  updatedAt?: Date;
  metadata?: Metadata;
}

export interface BackupCode {
  id: string;
  userId: string;
  code: string;
  used: boolean;
  usedAt?: Date;
  createdAt: Date;
}

export interface TwoFactorSession {
  id: string;
  userId: string;
  sessionId: string;
  deviceId: string;
  method: 'totp' | 'sms' | 'backup-code';
  verificationCode?: string;
  attemptCount: number;
  maxAttempts: number;
  expiresAt: Date;
  createdAt: Date;
  completedAt?: Date;
}

type Patch<Record> = { [K in keyof Record]?: Record[K] | undefined };

export interface StorageAdapter {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  healthCheck?(): Promise<{ status: 'ok' | 'error'; latencyMs: number }>;

  createUser(user: Input<UserRecord, never>): Promise<UserRecord>;
  getUser(id: string): Promise<UserRecord | null>;
  getUserByEmail(email: string): Promise<UserRecord | null>;
  getUserByOAuth(provider: string, sub: string): Promise<UserRecord | null>;
  updateUser(id: string, patch: Patch<UserRecord>): Promise<UserRecord>;
  deleteUser(id: string): Promise<void>;
  linkOAuthAccount(userId: string, provider: string, link: OAuthLink): Promise<UserRecord>;

  createSession(session: Input<SessionRecord, 'userId' | 'expiresAt'>): Promise<SessionRecord>;
  getSession(id: string): Promise<SessionRecord | null>;
  updateSession(id: string, patch: Patch<SessionRecord>): Promise<SessionRecord>;
  deleteSession(id: string): Promise<void>;

  createApiKey(key: Input<ApiKeyRecord, 'principalId' | 'hash' | 'prefix' | 'lastFour'>): Promise<ApiKeyRecord>;
  getApiKey(id: string): Promise<ApiKeyRecord | null>;
  getApiKeyByHash(hash: string): Promise<ApiKeyRecord | null>;
  getApiKeysByPrefixAndLastFour(prefix: string, lastFour: string): Promise<ApiKeyRecord[]>;
  updateApiKey(id: string, patch: Patch<ApiKeyRecord>): Promise<ApiKeyRecord>;
  deleteApiKey(id: string): Promise<void>;
  listApiKeys(principalId: string): Promise<ApiKeyRecord[]>;

  createOrganization(organization: Input<OrganizationRecord, 'name' | 'plan' | 'seats'>): Promise<OrganizationRecord>;
  getOrganization(id: string): Promise<OrganizationRecord | null>;
  updateOrganization(id: string, patch: Patch<OrganizationRecord>): Promise<OrganizationRecord>;
  deleteOrganization(id: string): Promise<void>;

  createEmailVerificationToken?(
    token: Input<EmailVerificationToken, 'email' | 'code' | 'codeHash' | 'type' | 'expiresAt'>,
  ): Promise<EmailVerificationToken>;
  getEmailVerificationTokens?(email: string, type?: string): Promise<EmailVerificationToken[]>;
  getEmailVerificationTokenById?(id: string): Promise<EmailVerificationToken | null>;
  markEmailVerificationTokenAsUsed?(id: string): Promise<EmailVerificationToken>;
  deleteExpiredEmailVerificationTokens?(): Promise<number>;
  getEmailVerificationTokenAttempts?(id: string): Promise<number>;
  incrementEmailVerificationTokenAttempts?(id: string): Promise<number>;

  emitEvent(event: AuthEvent): Promise<void>;

  createRole?(role: Input<RoleRecord, 'orgId' | 'name'>): Promise<RoleRecord>;
  getRole?(id: string): Promise<RoleRecord | null>;
  updateRole?(id: string, patch: Patch<RoleRecord>): Promise<RoleRecord>;
  deleteRole?(id: string): Promise<void>;
  listRoles?(orgId: string): Promise<RoleRecord[]>;
  assignRoleToUser?(userId: string, roleId: string, orgId: string): Promise<RoleRecord>;
  revokeRoleFromUser?(userId: string, roleId: string, orgId: string): Promise<void>;
  getUserRoles?(userId: string, orgId: string): Promise<RoleRecord[]>;

  createSSOProvider?(provider: SSOProvider): Promise<SSOProvider>;
  getSSOProvider?(id: string): Promise<SSOProvider | null>;
  updateSSOProvider?(id: string, patch: Patch<SSOProvider>): Promise<SSOProvider>;
  deleteSSOProvider?(id: string): Promise<void>;
  listSSOProviders?(orgId?: string): Promise<SSOProvider[]>;
  createSSOLink?(link: Input<SSOLink, 'userId' | 'providerId' | 'providerType' | 'providerSubject'>): Promise<SSOLink>;
  getSSOLink?(id: string): Promise<SSOLink | null>;
  getUserSSOLinks?(userId: string): Promise<SSOLink[]>;
  deleteSSOLink?(id: string): Promise<void>;
  createSSOSession?(
    session: Input<SSOSession, 'userId' | 'providerId' | 'providerType' | 'providerSubject' | 'expiresAt'>,
  ): Promise<SSOSession>;
  getSSOSession?(id: string): Promise<SSOSession | null>;
  storeTenantSAMLConfig?(config: { tenantId: string } & Metadata): Promise<void>;
  getTenantSAMLConfig?(tenantId: string): Promise<({ tenantId: string } & Metadata) | null>;
  updateTenantSAMLConfig?(tenantId: string, patch: Metadata): Promise<void>;
  deleteTenantSAMLConfig?(tenantId: string): Promise<void>;

  createTwoFactorDevice?(device: Input<TwoFactorDevice, 'userId' | 'method'>): Promise<TwoFactorDevice>;
  getTwoFactorDevice?(id: string): Promise<TwoFactorDevice | null>;
  updateTwoFactorDevice?(id: string, patch: Patch<TwoFactorDevice>): Promise<TwoFactorDevice>;
  listTwoFactorDevices?(userId: string): Promise<TwoFactorDevice[]>;
  deleteTwoFactorDevice?(id: string): Promise<void>;
  createBackupCodes?(userId: string, codes: BackupCode[]): Promise<BackupCode[]>;
  getBackupCodes?(userId: string): Promise<BackupCode[]>;
  markBackupCodeUsed?(id: string): Promise<void>;
  createTwoFactorSession?(
    session: Input<TwoFactorSession, 'userId' | 'sessionId' | 'deviceId' | 'method' | 'expiresAt'>,
  ): Promise<TwoFactorSession>;
  getTwoFactorSession?(id: string): Promise<TwoFactorSession | null>;
  completeTwoFactorSession?(id: string): Promise<void>;
}

/** The same with its methods as properties: parameters are then compared strictly, not both ways. */
export type Strict<T> = {
  [K in keyof T]: NonNullable<T[K]> extends (...args: infer A) => infer R ? (...args: A) => R : T[K];
};
