/** The store: one adapter for the process, with one pool of connections. */
import 'server-only';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';

interface Shared {
  storage: PostgresStorageAdapter;
  connected: Promise<void> | undefined;
}

/**
 * Next.js evaluates a module more than once: for each bundle that has it, and in development again after each change. What
 * belongs to the process is kept in a place that belongs to the process.
 */
const ofProcess = globalThis as typeof globalThis & { exampleStore?: Shared };

/** The store, connected. The first call makes the tables, or brings them up to date. */
export async function store(): Promise<PostgresStorageAdapter> {
  ofProcess.exampleStore ??= {
    // Made when it is first needed: `next build` loads this module, too, and has no database.
    storage: new PostgresStorageAdapter(process.env.DATABASE_URL ?? '', {
      max: 10,
      // A page must not wait for long while the database is away.
      connectionTimeoutMillis: 10_000,
      sweepIntervalMs: 60_000,
      logger: console,
      logLevel: 'warn',
    }),
    connected: undefined,
  };
  const shared = ofProcess.exampleStore;
  shared.connected ??= shared.storage.connect().catch((error: unknown) => {
    // The next call tries again.
    shared.connected = undefined;
    throw error;
  });
  await shared.connected;
  return shared.storage;
}
