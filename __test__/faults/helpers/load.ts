import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { InternalError, type PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { emailTokenInput, eventInput, inAnHour, sessionInput, sha256, userInput } from '../../helpers/fixtures';
import { Ledger } from './ledger';
import type { Witness } from './witness';

/** Looks into the tables past the adapter. */
// biome-ignore lint/suspicious/noExplicitAny: a row has the columns that the query has asked for
export type Query = (sql: string, parameters?: unknown[]) => Promise<any[]>;

const RECENT = 200;

/** Of several callers who spend one token all but one are told so. */
function lost(error: unknown): 'lost' {
  if (error instanceof InternalError && error.code === 'auth_postgres/already_used') return 'lost';
  throw error;
}

/** Part of every value that the load writes, so that one that leaks is recognised. */
export function newMark(): string {
  return `s3cr3t${randomBytes(8).toString('hex')}`;
}

/**
 * Mixed work on an adapter that remembers what callers were told: creates with ids of either side's
 * making, deletes, updates, events, a counter, tokens spent by two callers at once, reads.
 */
export class Load {
  readonly ledgers = {
    session: new Ledger(),
    user: new Ledger(),
    event: new Ledger(),
    token: new Ledger(),
    /** By the token's number. */
    spent: new Ledger(),
  };
  /** Calls that ended well. */
  successes = 0;
  calls = 0;
  /** What a caller was told and cannot be so; found while the load ran. */
  private readonly contradictions: string[] = [];
  private readonly counter = { id: '', acknowledged: new Set<number>(), unknown: 0 };
  private readonly names: { userId: string; last: number; possible: number[]; next: number }[] = [];
  private readonly recent: { id: string; n: number }[] = [];
  private readonly workers: Promise<void>[] = [];
  private userId = '';
  private running = false;
  private turn = 0;

  constructor(
    private readonly storage: PostgresStorageAdapter,
    private readonly witness: Witness,
    private readonly mark: string,
  ) {}

  /** Starts so many callers, each waiting `pauseMs` between its calls. */
  async start(callers: number, pauseMs = 2): Promise<void> {
    this.userId = (await this.storage.createUser(userInput({ name: this.mark }))).id;
    const token = await this.storage.createEmailVerificationToken(emailTokenInput({ metadata: { mark: this.mark } }));
    this.counter.id = token.id;
    this.running = true;
    for (let caller = 0; caller < callers; caller++) {
      const { id } = await this.storage.createUser(userInput({ name: `${this.mark} 0` }));
      this.names.push({ userId: id, last: 0, possible: [], next: 1 });
      this.workers.push(this.work(caller, pauseMs));
    }
  }

  /** Resolves once so many more calls have ended well. */
  async progress(successes: number, limitMs: number): Promise<boolean> {
    const goal = this.successes + successes;
    const deadline = Date.now() + limitMs;
    while (this.successes < goal && Date.now() < deadline) await sleep(5);
    return this.successes >= goal;
  }

  /** Waits for the calls under way; false when some do not end. */
  async stop(limitMs: number): Promise<boolean> {
    this.running = false;
    const ended = Promise.all(this.workers).then(() => true);
    return Promise.race([ended, sleep(limitMs, false, { ref: false })]);
  }

  /** Compares the tables with what callers were told; empty when they agree. */
  async verify(query: Query): Promise<string[]> {
    const rows = (table: string, column: string, condition = 'true') =>
      query(
        `SELECT (${column}->>'n')::int AS n, count(*)::int AS rows
           FROM ${table}
          WHERE ${column}->>'mark' = $1 AND ${column} ? 'n' AND ${condition}
          GROUP BY 1`,
        [this.mark],
      );
    const { session, user, event, token, spent } = this.ledgers;
    return [
      ...this.contradictions,
      ...session.differences('session', await rows('sessions', 'metadata')),
      ...user.differences('user', await rows('users', 'metadata')),
      ...event.differences('event', await rows('auth_events', 'data')),
      ...token.differences('token', await rows('email_verification_tokens', 'metadata')),
      ...spent.differences('spending', await rows('email_verification_tokens', 'metadata', 'used_at IS NOT NULL')),
      ...(await this.verifyCounter(query)),
      ...(await this.verifyNames(query)),
    ];
  }

  private async work(caller: number, pauseMs: number): Promise<void> {
    const kinds = [
      () => this.createSession(),
      () => this.read(),
      () => this.createUser(),
      () => this.read(),
      () => this.emit(),
      () => this.increment(),
      () => this.read(),
      () => this.spendToken(),
      () => this.rename(caller),
      () => this.deleteSession(),
    ];
    while (this.running) {
      await kinds[this.turn++ % kinds.length]?.();
      await sleep(pauseMs);
    }
  }

  /** Makes one call; undefined stands for a rejection. */
  private async call<T>(
    manner: 'read' | 'write',
    promise: Promise<T>,
  ): Promise<{ value: T } | { fate: 'unknown' | 'refused' }> {
    this.calls += 1;
    try {
      const value = await promise;
      this.successes += 1;
      return { value };
    } catch (error) {
      const fate = this.witness.rejected(error, manner);
      // A test that failed has disconnected the adapter: its callers would keep jest from ending.
      if (this.witness.codes.has('not_connected')) this.running = false;
      return { fate };
    }
  }

  private metadata(n: number) {
    return { mark: this.mark, n };
  }

  /** Every other create brings its own id. */
  private id(kind: string, n: number) {
    return n % 2 === 0 ? {} : { id: `${this.mark}-${kind}-${n}` };
  }

  private async createSession(): Promise<{ id: string; n: number } | undefined> {
    const n = this.ledgers.session.next();
    const input = { ...sessionInput(this.userId, { metadata: this.metadata(n) }), ...this.id('session', n) };
    const outcome = await this.call('write', this.storage.createSession(input));
    this.ledgers.session.set(n, 'fate' in outcome ? outcome.fate : 'acknowledged');
    if ('fate' in outcome) return undefined;
    const created = { id: outcome.value.id, n };
    this.recent[n % RECENT] = created;
    return created;
  }

  private async deleteSession(): Promise<void> {
    const created = await this.createSession();
    if (!created) return;
    if (this.recent[created.n % RECENT] === created) delete this.recent[created.n % RECENT];
    const outcome = await this.call('write', this.storage.deleteSession(created.id));
    // A delete may be repeated, so its error need not say whether it was done.
    this.ledgers.session.set(created.n, 'fate' in outcome ? 'deletion unknown' : 'deleted');
  }

  private async createUser(): Promise<void> {
    const n = this.ledgers.user.next();
    const email = `${this.mark}-${n}@example.com`;
    const input = { ...userInput({ email, metadata: this.metadata(n) }), ...this.id('user', n) };
    const outcome = await this.call('write', this.storage.createUser(input));
    this.ledgers.user.set(n, 'fate' in outcome ? outcome.fate : 'acknowledged');
  }

  private async emit(): Promise<void> {
    const n = this.ledgers.event.next();
    const event = eventInput({ principalId: this.userId, data: this.metadata(n) });
    const outcome = await this.call('write', this.storage.emitEvent(event));
    this.ledgers.event.set(n, 'fate' in outcome ? outcome.fate : 'acknowledged');
  }

  private async increment(): Promise<void> {
    const outcome = await this.call('write', this.storage.incrementEmailVerificationTokenAttempts(this.counter.id));
    if ('fate' in outcome) {
      this.counter.unknown += Number(outcome.fate === 'unknown');
      return;
    }
    if (this.counter.acknowledged.has(outcome.value)) {
      this.contradictions.push(`two increments were told ${outcome.value}`);
    }
    this.counter.acknowledged.add(outcome.value);
  }

  private async spendToken(): Promise<void> {
    const n = this.ledgers.token.next();
    this.ledgers.spent.next();
    const code = `${this.mark}-code-${n}`;
    const input = {
      ...emailTokenInput({ email: `${this.mark}-${n}@example.com`, metadata: this.metadata(n) }),
      ...{ code, codeHash: sha256(code), expiresAt: inAnHour() },
    };
    const created = await this.call('write', this.storage.createEmailVerificationToken(input));
    this.ledgers.token.set(n, 'fate' in created ? created.fate : 'acknowledged');
    if ('fate' in created) return;
    const spend = () =>
      this.call(
        'write',
        this.storage.markEmailVerificationTokenAsUsed(created.value.id).then(() => 'won', lost),
      );
    const outcomes = await Promise.all([spend(), spend()]);
    const is = (what: string) => outcomes.filter((each) => ('value' in each ? each.value : each.fate) === what).length;
    const fate = is('won') > 0 ? 'acknowledged' : is('unknown') > 0 ? 'unknown' : 'refused';
    this.ledgers.spent.set(n, fate);
    if (is('won') > 1) this.contradictions.push(`token ${n} was spent twice`);
    if (is('lost') > 0 && fate === 'refused') this.contradictions.push(`token ${n} was spent by nobody`);
  }

  private async rename(caller: number): Promise<void> {
    const user = this.names[caller];
    if (!user) return;
    const name = user.next++;
    const patch = { name: `${this.mark} ${name}` };
    const outcome = await this.call('write', this.storage.updateUser(user.userId, patch));
    if ('value' in outcome) user.last = name;
    // It may still be under way, and come after a later one.
    else if (outcome.fate === 'unknown') user.possible.push(name);
  }

  private async read(): Promise<void> {
    const at = Math.floor(Math.random() * RECENT);
    const wanted = this.recent[at];
    if (!wanted) return;
    const outcome = await this.call('read', this.storage.getSession(wanted.id));
    // It may have been deleted, or have left the list, since.
    if ('fate' in outcome || this.recent[at] !== wanted) return;
    const metadata = outcome.value?.metadata as { n?: number } | undefined;
    if (metadata?.n !== wanted.n) {
      this.contradictions.push(`session ${wanted.n} was acknowledged, and reads ${JSON.stringify(metadata)}`);
    }
  }

  private async verifyCounter(query: Query): Promise<string[]> {
    const [row] = await query('SELECT attempts FROM email_verification_token_attempts WHERE token_id = $1', [
      this.counter.id,
    ]);
    const attempts = Number(row?.attempts ?? 0);
    const least = this.counter.acknowledged.size;
    const most = least + this.counter.unknown;
    if (attempts >= least && attempts <= most) return [];
    return [`the counter reads ${attempts}; ${least} increments were acknowledged, up to ${most} are possible`];
  }

  private async verifyNames(query: Query): Promise<string[]> {
    const wrong: string[] = [];
    for (const { userId, last, possible } of this.names) {
      const [row] = await query('SELECT name FROM users WHERE id = $1', [userId]);
      const allowed = [last, ...possible].map((n) => `${this.mark} ${n}`);
      if (!allowed.includes(row?.name)) wrong.push(`the name of ${userId} reads ${row?.name}, not ${allowed}`);
    }
    return wrong;
  }
}
