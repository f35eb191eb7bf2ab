/** The closed sets. */
export type OrganizationRole = 'owner' | 'admin' | 'member';
export type EmailTokenType = 'verify_email' | 'reset_password' | 'change_email' | 'login_link';
export type ProviderType = 'oidc' | 'saml';
export type LinkType = 'saml' | 'oidc' | 'oauth';
export type TwoFactorMethod = 'totp' | 'sms' | 'backup-code';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Pooler = 'none' | 'transaction';
export type HealthState = 'ok' | 'error';

/** The last argument of every method. */
export interface CallOptions {
  /** Aborting rejects the call at once with `auth_postgres/cancelled`. */
  signal?: AbortSignal | null | undefined;
  /** The same, after so many milliseconds. Default none. */
  timeoutMs?: number | null | undefined;
}

/** Gets the log; the shape of pino's, kitium's and the console's methods. */
export interface Logger {
  debug(message: string, fields: Record<string, unknown>): void;
  info(message: string, fields: Record<string, unknown>): void;
  warn(message: string, fields: Record<string, unknown>): void;
  error(message: string, fields: Record<string, unknown>): void;
}

export type ErrorCode =
  | 'auth_postgres/connection_failed'
  | 'auth_postgres/authentication_failed'
  | 'auth_postgres/tls_failed'
  | 'auth_postgres/pool_timeout'
  | 'auth_postgres/not_connected'
  | 'auth_postgres/statement_timeout'
  | 'auth_postgres/lock_timeout'
  | 'auth_postgres/cancelled'
  | 'auth_postgres/serialization_failure'
  | 'auth_postgres/read_only'
  | 'auth_postgres/resource_exhausted'
  | 'auth_postgres/migration_failed'
  | 'auth_postgres/schema_mismatch'
  | 'auth_postgres/permission_denied'
  | 'auth_postgres/conflict'
  | 'auth_postgres/invalid_reference'
  | 'auth_postgres/invalid_input'
  | 'auth_postgres/not_found'
  | 'auth_postgres/already_used'
  | 'auth_postgres/expired'
  | 'auth_postgres/query_failed'
  | 'auth_postgres/internal';

export interface ErrorContext {
  /** The method that was called. */
  operation?: string;
  /** The field or argument that is at fault. */
  field?: string;
  /** PostgreSQL's SQLSTATE, see its documentation's appendix "PostgreSQL Error Codes". */
  sqlState?: string;
  constraint?: string;
  table?: string;
  column?: string;
  migration?: string;
  /** How often the statement was tried. */
  attempts?: number;
  /** The statement had been sent, and nobody knows whether it took effect. */
  outcome?: 'unknown';
  /** What stands against taking a database over, or giving it back. */
  violations?: Violation[];
}

/** Stored rows that break a rule. */
export interface Violation {
  /** The constraint that will hold it, where there is one. */
  rule: string;
  table: string;
  /** What is wrong, in words. */
  reason: string;
  /** How many rows there are. */
  count: number;
  /** The ids of the first 20. */
  ids: string[];
}

/** Every rejection of the adapter, and what its constructor throws. */
export declare class InternalError extends Error {
  readonly name: 'InternalError';
  readonly code: ErrorCode;
  readonly kind: 'conflict' | 'validation' | 'not_found' | 'dependency' | 'internal';
  readonly severity: 'fatal' | 'error' | 'warning' | 'info' | 'debug';
  /** The HTTP status that fits. */
  readonly statusCode: number;
  /** Whether the cause is transient, and the same call made again cannot do the work twice. */
  readonly retryable: boolean;
  readonly context: ErrorContext;
  /** The reason given by the server, the system or the TLS library. */
  readonly cause?: Error & Record<string, unknown>;
  toJSON(): Record<string, unknown>;
}

interface ProviderBase {
  name: string;
  /** Absent: a global provider. */
  orgId?: string;
  metadata?: Record<string, unknown>;
  /** Further fields are stored and come back as they were given. */
  [key: string]: unknown;
}

interface OIDCFields {
  metadata_url: string;
  client_id: string;
  client_secret: string;
  redirect_uris: string[];
  scopes?: string[];
  response_type?: string;
  token_endpoint_auth_method?: string;
  claim_mapping?: Record<string, unknown>;
}

interface SAMLFields {
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
  attribute_mapping?: Record<string, unknown>;
}

/** A SAML provider as the library's own types have it. */
interface EntryPointFields {
  enabled: boolean;
  entryPoint: string;
  issuer: string;
  cert: string;
  identifierFormat?: string;
  wantAssertionsSigned?: boolean;
}

/** Of the other shape; present only if they were given, too. */
// biome-ignore lint/suspicious/noExplicitAny: results of either shape are what the application makes of `SSOProvider`
type Unlikely<T> = { [K in keyof T]: any };

interface Stored {
  id: string;
  createdAt: Date;
  updatedAt: Date;
}

export interface OIDCProvider extends ProviderBase, OIDCFields, Stored {
  type: 'oidc';
}

export interface SAMLProvider extends ProviderBase, SAMLFields, Stored {
  type: 'saml';
}

/** A SAML provider that was given in the library's other shape. */
export interface EntryPointSAMLProvider extends ProviderBase, EntryPointFields, Unlikely<SAMLFields>, Stored {
  type: 'saml';
}

/** An SSO provider; its fields are in snake_case, as the library spells them, or those of its other SAML shape. */
export type SSOProvider = OIDCProvider | SAMLProvider | EntryPointSAMLProvider;

/** `{a?: T}` becomes `{a?: T | null | undefined}`. */
type Loose<T> = { [K in keyof T]: undefined extends T[K] ? T[K] | null | undefined : T[K] };
type CamelCase<S> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : S;
/** The same fields, spelled in camelCase. */
type Camelized<T> = { [K in keyof T as CamelCase<K>]: T[K] };

/** Further fields of an input: to `unknown`, a type without an index signature could not be assigned. */
// biome-ignore lint/suspicious/noExplicitAny: the reason above
type Further = any;

