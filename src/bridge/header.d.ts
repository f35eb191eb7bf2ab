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
  /** Absent for a global provider. */
  orgId?: string;
  metadata?: Record<string, unknown>;
  /** Further fields are stored and returned as they were given. */
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
  /** Default: a new UUIDv7. */
  id?: string | null | undefined;
  name: string;
  /** Absent for a global provider. */
  orgId?: string | null | undefined;
  metadata?: Record<string, unknown> | null | undefined;
  /** Ignored, because the store sets it. */
  createdAt?: Date | string | null | undefined;
  /** Ignored, because the store sets it. */
  updatedAt?: Date | string | null | undefined;
  /** Further fields are stored and returned as they were given. */
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
  /** Further fields are stored and returned as they were given. */
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
  metadata?: Record<string, unknown> | null | undefined;
  /** Ignored, because the store sets it. */
  createdAt?: Date | string | null | undefined;
  /** Ignored, because the store sets it. */
  updatedAt?: Date | string | null | undefined;
  /** Further fields are stored and returned as they were given. */
  [key: string]: Further;
}

/** What `updateTwoFactorDevice` changes. A missing field is left as it is, and `null` clears a field. */
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
