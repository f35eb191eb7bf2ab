import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import type { PostgresStorageAdapter } from '../../index.js';

/** The options of `instrument`. */
export interface InstrumentOptions {
  /** Makes the spans. Default: the global provider. */
  tracerProvider?: TracerProvider;
  /** Makes the metrics. Default: the global provider. */
  meterProvider?: MeterProvider;
}

/**
 * Makes a span for each call of an adapter, and metrics of its calls and connections. Returns a function that stops it.
 *
 * A span is of the kind `CLIENT` and includes the retries of its call. Its name is `db.query.summary`, such as
 * `getUserByEmail users`. It has the attributes `db.system.name`, `db.namespace` (the database), `db.collection.name` (the
 * table), `db.operation.name` (the method), `server.address`, `server.port`, and after an error `error.type` (the code) and
 * `db.response.status_code` (the SQLSTATE).
 *
 * The metrics are `db.client.operation.duration`, `db.client.connection.count`, `.max`, `.idle.max`, `.idle.min`,
 * `.pending_requests`, `.timeouts`, `.create_time`, `.wait_time` and `.use_time`, with times in seconds.
 *
 * Throws a `TypeError` if `storage` is no adapter.
 */
export declare function instrument(storage: PostgresStorageAdapter, options?: InstrumentOptions): () => void;