interface ProviderInputBase {
  /** Kept when given; a UUIDv7 otherwise. */
  id?: string | null | undefined;
  name: string;
  /** Absent: a global provider. */
  orgId?: string | null | undefined;
  metadata?: Record<string, unknown> | null | undefined;
  /** Ignored: set by the store. */
  createdAt?: Date | string | null | undefined;
  /** Ignored: set by the store. */
  updatedAt?: Date | string | null | undefined;
  /** Further fields are stored and come back as they were given. */
  [key: string]: Further;
}

/** What `createSSOProvider` takes; the fields of the protocol in snake_case or in camelCase. */
export type SSOProviderInput =
  | (ProviderInputBase & { type: 'oidc' } & (Loose<OIDCFields> | Loose<Camelized<OIDCFields>>))
  | (ProviderInputBase & { type: 'saml' } & (
        | Loose<SAMLFields>
        | Loose<Camelized<SAMLFields>>
        | Loose<EntryPointFields>
      ));

/** What `updateSSOProvider` changes. A missing field is left alone, `null` clears it. */
export interface SSOProviderPatch {
  type?: ProviderType | undefined;
  name?: string | undefined;
  [key: string]: Further;
}

/** A user's second factor. */
export interface TwoFactorDevice extends Stored {
  userId: string;
  method: TwoFactorMethod;
  verified: boolean;
  metadata: Record<string, unknown>;
  name?: string;
  phoneNumber?: string;
  secret?: string;
  lastUsedAt?: Date;
  verificationCode?: string;
  verificationCodeExpiresAt?: Date;
  /** Further fields are stored and come back as they were given. */
  [key: string]: unknown;
}

/** What `createTwoFactorDevice` takes. A device of the method `'totp'` needs its `secret`. */
export interface TwoFactorDeviceInput {
  /** Kept when given; a UUIDv7 otherwise. */
  id?: string | null | undefined;
  userId: string;
  method: TwoFactorMethod;
  /** Default `false`. */
  verified?: boolean | null | undefined;
  name?: string | null | undefined;
  phoneNumber?: string | null | undefined;
  secret?: string | null | undefined;
  lastUsedAt?: Date | string | null | undefined;
  verificationCodeExpiresAt?: Date | string | null | undefined;
  /** Default `{}`. */
  metadata?: Record<string, unknown> | null | undefined;
  /** Ignored: set by the store. */
  createdAt?: Date | string | null | undefined;
  /** Ignored: set by the store. */
  updatedAt?: Date | string | null | undefined;
  /** Further fields are stored and come back as they were given. */
  [key: string]: Further;
}

/** What `updateTwoFactorDevice` changes. A missing field is left alone, `null` clears it. */
export interface TwoFactorDevicePatch {
  userId?: string | undefined;
  method?: TwoFactorMethod | undefined;
  verified?: boolean | undefined;
  lastUsedAt?: Date | string | null | undefined;
  verificationCodeExpiresAt?: Date | string | null | undefined;
  metadata?: Record<string, unknown> | null | undefined;
  [key: string]: Further;
}

/** A tenant's SAML configuration, stored and given back whole. */
export interface TenantSAMLConfig {
  tenantId: string;
  [key: string]: unknown;
}

/** What `storeTenantSAMLConfig` takes. */
export interface TenantSAMLConfigInput {
  tenantId: string;
  [key: string]: Further;
}

/** What `updateTenantSAMLConfig` merges; `null` removes a key. */
export type TenantSAMLConfigPatch = Record<string, Further>;

// What follows is generated from the Rust methods and structs.

