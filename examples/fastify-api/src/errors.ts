/** What a client is told when something fails, and what it should do about it. */
import { type ErrorCode, InternalError } from '@kitiumai/auth-postgres';
import type { FastifyError, FastifyInstance } from 'fastify';

/** An answer that a handler decides on. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

interface Answer {
  status: number;
  code: string;
  message: string;
  field?: string | undefined;
  /** After how many seconds the client may send the same request again. */
  retryAfter?: number;
  /** `'unknown'`: the change may have been made. */
  outcome?: 'unknown';
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  'auth_postgres/invalid_input': 400,
  'auth_postgres/invalid_reference': 400,
  'auth_postgres/not_found': 404,
  'auth_postgres/conflict': 409,
  'auth_postgres/already_used': 409,
  // Of a key that is rotated: it has expired, or somebody else was first.
  'auth_postgres/expired': 409,
};

export function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError | InternalError | HttpError, request, reply) => {
    const { status, retryAfter, ...answer } = answerTo(error);
    if (request.untilClientLeaves?.aborted) request.log.info({ code: answer.code }, 'the client has left');
    else if (status >= 500) request.log.error({ err: error }, 'the request has failed');
    if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
    reply.code(status).send({ error: { ...answer, requestId: request.id } });
  });
  app.setNotFoundHandler(() => {
    throw new HttpError(404, 'not_found', 'There is nothing at this address.');
  });
}

function answerTo(error: FastifyError | InternalError | HttpError): Answer {
  if (error instanceof InternalError) return ofStore(error);
  if (error instanceof HttpError) {
    return { status: error.status, code: error.code, message: error.message, field: error.field };
  }
  const [problem] = error.validation ?? [];
  if (problem) {
    const field = problem.params.missingProperty ?? problem.params.additionalProperty;
    const path = problem.instancePath.slice(1).replaceAll('/', '.');
    return { status: 400, code: 'invalid_input', message: error.message, field: String(field ?? path) };
  }
  const { statusCode = 500 } = error;
  // A body that is no JSON, or too large. What else goes wrong is our own affair.
  if (statusCode < 500) return { status: statusCode, code: 'bad_request', message: error.message };
  return { status: 500, code: 'internal', message: 'Something went wrong.' };
}

function ofStore(error: InternalError): Answer {
  const code = error.code.replace('auth_postgres/', '');
  const { field, outcome } = error.context;
  if (outcome === 'unknown') {
    const message =
      'The change may or may not have been made. Read what you wanted to change before you send the request again.';
    return { status: 504, code, message, outcome };
  }
  const status = STATUS[error.code];
  if (status !== undefined) return { status, code, message: error.message, field };
  // Nothing was changed, and the cause passes: a server that restarts, a pool that is exhausted.
  if (error.retryable) return { status: 503, code, message: 'The store cannot be reached. Try again.', retryAfter: 1 };
  if (error.kind === 'dependency') return { status: 503, code, message: 'The store did not answer in time.' };
  return { status: 500, code: 'internal', message: 'Something went wrong.' };
}
