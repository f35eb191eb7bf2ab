/** Types that only the facade's own files use. They are not published. */
import type { ErrorCode, ErrorContext, InternalError, LogLevel, Pages, PostgresStorageAdapter } from '../index.js';

/** A method of the adapter that crosses to the core as one call. */
export type MethodName = Exclude<keyof PostgresStorageAdapter, 'stats' | 'transaction'>;

/** What a method's promise resolves with. */
export type ResultOf<Name extends MethodName> = Awaited<ReturnType<PostgresStorageAdapter[Name]>>;

/** The methods that return a page of a list. */
export type ListName = {
  [Name in MethodName]: ReturnType<PostgresStorageAdapter[Name]> extends Pages<unknown> ? Name : never;
}[MethodName];

/** A value as JSON carries it: the same value, with text in the place of every Date. */
export type Wire<T> = T extends Date ? string : T extends object ? { [Key in keyof T]: Wire<T[Key]> } : T;

/** Makes a result of what the core answered. It may change the answer in place, because nobody else holds it. */
export type Decode<T> = (answer: Wire<T>) => T;

/** An argument as the native core takes it. */
export type Encoded = string | null | undefined;

/** Checks an argument and makes of it what the native core takes. Throws a `Failure`. */
export type Encode = (value: unknown) => Encoded;

/** The options that every call takes, after they have been checked. */
export interface CheckedCallOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

/** How one method's arguments cross to the core, and how its result comes back. */
export interface Method<Result> {
  encoders: readonly Encode[];
  decode: Decode<Result>;
  /** Whether the result is a page of a list. */
  isList?: boolean;
  /** Reads `signal` and `timeoutMs` out of the arguments of a call. */
  readCallOptions(args: readonly unknown[]): CheckedCallOptions;
}

/** What the core reports as the reason of an error. */
export interface CauseFields {
  name: string;
  message: string;
  [detail: string]: unknown;
}

/** All that an `InternalError` is made of. The core sends errors in this form. */
export interface ErrorFields {
  message: string;
  code: ErrorCode;
  kind: InternalError['kind'];
  severity: InternalError['severity'];
  statusCode: number;
  retryable: boolean;
  context: ErrorContext;
  cause?: CauseFields | null;
}

/** A line of the log. `call` is the id of the call that led to it. */
export interface LogLine {
  level: LogLevel;
  message: string;
  fields: Record<string, unknown>;
  call?: number;
}

/** The core needs a password. `ask` is the question's id, `call` the id of the call that needs the connection. */
export interface PasswordQuestion {
  ask: number;
  call?: number;
}

/** A call took more than one attempt. */
export interface AttemptsReport {
  call: number;
  attempts: number;
}

/** What the core sends that is no result of a call. */
export type CoreEvent = LogLine | PasswordQuestion | AttemptsReport;

/** What somebody can observe: a call, or a transaction, which makes calls. */
export type ObservedName = MethodName | 'transaction';

/** What observers learn of a call. The same object is passed at its beginning and at its end. */
export interface ObservedCall {
  operation: ObservedName;
  server: { address: string; port: number; database: string | undefined };
  /** How often its statement was sent: 0 if the call was refused before. */
  attempts: number;
  /** How many records were returned, or rows counted. `undefined` where a method returns nothing, and before the end. */
  rows: number | undefined;
  error?: unknown;
}

/** What the core says of a call that is observed. */
export interface Progress {
  /** The core's id, once it has the call. */
  id: number | undefined;
  attempts: number;
}

/** Makes a call by `next`, and learns how it ends. */
export type Observer = (call: ObservedCall, next: () => Promise<void>) => Promise<void>;

/** Settles a call's promise with its result or with a `Failure`. */
export type Resolve = (outcome: unknown) => void;

/** Runs a function in the async context of the call that it was made for. */
export type RunInContext = <Args extends unknown[], Result>(work: (...args: Args) => Result, ...args: Args) => Result;

/** A call that the core answers: a method's, or one that only `lib/testing/` makes. */
export type CallName = MethodName | 'runScript';

/** The functions of the native adapter that start a call. They return its id. */
type NativeMethods = { [Name in CallName]: (...args: Encoded[]) => number };

/** The native half of an adapter. */
export interface NativeAdapter extends NativeMethods {
  listen(drain: (chunks: string[]) => void): void;
  stopListening(): void;
  expectGiveUp(): void;
  giveUp(id: number, reason: string): void;
  openTurn(): void;
  closeTurn(resultsAreLeft: boolean): void;
  stats(): string;
  countRefused(operation: string, code: string): void;
  beginTransactionCall(): number;
  endTransactionCall(id: number, code: string | null): void;
  observe(): void;
  takeConnectionTimes(): string;
  server(): string;
  /** The native half of a transaction. Its methods run in the transaction. */
  transaction(options: string, attempt: number, leftMs: number): NativeTransaction;
}

/** The native half of a transaction. */
export interface NativeTransaction extends NativeAdapter {
  beginTransaction(): number;
  failTransaction(): number;
  keepTransaction(): number;
  commitTransaction(): number;
  rollBackTransaction(): number;
  giveUpTransaction(reason: string): void;
}

/** What the native core exports. */
export interface Native {
  PostgresStorageAdapter: new (connectionString: string, options: string, environment: string) => NativeAdapter;
  answerQuestion(id: number, password: string | null, reason: string | null, code: string | null): void;
  errorCodes(): string;
  migrationsChecksum(): string;
  withoutContext(work: () => void): void;
}