/** A PostgreSQL store for `@kitiumai/auth`: a drop-in `StorageAdapter`. */
export declare class PostgresStorageAdapter {
  /**
   * Creates an API key for a user or an organization.
   *
   * Rejects with `invalid_reference` when the principal is neither or both, with `conflict` when the hash or the id is taken.
   */
  createApiKey(apiKey: ApiKeyInput, options?: CallOptions | null | undefined): Promise<ApiKeyRecord>
  /** Finds an API key by id, expired or not. */
  getApiKey(id: string, options?: CallOptions | null | undefined): Promise<ApiKeyRecord | null>
  /** Finds an API key by its hash, expired or not. */
  getApiKeyByHash(hash: string, options?: CallOptions | null | undefined): Promise<ApiKeyRecord | null>
  /** Finds API keys by what a user sees of them, newest first. */
  getApiKeysByPrefixAndLastFour(prefix: string, lastFour: string, options?: CallOptions | null | undefined): Promise<Array<ApiKeyRecord>>
  /**
   * Changes an API key. A missing field is left alone, `null` clears it.
   *
   * Rejects with `not_found` when there is none, with `conflict` when the hash is taken.
   */
  updateApiKey(id: string, patch: ApiKeyPatch, options?: CallOptions | null | undefined): Promise<ApiKeyRecord>
  /** Deletes an API key, if there is one. */
  deleteApiKey(id: string, options?: CallOptions | null | undefined): Promise<void>
  /** Lists the API keys of a user or an organization, newest first, expired ones included. */
  listApiKeys(principalId: string, options?: CallOptions | null | undefined): Promise<Array<ApiKeyRecord>>
  /**
   * Makes an API key together with its secret: `prefix` (default `'api'`), an underscore and 64 hexadecimal digits.
   * What is stored is the SHA-256 hash of the whole key; the key itself is seen only here.
   *
   * Rejects with `invalid_reference` when the principal is neither a user nor an organization.
   */
  createApiKeyWithSecret(principalId: string, scopes: Array<string>, prefix?: string | null | undefined, options?: CallOptions | null | undefined): Promise<ApiKeyWithSecret>
  /** Finds the API key whose secret this is; `null` when there is none or it has expired. */
  verifyApiKeySecret(key: string, options?: CallOptions | null | undefined): Promise<ApiKeyRecord | null>
  /**
   * Makes a new key with a new id for the same principal, prefix, scopes, metadata and expiry. The old one stays and
   * expires at `expiresOldKeysAt` (default now), never later than it would have.
   *
   * Rejects with `not_found` when there is none, and with `expired` when it has expired or has been rotated: of
   * racing calls without `expiresOldKeysAt` one wins.
   */
  rotateApiKey(id: string, options?: RotateApiKeyOptions | null | undefined): Promise<ApiKeyWithSecret>
  /**
   * Stores a token that was sent by e-mail.
   *
   * Rejects with `invalid_reference` when there is no such user, with `conflict` when the id is taken.
   */
  createEmailVerificationToken(token: EmailVerificationTokenInput, options?: CallOptions | null | undefined): Promise<EmailVerificationToken>
  /**
   * Lists an e-mail's tokens that can still be used (of one type, when given), newest first. The type may be any
   * string, as the library declares it: one that no token can have finds nothing.
   */
  getEmailVerificationTokens(email: string, type?: EmailTokenType | (string & {}) | null | undefined, options?: CallOptions | null | undefined): Promise<Array<EmailVerificationToken>>
  /** Finds a token by id; `null` when there is none or it has expired. A used one is returned with `usedAt`. */
  getEmailVerificationTokenById(id: string, options?: CallOptions | null | undefined): Promise<EmailVerificationToken | null>
  /**
   * Uses a token: exactly one caller wins.
   *
   * Rejects with `already_used`, `expired` or `not_found`.
   */
  markEmailVerificationTokenAsUsed(id: string, options?: CallOptions | null | undefined): Promise<EmailVerificationToken>
  /** Deletes expired tokens, in batches of 1 000. Resolves with their number. */
  deleteExpiredEmailVerificationTokens(options?: CallOptions | null | undefined): Promise<number>
  /** How often a token was tried; 0 when never, or when there is none. */
  getEmailVerificationTokenAttempts(id: string, options?: CallOptions | null | undefined): Promise<number>
  /**
   * Counts one more attempt and resolves with the new number; concurrent calls all count.
   *
   * Rejects with `not_found` when there is no such token.
   */
  incrementEmailVerificationTokenAttempts(id: string, options?: CallOptions | null | undefined): Promise<number>
  /** Writes an event to the audit log; resolves once it is committed. Events outlive the users they speak of. */
  emitEvent(event: EventInput, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Creates an organization.
   *
   * Rejects with `invalid_input` when a member is named twice or there are more members than seats, with
   * `invalid_reference` when a member is no user, with `conflict` when the id is taken.
   */
  createOrganization(organization: OrganizationInput, options?: CallOptions | null | undefined): Promise<OrganizationRecord>
  /** Finds an organization by id. */
  getOrganization(id: string, options?: CallOptions | null | undefined): Promise<OrganizationRecord | null>
  /**
   * Changes an organization. A missing field is left alone, `null` clears it; `members` replaces the whole list.
   *
   * Rejects with `not_found` when there is none, otherwise as `createOrganization`.
   */
  updateOrganization(id: string, patch: OrganizationPatch, options?: CallOptions | null | undefined): Promise<OrganizationRecord>
  /**
   * Deletes an organization with its roles, assignments, API keys and SSO providers; sessions lose their `orgId`.
   *
   * If it has more than 1 000 rows of a kind, these go first, by a thousand and in this order: API keys, assignments,
   * roles, SSO sessions, links and providers, then the sessions' `orgId`. The organization goes last, together with its
   * members. Given up in between, the call keeps what it did, and the next one goes on from there.
   */
  deleteOrganization(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Creates a role of an organization.
   *
   * Rejects with `invalid_reference` when there is no such organization, with `conflict` when the id is taken.
   */
  createRole(role: RoleInput, options?: CallOptions | null | undefined): Promise<RoleRecord>
  /** Finds a role by id. */
  getRole(id: string, options?: CallOptions | null | undefined): Promise<RoleRecord | null>
  /**
   * Changes a role. A missing field is left alone, `null` clears it; `permissions` replaces the whole list.
   *
   * Rejects with `not_found` when there is none.
   */
  updateRole(id: string, patch: RolePatch, options?: CallOptions | null | undefined): Promise<RoleRecord>
  /** Deletes a role and its assignments, if there is one. */
  deleteRole(id: string, options?: CallOptions | null | undefined): Promise<void>
  /** Lists the roles of an organization, newest first. */
  listRoles(orgId: string, options?: CallOptions | null | undefined): Promise<Array<RoleRecord>>
  /**
   * Gives a user a role. Assigning twice is assigning once.
   *
   * Rejects with `invalid_reference` when user, role and organization do not belong together.
   */
  assignRoleToUser(userId: string, roleId: string, orgId: string, options?: CallOptions | null | undefined): Promise<RoleRecord>
  /** Takes a role from a user, if it was assigned. */
  revokeRoleFromUser(userId: string, roleId: string, orgId: string, options?: CallOptions | null | undefined): Promise<void>
  /** Lists a user's roles in an organization, the latest assigned first. */
  getUserRoles(userId: string, orgId: string, options?: CallOptions | null | undefined): Promise<Array<RoleRecord>>
  /**
   * Creates a session.
   *
   * Rejects with `invalid_reference` when there is no such user or organization, with `conflict` when the id is taken.
   */
  createSession(session: SessionInput, options?: CallOptions | null | undefined): Promise<SessionRecord>
  /** Finds a live session; `null` when there is none or it has expired, by the server's clock. */
  getSession(id: string, options?: CallOptions | null | undefined): Promise<SessionRecord | null>
  /**
   * Changes a session. A missing field is left alone, `null` clears it.
   *
   * Rejects with `not_found` when there is none, or it has expired.
   */
  updateSession(id: string, patch: SessionPatch, options?: CallOptions | null | undefined): Promise<SessionRecord>
  /** Deletes a session, if there is one. */
  deleteSession(id: string, options?: CallOptions | null | undefined): Promise<void>
  /** Deletes a user's sessions, but for the one in `except`. Resolves with their number. */
  deleteUserSessions(userId: string, options?: DeleteUserSessionsOptions | null | undefined): Promise<number>
  /** Deletes expired sessions, in batches of 1 000. Resolves with their number. */
  deleteExpiredSessions(options?: DeleteExpiredSessionsOptions | null | undefined): Promise<number>
  /**
   * Creates an SSO provider. Fields beyond the named ones are stored and come back as they were given; named ones may be
   * spelled in snake_case or camelCase, and come back in snake_case.
   *
   * Rejects with `invalid_reference` when there is no such organization, with `conflict` when the id is taken.
   */
  createSSOProvider(provider: SSOProviderInput, options?: CallOptions | null | undefined): Promise<SSOProvider>
  /** Finds an SSO provider by id. */
  getSSOProvider(id: string, options?: CallOptions | null | undefined): Promise<SSOProvider | null>
  /**
   * Changes an SSO provider. A missing field is left alone, `null` clears it.
   *
   * Rejects with `not_found` when there is none.
   */
  updateSSOProvider(id: string, patch: SSOProviderPatch, options?: CallOptions | null | undefined): Promise<SSOProvider>
  /** Deletes an SSO provider with its links and sessions, if there is one. */
  deleteSSOProvider(id: string, options?: CallOptions | null | undefined): Promise<void>
  /** Lists SSO providers, newest first: all, or with `orgId` that organization's own and the global ones. */
  listSSOProviders(orgId?: string | null | undefined, options?: CallOptions | null | undefined): Promise<Array<SSOProvider>>
  /**
   * Links a user to an account at an SSO provider.
   *
   * Rejects with `conflict` when the account is linked already or the id is taken, with `invalid_reference` when there is
   * no such user or provider.
   */
  createSSOLink(link: SSOLinkInput, options?: CallOptions | null | undefined): Promise<SSOLink>
  /** Finds an SSO link by id. */
  getSSOLink(id: string, options?: CallOptions | null | undefined): Promise<SSOLink | null>
  /** Lists a user's SSO links, the latest linked first. */
  getUserSSOLinks(userId: string, options?: CallOptions | null | undefined): Promise<Array<SSOLink>>
  /** Deletes an SSO link, if there is one. */
  deleteSSOLink(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Creates an SSO session.
   *
   * Rejects with `invalid_reference` when there is no such user or provider, with `conflict` when the id is taken.
   */
  createSSOSession(session: SSOSessionInput, options?: CallOptions | null | undefined): Promise<SSOSession>
  /** Finds a live SSO session; `null` when there is none or it has expired. */
  getSSOSession(id: string, options?: CallOptions | null | undefined): Promise<SSOSession | null>
  /** Stores a tenant's SAML configuration, in place of the one before. */
  storeTenantSAMLConfig(config: TenantSAMLConfigInput, options?: CallOptions | null | undefined): Promise<void>
  /** Finds a tenant's SAML configuration. */
  getTenantSAMLConfig(tenantId: string, options?: CallOptions | null | undefined): Promise<TenantSAMLConfig | null>
  /**
   * Merges a patch into a tenant's SAML configuration; `null` removes a key.
   *
   * Rejects with `not_found` when there is none.
   */
  updateTenantSAMLConfig(tenantId: string, patch: TenantSAMLConfigPatch, options?: CallOptions | null | undefined): Promise<void>
  /** Deletes a tenant's SAML configuration, if there is one. */
  deleteTenantSAMLConfig(tenantId: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Creates a two-factor device. Fields beyond the named ones are stored and come back as they were given.
   *
   * Rejects with `invalid_reference` when there is no such user, with `conflict` when the id is taken.
   */
  createTwoFactorDevice(device: TwoFactorDeviceInput, options?: CallOptions | null | undefined): Promise<TwoFactorDevice>
  /** Finds a two-factor device by id. */
  getTwoFactorDevice(id: string, options?: CallOptions | null | undefined): Promise<TwoFactorDevice | null>
  /**
   * Changes a two-factor device. A missing field is left alone, `null` clears it; `metadata` is replaced whole.
   *
   * Rejects with `not_found` when there is none.
   */
  updateTwoFactorDevice(id: string, patch: TwoFactorDevicePatch, options?: CallOptions | null | undefined): Promise<TwoFactorDevice>
  /** Lists a user's two-factor devices, newest first. */
  listTwoFactorDevices(userId: string, options?: CallOptions | null | undefined): Promise<Array<TwoFactorDevice>>
  /** Deletes a two-factor device and its sessions, if there is one. */
  deleteTwoFactorDevice(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Replaces a user's whole set of backup codes, atomically; given ids and the given order are kept. A plain string is
   * stored as `code` as it is.
   *
   * Rejects with `invalid_reference` when there is no such user, with `conflict` when an id is taken.
   */
  createBackupCodes(userId: string, codes: Array<string | BackupCodeInput>, options?: CallOptions | null | undefined): Promise<Array<BackupCode>>
  /** Lists a user's backup codes, used ones included, in the order in which they were given. */
  getBackupCodes(userId: string, options?: CallOptions | null | undefined): Promise<Array<BackupCode>>
  /**
   * Uses a backup code: exactly one caller wins.
   *
   * Rejects with `already_used` or `not_found`.
   */
  markBackupCodeUsed(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Creates a two-factor session: a log-in that waits for its second factor.
   *
   * Rejects with `invalid_reference` when there is no such user or device, with `conflict` when the id is taken.
   */
  createTwoFactorSession(session: TwoFactorSessionInput, options?: CallOptions | null | undefined): Promise<TwoFactorSession>
  /** Finds a two-factor session that has not expired; a completed one is returned until then. */
  getTwoFactorSession(id: string, options?: CallOptions | null | undefined): Promise<TwoFactorSession | null>
  /**
   * Completes a two-factor session: exactly one caller wins.
   *
   * Rejects with `already_used`, with `expired` when it is too late or there were too many attempts, with `not_found`.
   */
  completeTwoFactorSession(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Counts one more attempt and resolves with the new number; concurrent calls all count.
   *
   * Rejects with `expired` beyond `maxAttempts` or when it is too late, with `already_used` once completed, with `not_found`.
   */
  incrementTwoFactorSessionAttempts(id: string, options?: CallOptions | null | undefined): Promise<number>
  /**
   * Creates a user. E-mails are unique without regard to ASCII case. A `passwordHash` is stored together with the
   * user, and only `getPasswordHash` shows it.
   *
   * Rejects with `conflict` when the e-mail or the id is taken.
   */
  createUser(user: UserInput, options?: CallOptions | null | undefined): Promise<UserRecord>
  /** Finds a user by id. */
  getUser(id: string, options?: CallOptions | null | undefined): Promise<UserRecord | null>
  /** Finds a user by e-mail, without regard to ASCII case. */
  getUserByEmail(email: string, options?: CallOptions | null | undefined): Promise<UserRecord | null>
  /** Finds the user to whom an OAuth account is linked. */
  getUserByOAuth(provider: string, sub: string, options?: CallOptions | null | undefined): Promise<UserRecord | null>
  /**
   * Changes a user. A missing field is left alone, `null` clears it.
   *
   * Rejects with `not_found` when there is none, with `conflict` when the e-mail is taken.
   */
  updateUser(id: string, patch: UserPatch, options?: CallOptions | null | undefined): Promise<UserRecord>
  /**
   * Sets the hash of a user's password, or removes it by `null`. What it is the hash of, and how it was made, the
   * store does not know.
   *
   * Rejects with `not_found` when there is no such user.
   */
  setPasswordHash(userId: string, hash: string | null, options?: CallOptions | null | undefined): Promise<void>
  /** Finds the hash of a user's password; `null` when the user has none, or there is no such user. */
  getPasswordHash(userId: string, options?: CallOptions | null | undefined): Promise<string | null>
  /**
   * Deletes a user and all that is theirs: sessions, API keys, tokens, roles, links, devices, codes, memberships, the password hash.
   *
   * If the user has more than 1 000 rows of a kind, these go first, by a thousand and in this order: API keys, sessions, SSO
   * sessions, e-mail tokens, two-factor sessions, assignments, memberships, SSO links, backup codes, two-factor devices
   * (but for the thousand newest verified ones). The user goes last, with the rest. Given up in between, the call keeps
   * what it did, and the next one goes on from there.
   */
  deleteUser(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Links an OAuth account to a user, or refreshes the link. A user has one link per provider: another `sub` replaces it.
   *
   * Rejects with `conflict` when the account is linked to another user, with `not_found` when there is no such user.
   */
  linkOAuthAccount(userId: string, provider: string, link: OAuthLinkInput, options?: CallOptions | null | undefined): Promise<UserRecord>
  /**
   * Removes a user's link to an OAuth provider; does nothing when there is none.
   *
   * Rejects with `not_found` when there is no such user.
   */
  unlinkOAuthAccount(userId: string, provider: string, options?: CallOptions | null | undefined): Promise<UserRecord>
  /** Opens no connection. Throws an `InternalError` when the URL or an option is not right. */
  constructor(connectionString: string, options?: PostgresStorageAdapterOptions)
  /**
   * Proves that the database can be reached and runs pending migrations. One attempt: what is wrong is said at once.
   * Idempotent; opens the adapter again after `disconnect()`.
   *
   * Rejects with `connection_failed`, `authentication_failed`, `tls_failed`, `migration_failed` or `schema_mismatch`.
   */
  connect(options?: CallOptions | null | undefined): Promise<void>
  /**
   * Takes no more calls, lets running ones end until the deadline, then ends them on the server and closes all
   * connections. Idempotent. Later calls reject with `not_connected`; `connect()` opens the adapter again.
   */
  disconnect(options?: DisconnectOptions | null | undefined): Promise<void>
  /**
   * Runs down migrations until `to` is the last one applied, or none is. Resolves with the ids of those rolled back.
   *
   * Rejects with `invalid_input` when tables that hold rows would be dropped and `dropData` is not `true`, and with
   * `schema_mismatch` when the application has added something to the tables that would go with them.
   */
  rollback(options: RollbackOptions): Promise<Array<string>>
  /**
   * Asks the database, once, whether calls can be served: it answers, it is not too old, our tables and columns are
   * there, and we may use them. Never rejects.
   */
  healthCheck(options?: CallOptions | null | undefined): Promise<HealthStatus>
}

/** What `createApiKey` takes. */
export interface ApiKeyInput {
  /** Kept when given; a UUIDv7 otherwise. */
  id?: string | null | undefined
  /** A user or an organization. */
  principalId: string
  /** Unique. */
  hash: string
  prefix: string
  lastFour: string
  /** Default none. */
  scopes?: Array<string> | null | undefined
  /** Default `{}`. */
  metadata?: Record<string, string> | null | undefined
  /** Default never. */
  expiresAt?: Date | string | null | undefined
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored: set by the store. */
  updatedAt?: unknown
}

/** What `updateApiKey` changes. A missing field is left alone, `null` clears it. */
export interface ApiKeyPatch {
  principalId?: string | undefined
  hash?: string | undefined
  prefix?: string | undefined
  lastFour?: string | undefined
  scopes?: Array<string> | undefined
  metadata?: Record<string, string> | null | undefined
  expiresAt?: Date | string | null | undefined
  /** Ignored. */
  id?: unknown
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored: set by the store. */
  updatedAt?: unknown
}

/** An API key. The secret itself is not stored, only its hash. */
export interface ApiKeyRecord {
  id: string
  /** The user or the organization that it speaks for. */
  principalId: string
  hash: string
  prefix: string
  lastFour: string
  scopes: Array<string>
  metadata: Record<string, string>
  createdAt: Date
  updatedAt: Date
  expiresAt?: Date
}

/** A new API key; the only time that the key itself is seen. */
export interface ApiKeyWithSecret {
  record: ApiKeyRecord
  /** `prefix`, an underscore and 64 hexadecimal digits. */
  key: string
}

/** A code that lets a user in once when the device is lost. */
export interface BackupCode {
  id: string
  userId: string
  /** As it was given: the library hashes it before. */
  code: string
  used: boolean
  createdAt: Date
  usedAt?: Date
}

/** A code in `createBackupCodes`; a plain string stands for `{code}`. */
export interface BackupCodeInput {
  /** Kept when given; a UUIDv7 otherwise. */
  id?: string | null | undefined
  /** Must equal the method's `userId`. */
  userId?: string | null | undefined
  code: string
  /** Default `false`. */
  used?: boolean | null | undefined
  /** Default not used; now, if `used` is `true`. */
  usedAt?: Date | string | null | undefined
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored. */
  updatedAt?: unknown
}

/** How far `deleteExpiredSessions` goes. */
export interface DeleteExpiredSessionsOptions extends CallOptions {
  /** The most sessions to delete. Default all. */
  limit?: number | null | undefined
}

/** What `deleteUserSessions` spares. */
export interface DeleteUserSessionsOptions extends CallOptions {
  /** The id of a session that stays. */
  except?: string | null | undefined
}

/** What `disconnect` takes. */
export interface DisconnectOptions {
  /** Running calls may end within so many milliseconds; then they are ended on the server. Default 5 000. */
  timeoutMs?: number | null | undefined
}

/** A token sent by e-mail. */
export interface EmailVerificationToken {
  id: string
  email: string
  code: string
  codeHash: string
  type: EmailTokenType
  metadata: Record<string, unknown>
  expiresAt: Date
  createdAt: Date
  userId?: string
  usedAt?: Date
}

/** What `createEmailVerificationToken` takes. */
export interface EmailVerificationTokenInput {
  /** Kept when given; a random UUIDv4 otherwise. */
  id?: string | null | undefined
  /** Looked up without regard to ASCII case. */
  email: string
  code: string
  codeHash: string
  type: EmailTokenType
  userId?: string | null | undefined
  /** Default `{}`. */
  metadata?: Record<string, unknown> | null | undefined
  /** A time in the past is accepted. */
  expiresAt: Date | string
  /** Default not used. */
  usedAt?: Date | string | null | undefined
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored. */
  updatedAt?: unknown
}

/** What `emitEvent` takes. */
export interface EventInput {
  /** Such as `'user.login'`. */
  type: string
  principalId: string
  orgId?: string | null | undefined
  data: Record<string, unknown>
  timestamp: Date | string
}

/** What `healthCheck` finds. */
export interface HealthStatus {
  status: HealthState
  /** How long the check took, in milliseconds. */
  latencyMs: number
  pool: PoolGauges
  serverVersion?: string
  /** Ids of the migrations that `connect()` would run. */
  pendingMigrations?: Array<string>
  /** The code of what went wrong. */
  code?: string
  /** What went wrong, in words. */
  message?: string
}

/** The zones of the two clocks in a database of the TypeScript adapter, by IANA name (`Europe/Berlin`). */
export interface LegacyTimeZones {
  /** The zone of the server, whose `now()` filled `createdAt` and the like. */
  server: string
  /** The zone of the Node processes, which sent `expiresAt` and the like. */
  client: string
}

/** A link between a user and an account at an OAuth provider. */
export interface OAuthLink {
  provider: string
  /** The account's id at the provider (the `sub` claim). */
  sub: string
  linkedAt: Date
  email?: string
  name?: string
}

/** What `linkOAuthAccount` takes. */
export interface OAuthLinkInput {
  /** Must equal the method's `provider`. */
  provider: string
  /** The account's id at the provider (the `sub` claim). */
  sub: string
  email?: string | null | undefined
  name?: string | null | undefined
  /** Default now. */
  linkedAt?: Date | string | null | undefined
}

/** What `createOrganization` takes. */
export interface OrganizationInput {
  /** Kept when given; a UUIDv7 otherwise. */
  id?: string | null | undefined
  name: string
  plan: string
  /** The most members it can have. */
  seats: number
  /** Default none. */
  members?: Array<OrganizationMemberInput> | null | undefined
  /** Default `{}`. */
  metadata?: Record<string, unknown> | null | undefined
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored: set by the store. */
  updatedAt?: unknown
}

/** A user's membership in an organization. */
export interface OrganizationMember {
  userId: string
  role: OrganizationRole
  joinedAt: Date
}

/** A member in `createOrganization` and `updateOrganization`. */
export interface OrganizationMemberInput {
  userId: string
  role: OrganizationRole
  joinedAt: Date | string
}

/** What `updateOrganization` changes. A missing field is left alone, `null` clears it. */
export interface OrganizationPatch {
  name?: string | undefined
  plan?: string | undefined
  /** The most members it can have. */
  seats?: number | undefined
  /** Replaces the whole list. */
  members?: Array<OrganizationMemberInput> | undefined
  metadata?: Record<string, unknown> | null | undefined
  /** Ignored. */
  id?: unknown
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored: set by the store. */
  updatedAt?: unknown
}

/** An organization. */
export interface OrganizationRecord {
  id: string
  name: string
  plan: string
  /** The most members it can have. */
  seats: number
  members: Array<OrganizationMember>
  metadata: Record<string, unknown>
  createdAt: Date
  updatedAt: Date
}

/** What a role allows. */
export interface Permission {
  id: string
  name: string
  description?: string
  resource: string
  action: string
  metadata?: Record<string, unknown>
}

/** A permission in `createRole` and `updateRole`. */
export interface PermissionInput {
  /** Kept when given; a UUIDv7 otherwise. */
  id?: string | null | undefined
  name: string
  description?: string | null | undefined
  resource: string
  action: string
  metadata?: Record<string, unknown> | null | undefined
}

/** Connections of the pool. */
export interface PoolGauges {
  /** Open or being opened. */
  total: number
  idle: number
  /** Calls that wait for a connection. */
  waiting: number
}

/** The options of node-postgres' `PoolConfig`, and our own. An unknown one is refused by name. */
export interface PostgresStorageAdapterOptions {
  /** Most connections of the pool. Default 10. */
  max?: number | null | undefined
  /** Connections that stay open when idle. Default 0. */
  min?: number | null | undefined
  /** Closes a connection idle for so many milliseconds; 0 never. Default 10 000. */
  idleTimeoutMillis?: number | null | undefined
  /** Waits so many milliseconds for a connection; 0 without limit. Default 30 000. */
  connectionTimeoutMillis?: number | null | undefined
  /** Replaces a connection after so many seconds; 0 never. Default 1 800. */
  maxLifetimeSeconds?: number | null | undefined
  /** Replaces a connection after so many uses; 0 never. Default 0. */
  maxUses?: number | null | undefined
  /** The server ends a statement after so many milliseconds; 0 never. Default 5 000. */
  statementTimeoutMs?: number | null | undefined
  /** The same, by node-postgres' name; `false` is 0. */
  statement_timeout?: number | false | null | undefined
  /** The server gives up waiting for a lock after so many milliseconds; 0 never. Default: the server's. */
  lock_timeout?: number | null | undefined
  /** The server ends a session that idles in a transaction for so many milliseconds; 0 never. Default: the server's. */
  idle_in_transaction_session_timeout?: number | null | undefined
  /** Gives a call up, and cancels it on the server, after so many milliseconds; 0 never. Default 0. */
  query_timeout?: number | null | undefined
  /** Shown in `pg_stat_activity`. Default `auth-postgres`. */
  application_name?: string | null | undefined
  /** Lets the system probe idle connections to the server (TCP keepalive). Default `false`. */
  keepAlive?: boolean | null | undefined
  /** PostgreSQL's start-up options, such as `-c geqo=off`. */
  options?: string | null | undefined
  /** Further attempts after a transient failure. Default 2. */
  maxRetries?: number | null | undefined
  /**
   * Overrides the URL's hosts: one, or several with commas between them, which are tried in turn. One that
   * begins with `/` is the directory of a Unix socket.
   */
  host?: string | null | undefined
  /** Overrides the URL's ports. */
  port?: number | null | undefined
  /** Overrides the URL's user. */
  user?: string | null | undefined
  /** Overrides the URL's password. A function is asked for each new connection, and may return a promise. */
  password?: string | (() => string | Promise<string>) | null | undefined
  /** Overrides the URL's database. */
  database?: string | null | undefined
  /** Encryption: `true` verifies the server's certificate, `false` is none. Default: from the URL. */
  ssl?: boolean | SslOptions | null | undefined
  /** `true`: an idle pool does not hold the process open; `false`: it does while connected. Default `true`. */
  allowExitOnIdle?: boolean | null | undefined
  /** PostgreSQL schema that holds our tables; created if missing. Default: the connection's own `search_path`. */
  schema?: string | null | undefined
  /** A connection pooler on the way: `'transaction'` for PgBouncer and the like in transaction mode. Default `'none'`. */
  pooler?: Pooler | null | undefined
  /** Gets the log: an object with `debug`, `info`, `warn` and `error(message, fields)`. Default: none. */
  logger?: Logger | null | undefined
  /** Least level sent to `logger`. Default `'debug'`. */
  logLevel?: LogLevel | null | undefined
  /** Whether `connect()` runs pending migrations. Default `true`. */
  migrate?: boolean | null | undefined
  /** The zone of the times in a database of the TypeScript adapter, when `connect()` takes one over. Default `'UTC'`. */
  legacyTimeZone?: string | LegacyTimeZones | null | undefined
}

/** What `createRole` takes. */
export interface RoleInput {
  /** Kept when given; a UUIDv7 otherwise. */
  id?: string | null | undefined
  orgId: string
  name: string
  description?: string | null | undefined
  /** Default none. */
  permissions?: Array<PermissionInput> | null | undefined
  /** Default `false`. */
  isSystem?: boolean | null | undefined
  /** Default `{}`. */
  metadata?: Record<string, unknown> | null | undefined
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored: set by the store. */
  updatedAt?: unknown
}

/** What `updateRole` changes. A missing field is left alone, `null` clears it. */
export interface RolePatch {
  orgId?: string | undefined
  name?: string | undefined
  description?: string | null | undefined
  /** Replaces the whole list. */
  permissions?: Array<PermissionInput> | undefined
  isSystem?: boolean | undefined
  metadata?: Record<string, unknown> | null | undefined
  /** Ignored. */
  id?: unknown
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored: set by the store. */
  updatedAt?: unknown
}

/** A role of an organization. */
export interface RoleRecord {
  id: string
  orgId: string
  name: string
  permissions: Array<Permission>
  /** Whether the application made it, not a user. */
  isSystem: boolean
  metadata: Record<string, unknown>
  createdAt: Date
  updatedAt: Date
  description?: string
}

/** What `rollback` takes. */
export interface RollbackOptions extends CallOptions {
  /** The migration that stays as the last one applied; `null` rolls everything back. */
  to: string | null
  /** Whether tables that hold rows are dropped. Default `false`: they stop the rollback. */
  dropData?: boolean | null | undefined
}

/** How `rotateApiKey` treats the old key. */
export interface RotateApiKeyOptions extends CallOptions {
  /** When the old key expires, unless it would sooner. Default now. */
  expiresOldKeysAt?: Date | string | null | undefined
}

/** What `createSession` takes. */
export interface SessionInput {
  /** Kept when given; a random UUIDv4 otherwise. */
  id?: string | null | undefined
  userId: string
  orgId?: string | null | undefined
  plan?: string | null | undefined
  /** Default none. */
  entitlements?: Array<string> | null | undefined
  /** A time in the past is accepted. */
  expiresAt: Date | string
  /** Default `{}`. */
  metadata?: Record<string, unknown> | null | undefined
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored: set by the store. */
  updatedAt?: unknown
}

/** What `updateSession` changes. A missing field is left alone, `null` clears it. */
export interface SessionPatch {
  userId?: string | undefined
  orgId?: string | null | undefined
  plan?: string | null | undefined
  entitlements?: Array<string> | undefined
  expiresAt?: Date | string | undefined
  metadata?: Record<string, unknown> | null | undefined
  /** Ignored. */
  id?: unknown
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored: set by the store. */
  updatedAt?: unknown
}

/** A session of a user. */
export interface SessionRecord {
  id: string
  userId: string
  entitlements: Array<string>
  expiresAt: Date
  metadata: Record<string, unknown>
  createdAt: Date
  updatedAt: Date
  orgId?: string
  plan?: string
}

/** Encryption, as in Node's `tls.connect`. What is absent comes from the URL's files or the `PG*` variables. */
export interface SslOptions {
  /** `false` encrypts without verifying the server's certificate. Default `true`. */
  rejectUnauthorized?: boolean | null | undefined
  /** The authorities to trust instead of the system's, in PEM. */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | null | undefined
  /** Our certificate, with the chain to its authority, in PEM. */
  cert?: string | Uint8Array | readonly (string | Uint8Array)[] | null | undefined
  /** Its key, in PEM. */
  key?: string | Uint8Array | readonly (string | Uint8Array)[] | null | undefined
  /** Decrypts the key. */
  passphrase?: string | null | undefined
  /** The name that the server's certificate must be for. Default: the host. */
  servername?: string | null | undefined
}

/** A user's account at an SSO provider. */
export interface SSOLink {
  id: string
  userId: string
  providerId: string
  providerType: LinkType
  /** The user's id at the provider; unique there. */
  providerSubject: string
  /** Whether the user was made by the first log-in. */
  autoProvisioned: boolean
  metadata: Record<string, unknown>
  linkedAt: Date
  lastAuthAt: Date
  providerEmail?: string
}

/** What `createSSOLink` takes. */
export interface SSOLinkInput {
  /** Kept when given; a UUIDv7 otherwise. */
  id?: string | null | undefined
  userId: string
  providerId: string
  providerType: LinkType
  /** The user's id at the provider; unique there. */
  providerSubject: string
  providerEmail?: string | null | undefined
  /** Default `false`. */
  autoProvisioned?: boolean | null | undefined
  /** Default `{}`. */
  metadata?: Record<string, unknown> | null | undefined
  /** Default now. */
  linkedAt?: Date | string | null | undefined
  /** Default now. */
  lastAuthAt?: Date | string | null | undefined
  /** Ignored. */
  createdAt?: unknown
  /** Ignored. */
  updatedAt?: unknown
}

/** A session at an SSO provider. */
export interface SSOSession {
  id: string
  userId: string
  providerId: string
  providerType: LinkType
  providerSubject: string
  expiresAt: Date
  linkedAt: Date
  lastAuthAt: Date
  sessionToken?: string
}

/** What `createSSOSession` takes. */
export interface SSOSessionInput {
  /** Kept when given; a random UUIDv4 otherwise. */
  id?: string | null | undefined
  userId: string
  providerId: string
  providerType: LinkType
  providerSubject: string
  sessionToken?: string | null | undefined
  /** A time in the past is accepted. */
  expiresAt: Date | string
  /** Default now. */
  linkedAt?: Date | string | null | undefined
  /** Default now. */
  lastAuthAt?: Date | string | null | undefined
  /** Ignored. */
  createdAt?: unknown
  /** Ignored. */
  updatedAt?: unknown
}

/** A log-in that waits for its second factor. */
export interface TwoFactorSession {
  id: string
  userId: string
  /** The pending log-in; no row of `sessions`. */
  sessionId: string
  deviceId: string
  method: TwoFactorMethod
  attemptCount: number
  maxAttempts: number
  expiresAt: Date
  createdAt: Date
  /** May be a hash. */
  verificationCode?: string
  completedAt?: Date
}

/** What `createTwoFactorSession` takes. */
export interface TwoFactorSessionInput {
  /** Kept when given; a random UUIDv4 otherwise. */
  id?: string | null | undefined
  userId: string
  /** The pending log-in; need not exist in `sessions`. */
  sessionId: string
  deviceId: string
  method: TwoFactorMethod
  /** May be a hash. */
  verificationCode?: string | null | undefined
  /** Default 0. */
  attemptCount?: number | null | undefined
  /** Default 5. */
  maxAttempts?: number | null | undefined
  /** A time in the past is accepted. */
  expiresAt: Date | string
  /** Default not completed. */
  completedAt?: Date | string | null | undefined
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored. */
  updatedAt?: unknown
}

/** What `createUser` takes. */
export interface UserInput {
  /** Kept when given; a UUIDv7 otherwise. */
  id?: string | null | undefined
  /** Any non-empty string; its syntax is not checked. */
  email?: string | null | undefined
  name?: string | null | undefined
  /** URL of a picture. */
  picture?: string | null | undefined
  /** Default `'free'`. */
  plan?: string | null | undefined
  /** Default none. */
  entitlements?: Array<string> | null | undefined
  /** Default `{}`. */
  metadata?: Record<string, unknown> | null | undefined
  /** Kept apart, and no part of the record: see `getPasswordHash`. */
  passwordHash?: string | null | undefined
  /** Ignored: links change through `linkOAuthAccount` and `unlinkOAuthAccount`. */
  oauth?: unknown
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored: set by the store. */
  updatedAt?: unknown
}

/** What `updateUser` changes. A missing field is left alone, `null` clears it. */
export interface UserPatch {
  email?: string | null | undefined
  name?: string | null | undefined
  picture?: string | null | undefined
  plan?: string | null | undefined
  entitlements?: Array<string> | undefined
  metadata?: Record<string, unknown> | null | undefined
  /** Ignored. */
  id?: unknown
  /** Ignored: links change through `linkOAuthAccount` and `unlinkOAuthAccount`. */
  oauth?: unknown
  /** Ignored: set by the store. */
  createdAt?: unknown
  /** Ignored: set by the store. */
  updatedAt?: unknown
}

/** A user. */
export interface UserRecord {
  id: string
  /** What the user is entitled to. */
  entitlements: Array<string>
  metadata: Record<string, unknown>
  createdAt: Date
  updatedAt: Date
  /** As it was typed; unique and looked up without regard to ASCII case. */
  email?: string
  name?: string
  /** URL of a picture. */
  picture?: string
  plan?: string
  /** Links to OAuth providers, by provider; absent when there are none. */
  oauth?: Record<string, OAuthLink>
}

// Without this, helpers above that are not exported would be.
export {};
