import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';

/** What an operator may do. `'*'` allows everything. Nothing is shown to an operator who may not `'read'`. */
export type Permission =
  | 'read'
  | 'users:write'
  | 'users:erase'
  | 'users:export'
  | 'sessions:revoke'
  | 'organizations:write'
  | 'roles:write'
  | 'api-keys:write'
  | 'sso:write'
  | 'events:export'
  | 'system:write'
  | '*';

/** Somebody who uses the console. */
export interface Operator {
  /** Names the person in the audit log, for example by an e-mail address. */
  name: string;
  can: readonly Permission[];
}

export interface ConsoleOptions {
  /**
   * Says who sends a request, or `null` if that person may not use the console. It is asked for every page and action,
   * so that a right that is taken away is gone at once, but not for the style sheet, the script and the icon.
   */
  authorize: (request: Request) => Operator | null | undefined | Promise<Operator | null | undefined>;
  /** The path under which the application serves the console, such as `'/admin'`. Default: `'/'`. */
  basePath?: string | undefined;
  /** Where a browser is sent that `authorize` refuses. Default: it gets a page with the status 403. */
  signInUrl?: string | undefined;
  /** What the pages call the place that they show, for example `'Shop, production'`. Default: `'Auth console'`. */
  title?: string | undefined;
  /** Which types of events the overview counts. */
  events?:
    | {
        /** Default: `user.login` and `user.signed_in`. */
        signIn?: readonly string[] | undefined;
        /** Default: `user.login_failed`, `user.login.failed` and `user.sign_in_failed`. */
        failure?: readonly string[] | undefined;
      }
    | undefined;
  /**
   * Signs the tokens of forms, at least 32 characters. Needed when several processes serve one console, because each
   * has to accept the forms of the others. Default: random, until the process ends.
   */
  secret?: string | undefined;
  /**
   * The origin that browsers see, such as `'https://admin.example.com'`. Needed behind a proxy that changes the header
   * `Host`. Default: that of the request's URL, whatever its scheme.
   */
  origin?: string | undefined;
  /** How many requests an operator may send a minute. Default: 300. */
  requestsPerMinute?: number | undefined;
  /** How many events one CSV file has at most. Default: 100 000. */
  csvRows?: number | undefined;
  /**
   * Further keys of metadata and event data whose values are not shown, without regard to case. docs/console.md lists
   * those whose values never are.
   */
  hiddenKeys?: readonly string[] | undefined;
  /**
   * Receives what goes wrong while a page or file is made: also what `authorize` throws, which may be no `Error`.
   * Default: `console.error`.
   */
  onError?: ((error: unknown, request: Request) => void) | undefined;
}

/** Answers a request to the console. */
export interface ConsoleHandler {
  (request: Request): Promise<Response>;
  /** The path under which it expects to be served. */
  readonly basePath: string;
}

/**
 * Makes a console for a store. Throws a `TypeError` without `authorize`, and for an option that it does not know.
 */
export declare function createConsole(storage: PostgresStorageAdapter, options: ConsoleOptions): ConsoleHandler;

/** All permissions but `'*'`. */
export declare const PERMISSIONS: readonly Exclude<Permission, '*'>[];
