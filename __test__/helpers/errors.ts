import { InternalError } from '@kitiumai/auth-postgres';

export const STATUS = { conflict: 409, validation: 422, not_found: 404, dependency: 503, internal: 500 } as const;

type Kind = keyof typeof STATUS;

/** Every code without its `auth_postgres/`, and its kind. */
export const KINDS = {
  connection_failed: 'dependency',
  authentication_failed: 'dependency',
  tls_failed: 'dependency',
  pool_timeout: 'dependency',
  not_connected: 'dependency',
  statement_timeout: 'dependency',
  lock_timeout: 'dependency',
  cancelled: 'dependency',
  transaction_aborted: 'internal',
  serialization_failure: 'dependency',
  read_only: 'dependency',
  resource_exhausted: 'dependency',
  migration_failed: 'internal',
  schema_mismatch: 'internal',
  permission_denied: 'internal',
  conflict: 'conflict',
  invalid_reference: 'validation',
  invalid_input: 'validation',
  not_found: 'not_found',
  already_used: 'conflict',
  expired: 'validation',
  query_failed: 'internal',
  internal: 'internal',
} as const satisfies Record<string, Kind>;

export type Code = keyof typeof KINDS;

/** The codes of errors that repeating the call cannot remove. */
const NEVER_RETRYABLE = new Set<Code>([
  'not_connected',
  'transaction_aborted',
  'conflict',
  'invalid_reference',
  'invalid_input',
  'not_found',
  'already_used',
  'expired',
]);

/** Returns the error that the promise rejects with, and fails if it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<InternalError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('value' in outcome) {
    throw new Error(`expected a rejection, got ${JSON.stringify(outcome.value)}`);
  }
  expect(outcome.error).toBeInstanceOf(InternalError);
  return outcome.error as InternalError;
}

/** Checks that the promise rejects with that code and with all that belongs to it. */
export async function expectCode(
  promise: Promise<unknown>,
  code: Code,
  context: Record<string, unknown> = {},
): Promise<InternalError> {
  const error = await rejection(promise);
  const kind = KINDS[code];
  expect({
    name: error.name,
    code: error.code,
    kind: error.kind,
    statusCode: error.statusCode,
    context: error.context,
  }).toEqual({
    name: 'InternalError',
    code: `auth_postgres/${code}`,
    kind,
    statusCode: STATUS[kind],
    context: expect.objectContaining({ operation: expect.any(String), ...context }),
  });
  if (NEVER_RETRYABLE.has(code)) expect(error.retryable).toBe(false);
  return error;
}

/** Checks that the promise rejects because of that field of the input. */
export function expectInvalidInput(promise: Promise<unknown>, field: string): Promise<InternalError> {
  return expectCode(promise, 'invalid_input', { field });
}
