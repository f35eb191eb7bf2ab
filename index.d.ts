/** Text that is one of a few values. */
export type OrganizationRole = 'owner' | 'admin' | 'member';
export type EmailTokenType = 'verify_email' | 'reset_password' | 'change_email' | 'login_link';
export type ProviderType = 'oidc' | 'saml';
export type LinkType = 'saml' | 'oidc' | 'oauth';
export type TwoFactorMethod = 'totp' | 'sms' | 'backup-code';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Pooler = 'none' | 'transaction';
export type HealthState = 'ok' | 'error';
export type MigrationState = 'applied' | 'pending' | 'edited' | 'newer';
export type FindingSeverity = 'ok' | 'notice' | 'warning' | 'error';
export type EventErasure = 'keep' | 'pseudonymise' | 'delete';
export type EventCountStep = 'hour' | 'day';
export type SweepKind =
  | 'emailVerificationTokens'
  | 'twoFactorSessions'
  | 'ssoSessions'
  | 'apiKeys'
  | 'backupCodes'
  | 'sessions'
  | 'events';
export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

/** Every method takes these as its last argument. */
export interface CallOptions {
  /** Aborting rejects the call at once with `auth_postgres/cancelled`. */
  signal?: AbortSignal | null | undefined;
  /** Rejects the call in the same way after so many milliseconds. Default: no limit. */
  timeoutMs?: number | null | undefined;
}

/**
 * What a function given to `transaction` works with. It has the adapter's methods, and none that concerns the adapter as a
 * whole. The library's services take it as their storage.
 */
export interface PostgresTransaction
  extends Omit<
    PostgresStorageAdapter,
    | 'baseline'
    | 'connect'
    | 'diagnose'
    | 'disconnect'
    | 'grants'
    | 'healthCheck'
    | 'migrate'
    | 'migrationSql'
    | 'migrationStatus'
    | 'previewRollback'
    | 'rollback'
    | 'stats'
    | 'transaction'
  > {
  /** A transaction has no such method. With `never`, the library's `StorageAdapter` can be a transaction all the same. */
  readonly connect: never;
  /** A transaction has no such method. */
  readonly disconnect: never;
  /** A transaction has no such method. */
  readonly healthCheck: never;
}

/** Some of the items of a list, in order. */
export interface Page<T> {
  items: T[];
  /** The cursor of the next page, to be passed as `after`. Absent on the last page. */
  next?: string;
}

/**
 * A promise of one page, over which one can also iterate: `for await` walks over all items from that page on, and asks
 * for each page when it comes to it. Nothing is sent before it is awaited or iterated over. `timeoutMs` is the limit of
 * each page.
 */
export interface Pages<T> extends Promise<Page<T>>, AsyncIterable<T> {}

/** Receives the log. The console is one. pino takes the fields first, so that it needs a function for each of these. */
export interface Logger {
  debug(message: string, fields: Record<string, unknown>): void;
  info(message: string, fields: Record<string, unknown>): void;
  warn(message: string, fields: Record<string, unknown>): void;
  error(message: string, fields: Record<string, unknown>): void;
}

/** What went wrong. */
export type ErrorCode =
  | 'auth_postgres/connection_failed'
  | 'auth_postgres/authentication_failed'
  | 'auth_postgres/tls_failed'
  | 'auth_postgres/pool_timeout'
  | 'auth_postgres/not_connected'
  | 'auth_postgres/statement_timeout'
  | 'auth_postgres/lock_timeout'
  | 'auth_postgres/cancelled'
  | 'auth_postgres/transaction_aborted'
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
  /** The field or argument that is wrong. */
  field?: string;
  /** PostgreSQL's SQLSTATE, see its documentation's appendix "PostgreSQL Error Codes". */
  sqlState?: string;
  constraint?: string;
  table?: string;
  column?: string;
  migration?: string;
  /** The server that could not be reached. */
  host?: string;
  port?: number;
  /** How often the statement was tried; in a transaction, how often its function was called. */
  attempts?: number;
  /** The statement was sent, but no answer came, so that it may or may not have taken effect. */
  outcome?: 'unknown';
  /** The rows that prevent a database from being taken over or given back. */
  violations?: Violation[];
}

/** Stored rows that break a rule. */
export interface Violation {
  /** The constraint that will enforce it, if there is one. */
  rule: string;
  table: string;
  /** What is wrong, in words. */
  reason: string;
  /** How many rows there are. */
  count: number;
  /** The ids of the first 20, of sessions and tokens their beginnings. */
  ids: string[];
}

/** The adapter's methods reject with it, and its constructor throws it. */
export declare class InternalError extends Error {
  readonly name: 'InternalError';
  readonly code: ErrorCode;
  readonly kind: 'conflict' | 'validation' | 'not_found' | 'dependency' | 'internal';
  readonly severity: 'fatal' | 'error' | 'warning' | 'info' | 'debug';
  /** The HTTP status that fits. */
  readonly statusCode: number;
  /** Whether the cause is transient, and repeating the call cannot do the work twice. */
  readonly retryable: boolean;
  readonly context: ErrorContext;
  /** The reason given by the server, the system or the TLS library. */
  readonly cause?: Error & Record<string, unknown>;
  toJSON(): Record<string, unknown>;
}

interface ProviderBase {
  name: string;
  /** Absent for a global provider. */
  orgId?: string;
  metadata?: Record<string, unknown>;
  /** Further fields are stored and returned as JSON. */
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

/** The fields of a SAML provider in the library's own types. */
interface EntryPointFields {
  enabled: boolean;
  entryPoint: string;
  issuer: string;
  cert: string;
  identifierFormat?: string;
  wantAssertionsSigned?: boolean;
}

/** Fields of the other shape. They are present only if they were given as well. */
// biome-ignore lint/suspicious/noExplicitAny: the application decides which shape of `SSOProvider` it reads
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

/** An SSO provider. Its fields are in snake_case, as in the library, or those of the library's other SAML shape. */
export type SSOProvider = OIDCProvider | SAMLProvider | EntryPointSAMLProvider;

/** A field of a result as it may be given: a list need not be changeable, and an object may be of any type. */
type Given<T> = T extends (infer Item)[]
  ? readonly Item[]
  : T extends Record<string, unknown>
    ? Record<string, Further>
    : T;
/** `{a?: T}` becomes `{a?: T | null | undefined}`. */
type Loose<T> = { [K in keyof T]: undefined extends T[K] ? Given<T[K]> | null | undefined : Given<T[K]> };
type CamelCase<S> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : S;
/** The same fields, spelled in camelCase. */
type Camelized<T> = { [K in keyof T as CamelCase<K>]: T[K] };

/** Further fields of an input, and what is in its JSON. With `unknown`, an `interface` could not be assigned to it. */
// biome-ignore lint/suspicious/noExplicitAny: the reason above
type Further = any;

interface ProviderInputBase {
  /** Default: a new UUIDv7. */
  id?: string | null | undefined;
  name: string;
  /** Absent for a global provider. */
  orgId?: string | null | undefined;
  metadata?: Record<string, Further> | null | undefined;
  /** Ignored, because the store sets it. */
  createdAt?: Date | string | null | undefined;
  /** Ignored, because the store sets it. */
  updatedAt?: Date | string | null | undefined;
  /** Further fields are stored and returned as JSON. */
  [key: string]: Further;
}

/** What `createSSOProvider` takes. The protocol's fields may be in snake_case or in camelCase. */
export type SSOProviderInput =
  | (ProviderInputBase & { type: 'oidc' } & (Loose<OIDCFields> | Loose<Camelized<OIDCFields>>))
  | (ProviderInputBase & { type: 'saml' } & (
        | Loose<SAMLFields>
        | Loose<Camelized<SAMLFields>>
        | Loose<EntryPointFields>
      ));

/** What `updateSSOProvider` changes. A missing field is left as it is, and `null` clears a field. */
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
  /** Further fields are stored and returned as JSON. */
  [key: string]: unknown;
}

/** What `createTwoFactorDevice` takes. A device of the method `'totp'` needs its `secret`. */
export interface TwoFactorDeviceInput {
  /** Default: a new UUIDv7. */
  id?: string | null | undefined;
  userId: string;
  method: TwoFactorMethod;
  /** Default: `false`. */
  verified?: boolean | null | undefined;
  name?: string | null | undefined;
  phoneNumber?: string | null | undefined;
  secret?: string | null | undefined;
  lastUsedAt?: Date | string | null | undefined;
  verificationCodeExpiresAt?: Date | string | null | undefined;
  /** Default: `{}`. */
  metadata?: Record<string, Further> | null | undefined;
  /** Ignored, because the store sets it. */
  createdAt?: Date | string | null | undefined;
  /** Ignored, because the store sets it. */
  updatedAt?: Date | string | null | undefined;
  /** Further fields are stored and returned as JSON. */
  [key: string]: Further;
}

/** What `updateTwoFactorDevice` changes. A missing field is left as it is, and `null` clears a field. */
export interface TwoFactorDevicePatch {
  userId?: string | undefined;
  method?: TwoFactorMethod | undefined;
  verified?: boolean | undefined;
  lastUsedAt?: Date | string | null | undefined;
  verificationCodeExpiresAt?: Date | string | null | undefined;
  metadata?: Record<string, Further> | null | undefined;
  [key: string]: Further;
}

/** A tenant's SAML configuration, as JSON. Its `createdAt` and `updatedAt` are Dates if they read like the JSON of one. */
export interface TenantSAMLConfig {
  tenantId: string;
  [key: string]: unknown;
}

/** What `storeTenantSAMLConfig` takes. */
export interface TenantSAMLConfigInput {
  tenantId: string;
  [key: string]: Further;
}

/** What `updateTenantSAMLConfig` merges. `null` removes a key. */
export type TenantSAMLConfigPatch = Record<string, Further>;

