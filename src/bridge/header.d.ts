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
export type ErrorCode = never; // The build writes the core's codes here.

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
