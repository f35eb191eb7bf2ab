/** The same types by `require`. */
import authPostgres = require('@kitiumai/auth-postgres');
import testing = require('@kitiumai/auth-postgres/testing');

import type { StorageAdapter } from './storage-adapter.js';

export const storage: StorageAdapter = new authPostgres.PostgresStorageAdapter('postgres://localhost/app');
export const isOurs = (error: unknown): error is authPostgres.InternalError =>
  error instanceof authPostgres.InternalError;
export const test: testing.TestStorageInUse = testing.useTestStorage({ schema: 'auth' });