/** What a request with an API key needs to know. The key belongs either to a user or to an organization. */
export type ApiKeyContext = { apiKey: ApiKeyRecord } & (
  | { user: UserRecord; organization?: never }
  | { user?: never; organization: OrganizationRecord }
);

// What follows is generated from the Rust methods and structs.

/** A store for `@kitiumai/auth` in PostgreSQL. It implements the `StorageAdapter` of that library. */
export declare class PostgresStorageAdapter {
  /**
   * Creates an API key for a user or an organization.
   *
   * Rejects with `invalid_reference` if `principalId` is not the id of a user or an organization, or is the id of
   * both, and with `conflict` if the hash or the id is taken.
   */
  createApiKey(apiKey: ApiKeyInput, options?: CallOptions | null | undefined): Promise<ApiKeyRecord>
  /** Finds an API key by its id, even if it has expired. Resolves with `null` if there is none. */
  getApiKey(id: string, options?: CallOptions | null | undefined): Promise<ApiKeyRecord | null>
  /** Finds an API key by its hash, even if it has expired. Resolves with `null` if there is none. */
  getApiKeyByHash(hash: string, options?: CallOptions | null | undefined): Promise<ApiKeyRecord | null>
  /** Finds API keys by the parts of the key that are shown to users. The newest key comes first. */
  getApiKeysByPrefixAndLastFour(prefix: string, lastFour: string, options?: CallOptions | null | undefined): Promise<Array<ApiKeyRecord>>
  /**
   * Changes an API key. A missing field is left as it is, and `null` clears a field.
   *
   * Rejects with `not_found` if there is no such key, with `conflict` if the hash is taken or the key has been changed
   * since `ifUpdatedAt`, and with `invalid_reference` like `createApiKey`.
   */
  updateApiKey(id: string, patch: ApiKeyPatch, options?: UpdateOptions | null | undefined): Promise<ApiKeyRecord>
  /** Deletes an API key. Does nothing if there is none. */
  deleteApiKey(id: string, options?: CallOptions | null | undefined): Promise<void>
  /** Lists the API keys of a user or an organization, including expired ones. The newest key comes first. */
  listApiKeys(principalId: string, options?: CallOptions | null | undefined): Promise<Array<ApiKeyRecord>>
  /**
   * Generates an API key: `prefix` (default: `'api'`), an underscore and 64 hexadecimal digits. Only the SHA-256
   * hash of the whole key is stored, so the result is the only place where the key can be read.
   *
   * Rejects with `invalid_reference` if `principalId` is not the id of a user or an organization.
   */
  createApiKeyWithSecret(principalId: string, scopes: ReadonlyArray<string>, prefix?: string | null | undefined, options?: CallOptions | null | undefined): Promise<ApiKeyWithSecret>
  /** Finds the record of an API key by the key itself. Resolves with `null` if there is none or it has expired. */
  verifyApiKeySecret(key: string, options?: CallOptions | null | undefined): Promise<ApiKeyRecord | null>
  /**
   * Finds what a request with an API key needs to know, in one round trip: the record of the key, as
   * `verifyApiKeySecret` finds it, and the user or the organization that it belongs to, all as of one moment. Resolves
   * with `null` if there is no such key or it has expired.
   */
  getApiKeyContext(key: string, options?: CallOptions | null | undefined): Promise<ApiKeyContext | null>
  /**
   * Replaces an API key by a new one. The new key has its own id, and the principal, prefix, scopes, metadata and
   * expiry of the old one. The old key expires at `expiresOldKeysAt` (default: now), or earlier if it would have
   * expired earlier.
   *
   * Rejects with `not_found` if there is no such key, and with `expired` if it has expired or has been replaced
   * already. So exactly one of several concurrent calls without `expiresOldKeysAt` succeeds.
   */
  rotateApiKey(id: string, options?: RotateApiKeyOptions | null | undefined): Promise<ApiKeyWithSecret>
  /**
   * Looks for whatever is wrong with the database or soon will be: its tables compared with what the migrations make, the
   * role's privileges, the server's limits, indexes, statistics, expired rows. Changes nothing. Resolves with a finding for
   * each check, those that are as expected included.
   *
   * Comparing the tables needs the right to create a schema in the database, as the role that migrates has. Without it that
   * one check says so.
   *
   * Rejects with `connection_failed`, `authentication_failed` or `tls_failed` if the database cannot be reached.
   */
  diagnose(options?: DiagnoseOptions | null | undefined): Promise<Array<Finding>>
  /**
   * Stores a token that is sent by e-mail.
   *
   * Rejects with `invalid_reference` if there is no such user, and with `conflict` if the id is taken.
   */
  createEmailVerificationToken(token: EmailVerificationTokenInput, options?: CallOptions | null | undefined): Promise<EmailVerificationToken>
  /**
   * Lists the tokens of an e-mail that can still be used, or only those of one type. The newest token comes first.
   * The type may be any string, as in the interface of `@kitiumai/auth`. No tokens are found for an unknown one.
   */
  getEmailVerificationTokens(email: string, type?: EmailTokenType | (string & {}) | null | undefined, options?: CallOptions | null | undefined): Promise<Array<EmailVerificationToken>>
  /**
   * Finds a token by its id. Resolves with `null` if there is none or it has expired. A token that has been used is
   * returned with `usedAt`.
   */
  getEmailVerificationTokenById(id: string, options?: CallOptions | null | undefined): Promise<EmailVerificationToken | null>
  /**
   * Marks a token as used. Exactly one of several concurrent calls succeeds.
   *
   * Rejects with `already_used`, `expired` or `not_found`.
   */
  markEmailVerificationTokenAsUsed(id: string, options?: CallOptions | null | undefined): Promise<EmailVerificationToken>
  /** Deletes expired tokens, in batches of 1 000. Resolves with how many were deleted. */
  deleteExpiredEmailVerificationTokens(options?: CallOptions | null | undefined): Promise<number>
  /** Resolves with how often a token has been tried. This is 0 if there is no such token. */
  getEmailVerificationTokenAttempts(id: string, options?: CallOptions | null | undefined): Promise<number>
  /**
   * Counts an attempt and resolves with the new number of attempts. Concurrent calls are all counted.
   *
   * Rejects with `not_found` if there is no such token.
   */
  incrementEmailVerificationTokenAttempts(id: string, options?: CallOptions | null | undefined): Promise<number>
  /**
   * Writes an event to the audit log. Resolves once the event is committed. Events are kept when the users that they
   * are about are deleted.
   */
  emitEvent(event: EventInput, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Lists events, newest first, in pages. It resolves with the first one, or with the one after `after`, and `for
   * await` walks over all of them.
   */
  listEvents(options?: ListEventsOptions | null | undefined): Pages<EventRecord>
  /**
   * Counts events by type and by hour or day, in UTC: sorted by `start` and `type`, and without those that are zero. The
   * first and the last count hold only what is between `from` and `to`.
   *
   * Rejects with `invalid_input` if there are more than 1 000 hours or days between `from` and `to`, and if the events
   * are of so many types that there would be more than 50 000 counts. Every event of the time asked for is read, so that
   * a long time of a large log may take longer than `statementTimeoutMs` allows.
   */
  countEvents(options?: CountEventsOptions | null | undefined): Promise<Array<EventCount>>
  /**
   * Applies pending migrations, whatever the option `migrate` is. `connect()` does this as well; here one can stop at a
   * migration, or only look at the SQL. Resolves with what was applied.
   *
   * Rejects with `migration_failed`, `schema_mismatch`, or `permission_denied` if the role may not change the tables.
   */
  migrate(options?: MigrateOptions | null | undefined): Promise<MigrateResult>
  /** Says of each migration whether it has been applied. Changes nothing. */
  migrationStatus(options?: CallOptions | null | undefined): Promise<MigrationStatus>
  /**
   * Resolves with the SQL of migrations as a script for psql, for those who run them by hand. If `to` is before `from`,
   * it is the SQL that undoes them. The script names the schema of the option `schema`, or else `public`. Opens no
   * connection.
   */
  migrationSql(options?: MigrationSqlOptions | null | undefined): Promise<string>
  /**
   * Says what `rollback` would do with these options: which migrations it would undo, and which rows would be lost. Changes
   * nothing.
   */
  previewRollback(options: RollbackOptions): Promise<RollbackForecast>
  /**
   * Notes the migrations whose SQL has been run by hand, so that they count as applied. `connect()` does this as well and
   * then applies the others. Resolves with the ids that were noted; none if there is a bookkeeping already.
   *
   * Rejects with `schema_mismatch` if the tables are not exactly as one of the migrations leaves them.
   */
  baseline(options?: CallOptions | null | undefined): Promise<Array<string>>
  /**
   * Resolves with the statements that give a role the least privileges with which it can use the store, but not migrate
   * it. Runs none of them.
   */
  grants(role: string, options?: CallOptions | null | undefined): Promise<Array<string>>
  /**
   * Creates an organization.
   *
   * Rejects with `invalid_input` if a member is named twice or there are more members than seats, with
   * `invalid_reference` if a member is not a user, and with `conflict` if the id is taken.
   */
  createOrganization(organization: OrganizationInput, options?: CallOptions | null | undefined): Promise<OrganizationRecord>
  /** Finds an organization by its id. Resolves with `null` if there is none. */
  getOrganization(id: string, options?: CallOptions | null | undefined): Promise<OrganizationRecord | null>
  /**
   * Lists organizations, newest first, in pages. It resolves with the first one, or with the one after `after`, and
   * `for await` walks over all of them.
   */
  listOrganizations(options?: ListOrganizationsOptions | null | undefined): Pages<OrganizationRecord>
  /** Lists the organizations that a user is a member of, newest first, in pages like those of `listOrganizations`. */
  listUserOrganizations(userId: string, options?: ListOrganizationsOptions | null | undefined): Pages<OrganizationRecord>
  /**
   * Changes an organization. A missing field is left as it is, and `null` clears a field. `members` replaces the
   * whole list.
   *
   * Rejects with `not_found` if there is no such organization, with `conflict` if it has been changed since
   * `ifUpdatedAt`, and else like `createOrganization`.
   */
  updateOrganization(id: string, patch: OrganizationPatch, options?: UpdateOptions | null | undefined): Promise<OrganizationRecord>
  /**
   * Adds a member to an organization, and resolves with the organization.
   *
   * Rejects with `not_found` if there is no such organization, with `conflict` if the user is a member already, with
   * `invalid_input` (`field` is `'members'`) if all seats are taken, and with `invalid_reference` if there is no such
   * user.
   */
  addOrganizationMember(orgId: string, member: AddOrganizationMemberInput, options?: CallOptions | null | undefined): Promise<OrganizationRecord>
  /**
   * Gives a member of an organization another role, and resolves with the organization.
   *
   * Rejects with `not_found` if there is no such organization or the user is not a member of it, and with
   * `invalid_input` (`field` is `'role'`) if that would leave it without an owner.
   */
  setOrganizationMemberRole(orgId: string, userId: string, role: OrganizationRole, options?: CallOptions | null | undefined): Promise<OrganizationRecord>
  /**
   * Removes a member from an organization, and resolves with the organization. Changes nothing if the user is not a
   * member of it.
   *
   * Rejects with `not_found` if there is no such organization, and with `invalid_input` (`field` is `'userId'`) if the
   * user is its last owner.
   */
  removeOrganizationMember(orgId: string, userId: string, options?: CallOptions | null | undefined): Promise<OrganizationRecord>
  /**
   * Deletes an organization with its roles and their assignments, its API keys and its SSO providers. Sessions stay,
   * without their `orgId`. Does nothing if there is no such organization.
   *
   * If it has more than 1 000 rows of a kind, these are deleted first, a thousand at a time and in this order: API keys,
   * role assignments, roles, SSO sessions, links and providers; then sessions lose their `orgId`. The organization is
   * deleted last, together with its members. A call that is given up in between keeps what it has done, and the next
   * one goes on from there.
   */
  deleteOrganization(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Everything that is stored about a person, for the person: one state of the database, without what would open a
   * session or prove an identity. Resolves with `null` if nothing is stored about such a user.
   *
   * Lists hold at most 10 000 rows, and `events` the newest 1 000 or as many as `eventLimit` says; `incomplete` names the
   * lists of which there is more. Older events are exported by a further call with `eventsBefore`.
   */
  exportUser(id: string, options?: ExportUserOptions | null | undefined): Promise<UserExport | null>
  /**
   * Deletes a user with everything that is stored about the person, in one transaction: all that `deleteUser` deletes,
   * e-mail tokens of the user's address that name no user, and the events as `events` says. If there is no such user, only
   * events are changed or deleted.
   *
   * If the user has more than 1 000 rows of a kind or 10 000 events, most of them are deleted before that transaction, as
   * by `deleteUser`. A call that is given up in between keeps what it has done, and the next one goes on from there.
   */
  eraseUser(id: string, options: EraseUserOptions): Promise<void>
  /**
   * How many users, organizations, sessions and API keys there are, at one moment, and about how many events. Sessions
   * count as live or as expired by the clock of the server.
   *
   * All users, sessions and so on are counted, which takes the server some hundred milliseconds for a million of each.
   */
  countRecords(options?: CallOptions | null | undefined): Promise<RecordCounts>
  /**
   * Creates a role of an organization.
   *
   * Rejects with `invalid_reference` if there is no such organization, and with `conflict` if the id is taken.
   */
  createRole(role: RoleInput, options?: CallOptions | null | undefined): Promise<RoleRecord>
  /** Finds a role by its id. Resolves with `null` if there is none. */
  getRole(id: string, options?: CallOptions | null | undefined): Promise<RoleRecord | null>
  /**
   * Changes a role. A missing field is left as it is, and `null` clears a field. `permissions` replaces the whole
   * list.
   *
   * Rejects with `not_found` if there is no such role, with `conflict` if it has been changed since `ifUpdatedAt`, and
   * with `invalid_reference` if there is no such organization, or if the role cannot move to it because the role is
   * assigned to users.
   */
  updateRole(id: string, patch: RolePatch, options?: UpdateOptions | null | undefined): Promise<RoleRecord>
  /** Deletes a role and its assignments. Does nothing if there is no such role. */
  deleteRole(id: string, options?: CallOptions | null | undefined): Promise<void>
  /** Lists the roles of an organization. The newest role comes first. */
  listRoles(orgId: string, options?: CallOptions | null | undefined): Promise<Array<RoleRecord>>
  /**
   * Assigns a role to a user. Does nothing if the user has the role already.
   *
   * Rejects with `invalid_reference` if there is no such user, or if the organization has no such role.
   */
  assignRoleToUser(userId: string, roleId: string, orgId: string, options?: CallOptions | null | undefined): Promise<RoleRecord>
  /** Takes a role away from a user. Does nothing if the user does not have it. */
  revokeRoleFromUser(userId: string, roleId: string, orgId: string, options?: CallOptions | null | undefined): Promise<void>
  /** Lists the roles of a user in an organization. The role that was assigned last comes first. */
  getUserRoles(userId: string, orgId: string, options?: CallOptions | null | undefined): Promise<Array<RoleRecord>>
  /**
   * Creates a session.
   *
   * Rejects with `invalid_reference` if there is no such user or organization, and with `conflict` if the id is
   * taken.
   */
  createSession(session: SessionInput, options?: CallOptions | null | undefined): Promise<SessionRecord>
  /**
   * Finds a session by its id. Resolves with `null` if there is none, or if it has expired by the clock of the
   * server.
   */
  getSession(id: string, options?: CallOptions | null | undefined): Promise<SessionRecord | null>
  /**
   * Lists the sessions of a user, newest first, in pages. It resolves with the first one, or with the one after
   * `after`, and `for await` walks over all of them. Sessions that have expired by the clock of the server are left
   * out, unless `includeExpired` is `true`.
   */
  listUserSessions(userId: string, options?: ListUserSessionsOptions | null | undefined): Pages<SessionRecord>
  /**
   * Finds what a request needs to know of its session, in one round trip: the session, its user, the organization and
   * the roles of the user in it, all as of one moment. Resolves with `null` if there is no such session, or if it has
   * expired by the clock of the server.
   *
   * `orgId` names the organization that the request is about; without it, that is the organization of the session. The
   * result has it only if the user belongs to it, as a member or by a role. Otherwise `organization` is absent and
   * `roles` is empty.
   *
   * `extendTo` moves the expiry of the session to that time in the same statement. It never shortens a session, and
   * never brings back one that has expired. The result has the session as it is afterwards.
   */
  getSessionContext(sessionId: string, options?: SessionContextOptions | null | undefined): Promise<SessionContext | null>
  /**
   * Changes a session. A missing field is left as it is, and `null` clears a field.
   *
   * Rejects with `not_found` if there is no such session or it has expired, with `conflict` if it has been changed since
   * `ifUpdatedAt`, and with `invalid_reference` like `createSession`.
   */
  updateSession(id: string, patch: SessionPatch, options?: UpdateOptions | null | undefined): Promise<SessionRecord>
  /** Deletes a session. Does nothing if there is none. */
  deleteSession(id: string, options?: CallOptions | null | undefined): Promise<void>
  /** Deletes all sessions of a user except the one in `except`. Resolves with how many were deleted. */
  deleteUserSessions(userId: string, options?: DeleteUserSessionsOptions | null | undefined): Promise<number>
  /** Deletes expired sessions, in batches of 1 000. Resolves with how many were deleted. */
  deleteExpiredSessions(options?: DeleteExpiredSessionsOptions | null | undefined): Promise<number>
  /**
   * Creates an SSO provider. The declared fields may be spelled in snake_case or camelCase, and are returned in
   * snake_case. Further fields are stored and returned as JSON.
   *
   * Rejects with `invalid_reference` if there is no such organization, and with `conflict` if the id is taken.
   */
  createSSOProvider(provider: SSOProviderInput, options?: CallOptions | null | undefined): Promise<SSOProvider>
  /** Finds an SSO provider by its id. Resolves with `null` if there is none. */
  getSSOProvider(id: string, options?: CallOptions | null | undefined): Promise<SSOProvider | null>
  /**
   * Changes an SSO provider. A missing field is left as it is, and `null` clears a field.
   *
   * Rejects with `not_found` if there is no such provider, with `conflict` if it has been changed since `ifUpdatedAt`,
   * and with `invalid_input` if a field that its type needs would be missing.
   */
  updateSSOProvider(id: string, patch: SSOProviderPatch, options?: UpdateOptions | null | undefined): Promise<SSOProvider>
  /** Deletes an SSO provider with its links and sessions. Does nothing if there is none. */
  deleteSSOProvider(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Lists all SSO providers, or with `orgId` those of that organization and the global ones. The newest provider
   * comes first.
   */
  listSSOProviders(orgId?: string | null | undefined, options?: CallOptions | null | undefined): Promise<Array<SSOProvider>>
  /**
   * Links a user to an account at an SSO provider.
   *
   * Rejects with `conflict` if the account is linked already or the id is taken, and with `invalid_reference` if
   * there is no such user or provider.
   */
  createSSOLink(link: SSOLinkInput, options?: CallOptions | null | undefined): Promise<SSOLink>
  /** Finds an SSO link by its id. Resolves with `null` if there is none. */
  getSSOLink(id: string, options?: CallOptions | null | undefined): Promise<SSOLink | null>
  /**
   * Finds the SSO link of an account at a provider, and by its `userId` the user who signs in there. Resolves with `null`
   * if the account is linked to nobody.
   */
  getSSOLinkBySubject(providerId: string, providerSubject: string, options?: CallOptions | null | undefined): Promise<SSOLink | null>
  /** Lists the SSO links of a user. The link that was made last comes first. */
  getUserSSOLinks(userId: string, options?: CallOptions | null | undefined): Promise<Array<SSOLink>>
  /** Deletes an SSO link. Does nothing if there is none. */
  deleteSSOLink(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Creates an SSO session.
   *
   * Rejects with `invalid_reference` if there is no such user or provider, and with `conflict` if the id is taken.
   */
  createSSOSession(session: SSOSessionInput, options?: CallOptions | null | undefined): Promise<SSOSession>
  /** Finds an SSO session by its id. Resolves with `null` if there is none or it has expired. */
  getSSOSession(id: string, options?: CallOptions | null | undefined): Promise<SSOSession | null>
  /** Stores the SAML configuration of a tenant. Replaces the configuration that is there, if any. */
  storeTenantSAMLConfig(config: TenantSAMLConfigInput, options?: CallOptions | null | undefined): Promise<void>
  /** Finds the SAML configuration of a tenant. Resolves with `null` if there is none. */
  getTenantSAMLConfig(tenantId: string, options?: CallOptions | null | undefined): Promise<TenantSAMLConfig | null>
  /**
   * Finds the SAML configuration of a tenant together with when the store has created and changed it, for
   * `updateTenantSAMLConfig` with `ifUpdatedAt`. Resolves with `null` if there is none.
   */
  getTenantSAMLConfigRecord(tenantId: string, options?: CallOptions | null | undefined): Promise<TenantSAMLConfigRecord | null>
  /**
   * Merges a patch into the SAML configuration of a tenant. `null` removes a key.
   *
   * Rejects with `not_found` if the tenant has no configuration, and with `conflict` if it has been changed since
   * `ifUpdatedAt`.
   */
  updateTenantSAMLConfig(tenantId: string, patch: TenantSAMLConfigPatch, options?: UpdateTenantSAMLConfigOptions | null | undefined): Promise<void>
  /** Deletes the SAML configuration of a tenant. Does nothing if there is none. */
  deleteTenantSAMLConfig(tenantId: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * The figures of this adapter: calls and errors by method, how long they took, statements, retries, batches, and the
   * connections of the moment. It sends nothing to the server, costs microseconds, and never throws.
   */
  stats(): Stats
  /**
   * Deletes what has expired or has been used up: sessions, e-mail tokens, two-factor sessions, SSO sessions, API keys
   * and backup codes. With the option `retainEventsForDays` months of events that are older are dropped. Resolves with how
   * many rows of each kind were deleted.
   *
   * Rows are deleted in batches, each a statement of its own, with pauses between them. Rows that somebody has locked are
   * left to the next sweep, and a session that is renewed in the same moment stays. Any number of processes may sweep at
   * once. A sweep that is given up or fails keeps what it has done. One that ends is shown by `healthCheck`.
   */
  sweep(options?: SweepOptions | null | undefined): Promise<SweptRows>
  /**
   * Calls a function with a transaction, `tx`, which has the methods of this adapter. What is done by calls on `tx`
   * takes effect together when the function's promise resolves, and not at all if it rejects. Resolves with what the
   * function returns.
   *
   * Calls on `tx` run in their order, on one connection. The first one that rejects ends the transaction, also if
   * the function catches its error: later calls reject with `transaction_aborted`, and `transaction` with that first
   * error. If the function rejects with an error of its own, `transaction` rejects with the same error.
   *
   * Rejects with `serialization_failure` if a concurrent transaction won (see `retries`), with `cancelled` when
   * `timeoutMs` has passed or the signal is aborted, and with `pool_timeout` if no connection becomes free. If the
   * answer to `COMMIT` was lost, `context.outcome` is `'unknown'`.
   */
  transaction<T>(work: (tx: PostgresTransaction) => PromiseLike<T> | T, options?: TransactionOptions | null | undefined): Promise<T>
  /**
   * Creates a two-factor device. Fields beyond the declared ones are stored and returned as JSON.
   *
   * Rejects with `invalid_reference` if there is no such user, and with `conflict` if the id is taken.
   */
  createTwoFactorDevice(device: TwoFactorDeviceInput, options?: CallOptions | null | undefined): Promise<TwoFactorDevice>
  /** Finds a two-factor device by its id. Resolves with `null` if there is none. */
  getTwoFactorDevice(id: string, options?: CallOptions | null | undefined): Promise<TwoFactorDevice | null>
  /**
   * Changes a two-factor device. A missing field is left as it is, and `null` clears a field. `metadata` replaces
   * the whole object, unless `mergeMetadata` is `true`.
   *
   * Rejects with `not_found` if there is no such device, with `conflict` if it has been changed since `ifUpdatedAt`, and
   * with `invalid_input` if a device of the method `totp` would have no secret.
   */
  updateTwoFactorDevice(id: string, patch: TwoFactorDevicePatch, options?: UpdateOptions | null | undefined): Promise<TwoFactorDevice>
  /** Lists the two-factor devices of a user. The newest device comes first. */
  listTwoFactorDevices(userId: string, options?: CallOptions | null | undefined): Promise<Array<TwoFactorDevice>>
  /** Deletes a two-factor device and its sessions. Does nothing if there is none. */
  deleteTwoFactorDevice(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Uses a time step of a device of the method `totp`, so that the code of that step is accepted only once. `step` is
   * the one whose code was given: the seconds since 1970, divided by the period of the codes (mostly 30) and rounded
   * down. Call it after the code has been found to be right, and let the login go on only if it resolves.
   *
   * A step can be used once at each device, and none that is earlier than the latest one used. Exactly one of several
   * concurrent calls succeeds. Using a step changes neither `lastUsedAt` nor `updatedAt` of the device.
   *
   * Rejects with `already_used` if the step or a later one has been used, with `not_found` if there is no such device,
   * and with `invalid_input` if `step` is not a whole number from 0 to 9 007 199 254 740 991.
   */
  useTwoFactorStep(deviceId: string, step: number, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Replaces all backup codes of a user, atomically. Their order is kept. A plain string is stored as the `code`, as
   * it is.
   *
   * Rejects with `invalid_reference` if there is no such user, and with `conflict` if an id is taken.
   */
  createBackupCodes(userId: string, codes: ReadonlyArray<string | BackupCodeInput>, options?: CallOptions | null | undefined): Promise<Array<BackupCode>>
  /** Lists the backup codes of a user, including used ones, in the order in which they were given. */
  getBackupCodes(userId: string, options?: CallOptions | null | undefined): Promise<Array<BackupCode>>
  /**
   * Marks a backup code as used. Exactly one of several concurrent calls succeeds.
   *
   * Rejects with `already_used` or `not_found`.
   */
  markBackupCodeUsed(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Creates a two-factor session, which is a login that is waiting for its second factor.
   *
   * Rejects with `invalid_reference` if there is no such user or device, and with `conflict` if the id is taken.
   */
  createTwoFactorSession(session: TwoFactorSessionInput, options?: CallOptions | null | undefined): Promise<TwoFactorSession>
  /**
   * Finds a two-factor session by its id. Resolves with `null` if there is none or it has expired. A completed
   * session is returned until it expires.
   */
  getTwoFactorSession(id: string, options?: CallOptions | null | undefined): Promise<TwoFactorSession | null>
  /**
   * Completes a two-factor session. Exactly one of several concurrent calls succeeds.
   *
   * Rejects with `already_used` if it has been completed, with `expired` if it has expired or has no attempts left,
   * and with `not_found` if there is none.
   */
  completeTwoFactorSession(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Counts an attempt and resolves with the new number of attempts. Concurrent calls are all counted.
   *
   * Rejects with `expired` if the session has expired or has no attempts left, with `already_used` if it has been
   * completed, and with `not_found` if there is none.
   */
  incrementTwoFactorSessionAttempts(id: string, options?: CallOptions | null | undefined): Promise<number>
  /**
   * Creates a user. E-mails are unique without regard to ASCII case. A `passwordHash` is stored together with the
   * user, but it is not part of the record. It is read with `getPasswordHash`.
   *
   * Rejects with `conflict` if the e-mail or the id is taken.
   */
  createUser(user: UserInput, options?: CallOptions | null | undefined): Promise<UserRecord>
  /** Finds a user by its id. Resolves with `null` if there is none. */
  getUser(id: string, options?: CallOptions | null | undefined): Promise<UserRecord | null>
  /** Finds a user by the e-mail, without regard to ASCII case. Resolves with `null` if there is none. */
  getUserByEmail(email: string, options?: CallOptions | null | undefined): Promise<UserRecord | null>
  /**
   * Lists users, newest first, in pages: the promise resolves with the first one, or with the one after `after`.
   * `for await (const user of storage.listUsers())` walks over all of them, page by page.
   */
  listUsers(options?: ListUsersOptions | null | undefined): Pages<UserRecord>
  /** Finds the user that an OAuth account is linked to. Resolves with `null` if there is none. */
  getUserByOAuth(provider: string, sub: string, options?: CallOptions | null | undefined): Promise<UserRecord | null>
  /**
   * Changes a user. A missing field is left as it is, and `null` clears a field.
   *
   * Rejects with `not_found` if there is no such user, and with `conflict` if the e-mail is taken, or if the user has
   * been changed since `ifUpdatedAt`.
   */
  updateUser(id: string, patch: UserPatch, options?: UpdateOptions | null | undefined): Promise<UserRecord>
  /**
   * Sets the password hash of a user, or removes it if the hash is `null`. The application chooses how passwords are
   * hashed. The hash is stored as it is.
   *
   * Rejects with `not_found` if there is no such user.
   */
  setPasswordHash(userId: string, hash: string | null, options?: CallOptions | null | undefined): Promise<void>
  /** Finds the password hash of a user. Resolves with `null` if the user has none, or if there is no such user. */
  getPasswordHash(userId: string, options?: CallOptions | null | undefined): Promise<string | null>
  /**
   * Deletes a user and everything that belongs to it: sessions, API keys, e-mail tokens, role assignments, OAuth and
   * SSO links, two-factor devices, backup codes, memberships in organizations, and the password hash. Does nothing
   * if there is no such user.
   *
   * If the user has more than 1 000 rows of a kind, these are deleted first, a thousand at a time and in this order: API
   * keys, sessions, SSO sessions, e-mail tokens, two-factor sessions, role assignments, memberships, SSO links, backup
   * codes, and two-factor devices, except for the thousand newest that are verified. The user is deleted last, with
   * everything else. A call that is given up in between keeps what it has done, and the next one goes on from there.
   */
  deleteUser(id: string, options?: CallOptions | null | undefined): Promise<void>
  /**
   * Links an OAuth account to a user, or refreshes the link. A user has one link per provider, so a link with
   * another `sub` replaces the one that is there.
   *
   * Rejects with `conflict` if the account is linked to another user, and with `not_found` if there is no such user.
   */
  linkOAuthAccount(userId: string, provider: string, link: OAuthLinkInput, options?: CallOptions | null | undefined): Promise<UserRecord>
  /**
   * Removes the link of a user to an OAuth provider. Does nothing if there is none.
   *
   * Rejects with `not_found` if there is no such user.
   */
  unlinkOAuthAccount(userId: string, provider: string, options?: CallOptions | null | undefined): Promise<UserRecord>
  /** Does not open a connection. Throws an `InternalError` if the URL or an option is invalid. */
  constructor(connectionString: string, options?: PostgresStorageAdapterOptions)
  /**
   * Checks that the database can be reached, and runs pending migrations. It is not retried, so that a failure is
   * reported at once. It can be called several times, and opens the adapter again after `disconnect()`.
   *
   * Rejects with `connection_failed`, `authentication_failed`, `tls_failed`, `migration_failed`, `schema_mismatch`, or
   * `permission_denied` if the role lacks a right.
   */
  connect(options?: CallOptions | null | undefined): Promise<void>
  /**
   * Stops accepting calls, waits for running ones until the deadline, cancels the rest on the server, and closes all
   * connections. It can be called several times. Later calls reject with `not_connected`, until `connect()` opens
   * the adapter again.
   */
  disconnect(options?: DisconnectOptions | null | undefined): Promise<void>
  /**
   * Undoes migrations until `to` is the last one applied, or until none is applied if `to` is `null`. Resolves with
   * the ids of the migrations that were undone.
   *
   * Rejects with `invalid_input` if tables that hold rows would be dropped and `dropData` is not `true`, with
   * `schema_mismatch` if something that the application has added to the tables would be dropped with them, and with
   * `permission_denied` if the role may not change the tables.
   */
  rollback(options: RollbackOptions): Promise<Array<string>>
  /**
   * Checks once whether the database can serve calls: whether it answers, is not too old, and has the tables and
   * columns of the store, and whether the role may use them. Never rejects.
   */
  healthCheck(options?: CallOptions | null | undefined): Promise<HealthStatus>
}

/** What `addOrganizationMember` takes. */
export interface AddOrganizationMemberInput {
  userId: string
  role: OrganizationRole
  /** Default: now, by the clock of the server. */
  joinedAt?: Date | string | null | undefined
}

/** What `createApiKey` takes. */
export interface ApiKeyInput {
  /** Default: a new UUIDv7. */
  id?: string | null | undefined
  /** The id of a user or an organization. */
  principalId: string
  /** Unique. */
  hash: string
  prefix: string
  lastFour: string
  /** Default: none. */
  scopes?: ReadonlyArray<string> | null | undefined
  /** Default: `{}`. */
  metadata?: Record<string, string> | null | undefined
  /** Default: never. */
  expiresAt?: Date | string | null | undefined
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored, because the store sets it. */
  updatedAt?: unknown
}

/** What `updateApiKey` changes. A missing field is left as it is, and `null` clears a field. */
export interface ApiKeyPatch {
  principalId?: string | undefined
  hash?: string | undefined
  prefix?: string | undefined
  lastFour?: string | undefined
  scopes?: ReadonlyArray<string> | undefined
  /** A value can be `null` only with the option `mergeMetadata`, and removes its key. */
  metadata?: Record<string, string | null> | null | undefined
  expiresAt?: Date | string | null | undefined
  /** Ignored. */
  id?: unknown
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored, because the store sets it. */
  updatedAt?: unknown
}

/** An API key. Only the hash of the key is stored, not the key itself. */
export interface ApiKeyRecord {
  id: string
  /** The id of the user or organization that the key belongs to. */
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

/** A new API key. The key itself is not stored, so it cannot be read again. */
export interface ApiKeyWithSecret {
  record: ApiKeyRecord
  /** `prefix`, an underscore and 64 hexadecimal digits. */
  key: string
}

/** A code that replaces the second factor once, for example after a device was lost. */
export interface BackupCode {
  id: string
  userId: string
  /** The code as it was given. `@kitiumai/auth` hashes codes before it stores them. */
  code: string
  used: boolean
  createdAt: Date
  usedAt?: Date
}

/** A code in `createBackupCodes`. A plain string stands for `{code}`. */
export interface BackupCodeInput {
  /** Default: a new UUIDv7. */
  id?: string | null | undefined
  /** Must equal the argument `userId`. */
  userId?: string | null | undefined
  /** Stored as it is: give the hash of the code. */
  code: string
  /** Default: `true` if `usedAt` is given, else `false`. */
  used?: boolean | null | undefined
  /** Default: now if `used` is `true`, else none. */
  usedAt?: Date | string | null | undefined
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored. */
  updatedAt?: unknown
}

/** A bucket of a histogram. */
export interface Bucket {
  /** The bound. */
  le: number
  /** How many values are less than or equal to the bound. */
  count: number
}

/** The connections. */
export interface ConnectionStats {
  /** How many there may be at most. */
  max: number
  /** How many stay open when they are not used. */
  min: number
  /** How many are open or being opened. */
  total: number
  /** How many of them are not used. */
  idle: number
  /** How many of them are used. */
  used: number
  /** How many calls are waiting for a connection. */
  waiting: number
  /** How many have been opened. */
  opened: number
  /** How many could not be opened. */
  failed: number
}

/** The options of `countEvents`. */
export interface CountEventsOptions extends CallOptions {
  /** Events of this time or later. Default: 24 hours before `to`. */
  from?: Date | string | null | undefined
  /** Events before this time. Default: now, by the clock of the server. */
  to?: Date | string | null | undefined
  /**
   * Whether there is a count for each hour or for each day, in UTC. There may be up to 1 000 of them between `from` and
   * `to`. Default: `'hour'`.
   */
  step?: EventCountStep | null | undefined
  /** Only events of these types, up to 1 000. Default: all. */
  types?: ReadonlyArray<string> | null | undefined
  orgId?: string | null | undefined
  principalId?: string | null | undefined
}

/** The options of `deleteExpiredSessions`. */
export interface DeleteExpiredSessionsOptions extends CallOptions {
  /** How many sessions are deleted at most. Default: all. */
  limit?: number | null | undefined
}

/** The options of `deleteUserSessions`. */
export interface DeleteUserSessionsOptions extends CallOptions {
  /** The id of a session that is not deleted. */
  except?: string | null | undefined
}

/** The options of `diagnose`. */
export interface DiagnoseOptions extends CallOptions {
  /** How many processes connect with the same `max`. Default: 1. */
  processes?: number | null | undefined
}

/** The options of `disconnect`. */
export interface DisconnectOptions {
  /**
   * How long running calls may take to finish, in milliseconds. After that they are cancelled on the server.
   * Default: 5 000.
   */
  timeoutMs?: number | null | undefined
}

/** A token that is sent by e-mail. */
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
  /** Default: a new random UUIDv4. */
  id?: string | null | undefined
  /** Looked up without regard to ASCII case. */
  email: string
  /** Stored as it is. Who keeps the hash alone gives any other text, such as `'only in the e-mail'`. */
  code: string
  /** Stored as it is: whoever uses a token compares the hash of what was given with this one. */
  codeHash: string
  type: EmailTokenType
  userId?: string | null | undefined
  /** Default: `{}`. */
  metadata?: Record<string, Further> | null | undefined
  /** A time in the past is accepted. */
  expiresAt: Date | string
  /** Default: none, so that the token can still be used. */
  usedAt?: Date | string | null | undefined
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored. */
  updatedAt?: unknown
}

/** The options of `eraseUser`. */
export interface EraseUserOptions extends CallOptions {
  /**
   * What happens to the events about the user. `'keep'` leaves them as they are. `'pseudonymise'` replaces the
   * `principalId` by a random one, the same in all of them, and empties their `data`. `'delete'` deletes them.
   */
  events: EventErasure
}

/** How many events of a type there were in an hour or a day. */
export interface EventCount {
  /** When the hour or the day begins. */
  start: Date
  type: string
  count: number
}

/** What `emitEvent` takes. */
export interface EventInput {
  /** For example `'user.login'`. */
  type: string
  principalId: string
  orgId?: string | null | undefined
  data: Record<string, Further>
  timestamp: Date | string
}

/** The place of an event among all events. An event of an export can be given as it is. */
export interface EventPlace {
  timestamp: Date
  id: string
  /** Ignored. */
  type?: unknown
  /** Ignored. */
  orgId?: unknown
  /** Ignored. */
  data?: unknown
}

/** An event of the audit log. */
export interface EventRecord {
  /** A whole number of up to 19 digits. Later events have greater ones. */
  id: string
  type: string
  principalId: string
  data: Record<string, unknown>
  timestamp: Date
  orgId?: string
}

/** An API key in an export, without its hash. */
export interface ExportedApiKey {
  id: string
  prefix: string
  lastFour: string
  scopes: Array<string>
  metadata: Record<string, unknown>
  createdAt: Date
  updatedAt: Date
  expiresAt?: Date
}

/** A backup code in an export, without the code. */
export interface ExportedBackupCode {
  id: string
  used: boolean
  createdAt: Date
  usedAt?: Date
}

/**
 * An e-mail token in an export, without its id and its code. Tokens of the user's e-mail that name no user are among
 * them.
 */
export interface ExportedEmailToken {
  email: string
  type: EmailTokenType
  metadata: Record<string, unknown>
  /** How often the token has been tried. */
  attempts: number
  expiresAt: Date
  createdAt: Date
  usedAt?: Date
}

/** An audit event about the user. */
export interface ExportedEvent {
  id: string
  type: string
  data: Record<string, unknown>
  timestamp: Date
  orgId?: string
}

/** A membership in an organization. */
export interface ExportedMembership {
  orgId: string
  /** The name of the organization. */
  name: string
  role: OrganizationRole
  joinedAt?: Date
}

/** A role that the user has in an organization. */
export interface ExportedRole {
  roleId: string
  orgId: string
  /** The name of the role. */
  name: string
  assignedAt: Date
}

/** A session in an export. Its id is left out, because it opens the session. */
export interface ExportedSession {
  entitlements: Array<string>
  expiresAt: Date
  metadata: Record<string, unknown>
  createdAt: Date
  updatedAt: Date
  orgId?: string
  plan?: string
}

/** An SSO session in an export, without its id and its token. */
export interface ExportedSSOSession {
  providerId: string
  providerType: LinkType
  providerSubject: string
  expiresAt: Date
  linkedAt: Date
  lastAuthAt: Date
}

/**
 * A two-factor device in an export, without its secret, its metadata and its further fields: `@kitiumai/auth` keeps codes
 * there.
 */
export interface ExportedTwoFactorDevice {
  id: string
  /** `'totp'`, `'sms'` or `'backup-code'`. */
  method: string
  verified: boolean
  createdAt: Date
  updatedAt: Date
  name?: string
  phoneNumber?: string
  lastUsedAt?: Date
}

/** A login that waits or waited for its second factor, without its ids and its code. */
export interface ExportedTwoFactorSession {
  deviceId: string
  /** `'totp'`, `'sms'` or `'backup-code'`. */
  method: string
  attemptCount: number
  maxAttempts: number
  expiresAt: Date
  createdAt: Date
  completedAt?: Date
}

/** The options of `exportUser`. */
export interface ExportUserOptions extends CallOptions {
  /** How many events the export holds at most, the newest ones. From 0 to 10 000. Default: 1 000. */
  eventLimit?: number | null | undefined
  /** Only events that are older than this one: the last of an export that does not hold all of them. Default: all. */
  eventsBefore?: EventPlace | null | undefined
}

/** One thing that `diagnose` has looked at. */
export interface Finding {
  /** Names the check in every version: `schema.drift`, `tables.indexes`. Several findings may have the same. */
  id: string
  /**
   * `warning` and `error` mean that something has to be done. With `error`, calls fail, or rows are not safe. `notice` is
   * worth knowing, or could not be checked.
   */
  severity: FindingSeverity
  /** What was looked at, in a few words. */
  title: string
  expected: string
  actual: string
  /** What to do, as SQL where a statement does it. */
  repair?: string
}

/** The result of `healthCheck`. */
export interface HealthStatus {
  status: HealthState
  /** How long the check took, in milliseconds. */
  latencyMs: number
  pool: PoolGauges
  serverVersion?: string
  /** The ids of the migrations that `connect()` would run. */
  pendingMigrations?: Array<string>
  /** The sweep of expired rows that began last, of those that have ended. Absent if there was none. */
  lastSweep?: SweepRecord
  /** The code of the error, if there is one. */
  code?: string
  /** The message of the error, if there is one. */
  message?: string
}

/** A histogram as Prometheus has it. */
export interface HistogramStats {
  /** How many values there are. */
  count: number
  /** The sum of all values. */
  sum: number
  /** The buckets, in the order of their bounds. Values above the last bound are in `count` only. */
  buckets: Array<Bucket>
}

/** The time zones of the two clocks that wrote a database of version 3.x, by IANA name (`Europe/Berlin`). */
export interface LegacyTimeZones {
  /** The time zone of the server, whose `now()` wrote `createdAt` and similar times. */
  server: string
  /** The time zone of the Node.js processes, which wrote `expiresAt` and similar times. */
  client: string
}

/** The options of `listEvents`. */
export interface ListEventsOptions extends CallOptions {
  principalId?: string | null | undefined
  orgId?: string | null | undefined
  type?: string | null | undefined
  /** Events of this time or later. */
  from?: Date | string | null | undefined
  /** Events before this time. */
  to?: Date | string | null | undefined
  /** How many events a page has at most: 1 to 1 000. Default: 50. */
  limit?: number | null | undefined
  /** The `next` of the page before. It belongs to the same filters. */
  after?: string | null | undefined
}

/** The options of `listOrganizations` and `listUserOrganizations`. */
export interface ListOrganizationsOptions extends CallOptions {
  /** How many organizations a page has at most: 1 to 1 000. Default: 50. */
  limit?: number | null | undefined
  /** The `next` of the page before. */
  after?: string | null | undefined
}

/** The options of `listUserSessions`. */
export interface ListUserSessionsOptions extends CallOptions {
  /** Whether sessions that have expired, but have not been deleted, are in the list. Default: `false`. */
  includeExpired?: boolean | null | undefined
  /** How many sessions a page has at most: 1 to 1 000. Default: 50. */
  limit?: number | null | undefined
  /** The `next` of the page before. It belongs to the same user and filters, and holds the id of a session. */
  after?: string | null | undefined
}

/** The options of `listUsers`. */
export interface ListUsersOptions extends CallOptions {
  /** The beginning of the e-mail, without regard to ASCII case. An empty one filters nothing. */
  emailPrefix?: string | null | undefined
  plan?: string | null | undefined
  /** Users created at this time or later. */
  createdFrom?: Date | string | null | undefined
  /** Users created before this time. */
  createdTo?: Date | string | null | undefined
  /** How many users a page has at most: 1 to 1 000. Default: 50. */
  limit?: number | null | undefined
  /** The `next` of the page before. It belongs to the same filters. */
  after?: string | null | undefined
}

/** The calls of one method. */
export interface MethodStats {
  /** How many calls have not been answered yet. */
  running: number
  /** How many calls have failed, by the code of the error. */
  errors: Record<string, number>
  /** How long the calls took, in seconds. Its `count` is the number of calls that were answered. */
  durationSeconds: HistogramStats
}

/** The options of `migrate`. */
export interface MigrateOptions extends CallOptions {
  /** The id of the last migration to apply. Default: all of them. */
  to?: string | null | undefined
  /** Whether nothing is applied, and the SQL is returned instead. Default: `false`. */
  dryRun?: boolean | null | undefined
}

/** What `migrate` has done, or would do. */
export interface MigrateResult {
  /** The ids of the migrations that were applied; with `dryRun`, of those that would be. */
  migrations: Array<string>
  /** With `dryRun`: what would run, as a script for psql. */
  sql?: string
}

/** One migration. */
export interface MigrationEntry {
  id: string
  /**
   * `edited`: it was applied in another form than this version of the package has. `newer`: this version does not know
   * it.
   */
  state: MigrationState
  appliedAt?: Date
  /** How long it took to apply, in milliseconds. */
  durationMs?: number
}

/** The options of `migrationSql`. */
export interface MigrationSqlOptions extends CallOptions {
  /** The id of the last migration that has been applied. Default: none has been. */
  from?: string | null | undefined
  /** The id of the last migration that is applied afterwards; `null` for none. Default: the last one there is. */
  to?: string | null | undefined
}

/** Which migrations have been applied to a database. */
export interface MigrationStatus {
  /** The schema of the tables. */
  schema: string
  /** The version of the TypeScript adapter from which the database was taken over, if it was. */
  takenOverFrom?: string
  /** In the order in which they are applied. */
  migrations: Array<MigrationEntry>
}

/** A link between a user and an account at an OAuth provider. */
export interface OAuthLink {
  provider: string
  /** The id of the account at the provider (the `sub` claim). */
  sub: string
  linkedAt: Date
  email?: string
  name?: string
}

/** What `linkOAuthAccount` takes. */
export interface OAuthLinkInput {
  /** Must equal the argument `provider`. */
  provider: string
  /** The id of the account at the provider (the `sub` claim). */
  sub: string
  email?: string | null | undefined
  name?: string | null | undefined
  /** Default: now. */
  linkedAt?: Date | string | null | undefined
}

/** What `createOrganization` takes. */
export interface OrganizationInput {
  /** Default: a new UUIDv7. */
  id?: string | null | undefined
  name: string
  plan: string
  /** How many members there can be at most. */
  seats: number
  /** Default: none. */
  members?: ReadonlyArray<OrganizationMemberInput> | null | undefined
  /** Default: `{}`. */
  metadata?: Record<string, Further> | null | undefined
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored, because the store sets it. */
  updatedAt?: unknown
}

/** A member of an organization. */
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

/** What `updateOrganization` changes. A missing field is left as it is, and `null` clears a field. */
export interface OrganizationPatch {
  name?: string | undefined
  plan?: string | undefined
  /** How many members there can be at most. */
  seats?: number | undefined
  /** Replaces the whole list. */
  members?: ReadonlyArray<OrganizationMemberInput> | undefined
  metadata?: Record<string, Further> | null | undefined
  /** Ignored. */
  id?: unknown
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored, because the store sets it. */
  updatedAt?: unknown
}

/** An organization. */
export interface OrganizationRecord {
  id: string
  name: string
  plan: string
  /** How many members there can be at most. */
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
  /** Default: a new UUIDv7. */
  id?: string | null | undefined
  name: string
  description?: string | null | undefined
  resource: string
  action: string
  metadata?: Record<string, Further> | null | undefined
}

/** The connections of the pool. */
export interface PoolGauges {
  /** How many connections are open or being opened. */
  total: number
  /** How many of them are not used. */
  idle: number
  /** How many calls are waiting for a connection. */
  waiting: number
}

/** The options of node-postgres' `PoolConfig`, and further ones. The constructor throws if an option is unknown. */
export interface PostgresStorageAdapterOptions {
  /** The maximum number of connections in the pool. Default 10. */
  max?: number | null | undefined
  /** How many connections stay open even if they are idle. Default 0. */
  min?: number | null | undefined
  /** After how many milliseconds an idle connection is closed. 0 keeps it open. Default 10 000. */
  idleTimeoutMillis?: number | null | undefined
  /** How many milliseconds a call waits for a connection. 0 is no limit. Default 30 000. */
  connectionTimeoutMillis?: number | null | undefined
  /** After how many seconds a connection is replaced by a new one. 0 is never. Default 1 800. */
  maxLifetimeSeconds?: number | null | undefined
  /** After how many uses a connection is replaced by a new one. 0 is never. Default 0. */
  maxUses?: number | null | undefined
  /** After how many milliseconds the server ends a statement. 0 is never. Default 5 000. */
  statementTimeoutMs?: number | null | undefined
  /** The same by the name that node-postgres has for it. `false` means 0. */
  statement_timeout?: number | false | null | undefined
  /**
   * After how many milliseconds the server ends a statement that waits for a lock. 0 is never. Default: the server's
   * setting.
   */
  lock_timeout?: number | null | undefined
  /**
   * After how many milliseconds the server ends a session that is idle inside a transaction. 0 is never. Default: the
   * server's setting.
   */
  idle_in_transaction_session_timeout?: number | null | undefined
  /** After how many milliseconds a call is rejected, and cancelled on the server. 0 is never. Default 0. */
  query_timeout?: number | null | undefined
  /** The name that `pg_stat_activity` shows for the connections. Default `auth-postgres`. */
  application_name?: string | null | undefined
  /** Whether the operating system probes idle connections to the server (TCP keepalive). Default `false`. */
  keepAlive?: boolean | null | undefined
  /** Command-line options for the server process, such as `-c geqo=off`. */
  options?: string | null | undefined
  /** How many more times a call is attempted after a transient failure. Default 2. */
  maxRetries?: number | null | undefined
  /**
   * Overrides the hosts of the URL. Several hosts are separated by commas, and are tried in turn. A host that begins
   * with `/` is the directory of a Unix socket.
   */
  host?: string | null | undefined
  /** Overrides the ports of the URL. */
  port?: number | null | undefined
  /** Overrides the user of the URL. */
  user?: string | null | undefined
  /** Overrides the password of the URL. A function is called for each new connection, and may return a promise. */
  password?: string | (() => string | Promise<string>) | null | undefined
  /** Overrides the database of the URL. */
  database?: string | null | undefined
  /** Whether connections are encrypted. `true` verifies the server's certificate. Default: what the URL says. */
  ssl?: boolean | SslOptions | null | undefined
  /**
   * Whether the process may end while the pool is idle. If `false`, the adapter keeps the process running until
   * `disconnect()`. Default `true`.
   */
  allowExitOnIdle?: boolean | null | undefined
  /**
   * The schema of the adapter's tables. `connect()` creates it if it does not exist. Default: the first schema of the
   * connection's `search_path`.
   */
  schema?: string | null | undefined
  /**
   * The kind of connection pooler between the adapter and the server: `'transaction'` for PgBouncer and similar poolers
   * in transaction mode. Default `'none'`.
   */
  pooler?: Pooler | null | undefined
  /**
   * Receives the log: an object with the methods `debug`, `info`, `warn` and `error`, which are called with a message and
   * an object of fields. Default: nothing is logged.
   */
  logger?: Logger | null | undefined
  /** The lowest level that is sent to `logger`. Default `'debug'`. */
  logLevel?: LogLevel | null | undefined
  /** Calls that take at least so many milliseconds are logged as `warn`, with the message `slow call`. 0 is never. Default 0. */
  slowCallMs?: number | null | undefined
  /** Whether `connect()` runs pending migrations. Default `true`. */
  migrate?: boolean | null | undefined
  /**
   * After how many milliseconds expired rows are deleted again in the background, as by `sweep()`, from `connect()` to
   * `disconnect()`. Of all processes with this option, one does so at a time. At least 1 000; 0 is never. Default 0.
   */
  sweepIntervalMs?: number | null | undefined
  /**
   * How many days events are kept. `connect()` drops months that are older as a whole, so that an event stays up to a
   * month longer. At least 1. Default: events are kept for ever.
   */
  retainEventsForDays?: number | null | undefined
  /** The time zone of the times in a database of version 3.x, for when `connect()` takes it over. Default `'UTC'`. */
  legacyTimeZone?: string | LegacyTimeZones | null | undefined
}

/** How many records there are, at one moment. */
export interface RecordCounts {
  users: number
  organizations: number
  liveSessions: number
  /** Sessions that have expired and have not been deleted yet. */
  expiredSessions: number
  /** Also those that have expired. */
  apiKeys: number
  /**
   * About how many events there are. Up to 10 000 are counted. If there are more, this is what the server has learnt
   * about the table when it was last vacuumed or analysed, in proportion to the present size of the table.
   */
  estimatedEvents: number
}

/** What `createRole` takes. */
export interface RoleInput {
  /** Default: a new UUIDv7. */
  id?: string | null | undefined
  orgId: string
  name: string
  description?: string | null | undefined
  /** Default: none. */
  permissions?: ReadonlyArray<PermissionInput> | null | undefined
  /** Default: `false`. */
  isSystem?: boolean | null | undefined
  /** Default: `{}`. */
  metadata?: Record<string, Further> | null | undefined
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored, because the store sets it. */
  updatedAt?: unknown
}

/** What `updateRole` changes. A missing field is left as it is, and `null` clears a field. */
export interface RolePatch {
  orgId?: string | undefined
  name?: string | undefined
  description?: string | null | undefined
  /** Replaces the whole list. */
  permissions?: ReadonlyArray<PermissionInput> | undefined
  isSystem?: boolean | undefined
  metadata?: Record<string, Further> | null | undefined
  /** Ignored. */
  id?: unknown
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored, because the store sets it. */
  updatedAt?: unknown
}

/** A role of an organization. */
export interface RoleRecord {
  id: string
  orgId: string
  name: string
  permissions: Array<Permission>
  /** Whether the application has created the role, and not a user. */
  isSystem: boolean
  metadata: Record<string, unknown>
  createdAt: Date
  updatedAt: Date
  description?: string
}

/** What a rollback would come to. */
export interface RollbackForecast {
  /** The ids of the migrations that would be undone, the newest first. */
  migrations: Array<string>
  /** The tables that would be dropped. */
  tables: Array<TableRows>
  /**
   * Whether the rows would be kept all the same, because the database would be given back to the TypeScript adapter from
   * which it was taken over.
   */
  givesBack: boolean
}

/** The options of `rollback`. */
export interface RollbackOptions extends CallOptions {
  /** The id of the migration that is the last one applied afterwards. `null` rolls all of them back. */
  to: string | null
  /** Whether tables that hold rows may be dropped. Default: `false`, so that such a table stops the rollback. */
  dropData?: boolean | null | undefined
}

/** How `rotateApiKey` treats the old key. */
export interface RotateApiKeyOptions extends CallOptions {
  /** When the old key expires, unless it expires sooner anyway. Default: now. */
  expiresOldKeysAt?: Date | string | null | undefined
}

/** What a request needs to know of its session. */
export interface SessionContext {
  session: SessionRecord
  user: UserRecord
  /**
   * The organization of the call or, without one, of the session. Absent if there is none, or if the user neither is
   * a member of it nor has a role in it.
   */
  organization?: OrganizationRecord
  /** The roles of the user in the organization. The role that was assigned last comes first. */
  roles: Array<RoleRecord>
}

/** The options of `getSessionContext`. */
export interface SessionContextOptions extends CallOptions {
  /** The organization that the request is about. Default: that of the session. */
  orgId?: string | null | undefined
  /** Moves the expiry of the session to this time, unless it expires later anyway. Default: the expiry stays. */
  extendTo?: Date | string | null | undefined
}

/** What `createSession` takes. */
export interface SessionInput {
  /** Default: a new random UUIDv4. */
  id?: string | null | undefined
  userId: string
  orgId?: string | null | undefined
  plan?: string | null | undefined
  /** Default: none. */
  entitlements?: ReadonlyArray<string> | null | undefined
  /** A time in the past is accepted. */
  expiresAt: Date | string
  /** Default: `{}`. */
  metadata?: Record<string, Further> | null | undefined
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored, because the store sets it. */
  updatedAt?: unknown
}

/** What `updateSession` changes. A missing field is left as it is, and `null` clears a field. */
export interface SessionPatch {
  userId?: string | undefined
  orgId?: string | null | undefined
  plan?: string | null | undefined
  entitlements?: ReadonlyArray<string> | undefined
  expiresAt?: Date | string | undefined
  metadata?: Record<string, Further> | null | undefined
  /** Ignored. */
  id?: unknown
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored, because the store sets it. */
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

/**
 * How connections are encrypted, with the options of Node's `tls.connect`. A field that is absent is taken from the files
 * that the URL names, or from the `PG*` variables.
 */
export interface SslOptions {
  /**
   * Whether the server's certificate is verified. If `false`, the connection is encrypted, but with whoever answers.
   * Default `true`.
   */
  rejectUnauthorized?: boolean | null | undefined
  /** The certificate authorities to trust instead of the system's, in PEM. */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | null | undefined
  /** The client certificate, with the chain to its authority, in PEM. */
  cert?: string | Uint8Array | readonly (string | Uint8Array)[] | null | undefined
  /** The private key of the client certificate, in PEM. */
  key?: string | Uint8Array | readonly (string | Uint8Array)[] | null | undefined
  /** The passphrase of the private key. */
  passphrase?: string | null | undefined
  /** The name for which the server's certificate must have been issued. Default: the host. */
  servername?: string | null | undefined
}

/** A link between a user and an account at an SSO provider. */
export interface SSOLink {
  id: string
  userId: string
  providerId: string
  providerType: LinkType
  /** The id of the user at the provider. It is unique there. */
  providerSubject: string
  /** Whether the user was created by the first login. */
  autoProvisioned: boolean
  metadata: Record<string, unknown>
  linkedAt: Date
  lastAuthAt: Date
  providerEmail?: string
}

/** What `createSSOLink` takes. */
export interface SSOLinkInput {
  /** Default: a new UUIDv7. */
  id?: string | null | undefined
  userId: string
  providerId: string
  providerType: LinkType
  /** The id of the user at the provider. It is unique there. */
  providerSubject: string
  providerEmail?: string | null | undefined
  /** Default: `false`. */
  autoProvisioned?: boolean | null | undefined
  /** Default: `{}`. */
  metadata?: Record<string, Further> | null | undefined
  /** Default: now. */
  linkedAt?: Date | string | null | undefined
  /** Default: now. */
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
  /** Default: a new random UUIDv4. */
  id?: string | null | undefined
  userId: string
  providerId: string
  providerType: LinkType
  providerSubject: string
  sessionToken?: string | null | undefined
  /** A time in the past is accepted. */
  expiresAt: Date | string
  /** Default: now. */
  linkedAt?: Date | string | null | undefined
  /** Default: now. */
  lastAuthAt?: Date | string | null | undefined
  /** Ignored. */
  createdAt?: unknown
  /** Ignored. */
  updatedAt?: unknown
}

/** A statement that is running. */
export interface StatementStats {
  /** The method that it is for. */
  operation: string
  /** For how long, in milliseconds. */
  durationMs: number
}

/** What `stats` returns. Everything counts from the construction of the adapter on. */
export interface Stats {
  /** The methods that have been called, by their names. */
  calls: Record<string, MethodStats>
  /** How many statements were sent, of which each may have served many calls. */
  statements: number
  /** How many of these repeated an earlier attempt. */
  retries: number
  /** How many calls the statements served, of the kinds of calls that may share one. */
  batchSizes: HistogramStats
  connections: ConnectionStats
  /** The statements that have been running longest, the oldest first, at most ten. */
  running: Array<StatementStats>
}

/** The options of `sweep`. */
export interface SweepOptions extends CallOptions {
  /** Which kinds of rows are deleted. Default: all. */
  kinds?: ReadonlyArray<SweepKind> | null | undefined
  /**
   * Only rows that expired, or were used, at this time or before are deleted. A time in the future means now. Default:
   * now for sessions, two-factor sessions, SSO sessions and e-mail tokens that have expired, a day ago for e-mail
   * tokens that have been used, and 30 days ago for API keys and used backup codes.
   */
  olderThan?: Date | string | null | undefined
  /** How many rows of each kind are deleted at most. Default: all. */
  limit?: number | null | undefined
  /** How many rows one statement deletes at most, from 1 to 10 000. Default: 1 000. */
  batchSize?: number | null | undefined
  /** Whether rows are only counted, and none is deleted. Default: `false`. */
  dryRun?: boolean | null | undefined
}

/** A sweep that has ended. */
export interface SweepRecord {
  startedAt: Date
  /** How long it took, in milliseconds. */
  durationMs: number
  /** How many rows of each kind it deleted. */
  deleted: SweptRows
  /** Whether it ran in the background, because of the option `sweepIntervalMs`. */
  isBackground: boolean
}

/** How many rows of each kind a sweep has deleted. Kinds that it was not to delete are absent. */
export interface SweptRows {
  emailVerificationTokens?: number
  twoFactorSessions?: number
  ssoSessions?: number
  apiKeys?: number
  backupCodes?: number
  sessions?: number
  /** How many months of events were dropped. Absent without the option `retainEventsForDays`, and in a dry run. */
  eventMonths?: number
}

/** How many rows a table has. */
export interface TableRows {
  table: string
  rows: number
}

/** A tenant's SAML configuration with the times that the store keeps of it. */
export interface TenantSAMLConfigRecord {
  tenantId: string
  /** The configuration, as `getTenantSAMLConfig` returns it. */
  config: TenantSAMLConfig
  createdAt: Date
  updatedAt: Date
}

/** The options of `transaction`. */
export interface TransactionOptions extends CallOptions {
  /** What the transaction sees of others, as PostgreSQL defines it. Default: `'read committed'`. */
  isolationLevel?: IsolationLevel | null | undefined
  /** Whether writes are refused. Default: `false`. */
  readOnly?: boolean | null | undefined
  /**
   * How often the function is called again after PostgreSQL has undone the transaction because of a concurrent
   * one (SQLSTATE 40001 or 40P01). Default: 0, because the function may do more than what is undone.
   */
  retries?: number | null | undefined
  /** After how many milliseconds the transaction is ended, including waits and retries. Default: 30 000. */
  timeoutMs?: number | null | undefined
}

/** A login that is waiting for its second factor. */
export interface TwoFactorSession {
  id: string
  userId: string
  /** Id of the pending login. It is not the id of a session. */
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
  /** Default: a new random UUIDv4. */
  id?: string | null | undefined
  userId: string
  /** Id of the pending login. It need not be the id of a session. */
  sessionId: string
  deviceId: string
  method: TwoFactorMethod
  /** May be a hash. */
  verificationCode?: string | null | undefined
  /** Default: 0. */
  attemptCount?: number | null | undefined
  /** Default: 5. */
  maxAttempts?: number | null | undefined
  /** A time in the past is accepted. */
  expiresAt: Date | string
  /** Default: none, so that the session can still be completed. */
  completedAt?: Date | string | null | undefined
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored. */
  updatedAt?: unknown
}

/** The options of an update. */
export interface UpdateOptions extends CallOptions {
  /**
   * The `updatedAt` that the record must still have. If somebody has changed it since, the call rejects with
   * `conflict`, and `context.field` is `'updatedAt'`. Default: the record is changed whatever its `updatedAt` is.
   */
  ifUpdatedAt?: Date | string | null | undefined
  /**
   * Whether the keys given in `metadata` are set, and those given as `null` removed, while all other keys stay as
   * they are. Only the first level is merged. Default: `false`, which replaces the whole metadata.
   */
  mergeMetadata?: boolean | null | undefined
}

/** The options of `updateTenantSAMLConfig`. */
export interface UpdateTenantSAMLConfigOptions extends CallOptions {
  /**
   * The `updatedAt` that the configuration must still have, as `getTenantSAMLConfigRecord` returns it. If somebody
   * has changed it since, the call rejects with `conflict`, and `context.field` is `'updatedAt'`. Default: it is
   * changed whatever its `updatedAt` is.
   */
  ifUpdatedAt?: Date | string | null | undefined
}

/**
 * Everything that is stored about a person, but without what would open a session or prove an identity: ids of sessions and
 * tokens, hashes, codes and secrets. At most 10 000 rows of each kind.
 */
export interface UserExport {
  /** Absent if the user has been deleted, and only events are left. */
  user?: UserRecord
  /** Whether there is a password. Its hash is left out. */
  hasPassword: boolean
  sessions: Array<ExportedSession>
  apiKeys: Array<ExportedApiKey>
  organizations: Array<ExportedMembership>
  roles: Array<ExportedRole>
  emailVerificationTokens: Array<ExportedEmailToken>
  ssoLinks: Array<SSOLink>
  ssoSessions: Array<ExportedSSOSession>
  twoFactorDevices: Array<ExportedTwoFactorDevice>
  backupCodes: Array<ExportedBackupCode>
  twoFactorSessions: Array<ExportedTwoFactorSession>
  /** The newest events first. */
  events: Array<ExportedEvent>
  /** The names of those lists here that do not hold everything, because there is more than an export takes. */
  incomplete: Array<string>
}

/** What `createUser` takes. */
export interface UserInput {
  /** Default: a new UUIDv7. */
  id?: string | null | undefined
  /** Any non-empty string. Its syntax is not checked. */
  email?: string | null | undefined
  name?: string | null | undefined
  /** The URL of a picture. */
  picture?: string | null | undefined
  /** Default: `'free'`. */
  plan?: string | null | undefined
  /** Default: none. */
  entitlements?: ReadonlyArray<string> | null | undefined
  /** Default: `{}`. */
  metadata?: Record<string, Further> | null | undefined
  /** Not part of the record. It is read with `getPasswordHash`. */
  passwordHash?: string | null | undefined
  /** Ignored. Links are changed with `linkOAuthAccount` and `unlinkOAuthAccount`. */
  oauth?: unknown
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored, because the store sets it. */
  updatedAt?: unknown
}

/** What `updateUser` changes. A missing field is left as it is, and `null` clears a field. */
export interface UserPatch {
  email?: string | null | undefined
  name?: string | null | undefined
  picture?: string | null | undefined
  plan?: string | null | undefined
  entitlements?: ReadonlyArray<string> | undefined
  metadata?: Record<string, Further> | null | undefined
  /** Ignored. */
  id?: unknown
  /** Ignored. Links are changed with `linkOAuthAccount` and `unlinkOAuthAccount`. */
  oauth?: unknown
  /** Ignored, because the store sets it. */
  createdAt?: unknown
  /** Ignored, because the store sets it. */
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
  /** The e-mail as it was given. It is unique and looked up without regard to ASCII case. */
  email?: string
  name?: string
  /** The URL of a picture. */
  picture?: string
  plan?: string
  /** The links to OAuth providers, by provider. Absent if there are none. */
  oauth?: Record<string, OAuthLink>
}

// Without this, helpers above that are not exported would be.
export {};
