/** A span for each call, and its duration. */

const { attributesOf, attributesOfError, summaryOf } = require('./attributes.js');

/**
 * @import { Tracer } from '@opentelemetry/api'
 * @import { RecordCall } from './metrics.js'
 * @import { Observer } from '../types.js'
 */

/**
 * @param {typeof import('@opentelemetry/api')} api
 * @param {Tracer} tracer
 * @param {RecordCall} recordCall
 * @returns {Observer}
 */
function traceCalls({ SpanKind, SpanStatusCode, context, trace }, tracer, recordCall) {
  return async (call, next) => {
    const attributes = attributesOf(call);
    const summary = summaryOf(call);
    const started = performance.now();
    const span = tracer.startSpan(summary, {
      kind: SpanKind.CLIENT,
      attributes: { ...attributes, 'db.query.summary': summary },
    });
    /** @type {ReturnType<typeof attributesOfError> | undefined} */
    let failed;
    try {
      await context.with(trace.setSpan(context.active(), span), next);
      if (call.rows !== undefined) span.setAttribute('db.response.returned_rows', call.rows);
    } catch (error) {
      failed = attributesOfError(error);
      span.setAttributes(failed);
      // The error's message may have a value of the application's in it.
      span.setStatus({ code: SpanStatusCode.ERROR, message: failed['error.type'] });
      throw error;
    } finally {
      if (call.attempts > 1) span.setAttribute('auth_postgres.attempts', call.attempts);
      span.end();
      recordCall((performance.now() - started) / 1_000, { ...attributes, ...failed });
    }
  };
}

module.exports = { traceCalls };
