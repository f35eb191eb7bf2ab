/** One call, made to an adapter and to the reference; its outcomes must be the same. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import fc, { type AsyncCommand } from 'fast-check';
import type { TestDatabase } from '../helpers/database';
import { makeReference, type Reference } from '../helpers/reference';
import { checkOutcome, type Outcome, outcomeOf } from './compare';
import { Facts } from './facts';
import { checkEverything } from './state';
import { isPlaceholder, type World } from './values';

type Method = keyof Reference;
type Callable = Record<string, (...args: unknown[]) => Promise<unknown>>;

/** Adapters on one database; calls go to them in turn. */
export type Adapters = PostgresStorageAdapter[];

export class Model implements World {
  readonly facts: Facts;
  readonly state;
  readonly reference;
  private calls = 0;

  constructor(
    readonly adapters: Adapters,
    readonly query: TestDatabase['query'],
  ) {
    this.facts = new Facts(query);
    const { reference, state } = makeReference(this.facts);
    this.reference = reference;
    this.state = state;
  }

  get generated() {
    return this.facts.generated;
  }

  get secrets() {
    return this.facts.secrets;
  }

  get cursors() {
    return [...this.state.cursors.keys()];
  }

  record(table: string, at: number) {
    const rows = [...((this.state as unknown as Record<string, Map<string, Record<string, unknown>>>)[table] ?? [])];
    return rows[at % Math.max(rows.length, 1)]?.[1];
  }

  /** The adapter whose turn it is. */
  next(): PostgresStorageAdapter {
    return this.adapters[this.calls++ % this.adapters.length] as PostgresStorageAdapter;
  }

  /** Makes one call on both sides and compares. */
  async call(method: string, templates: unknown[], storage: object = this.next()): Promise<Outcome> {
    const args = resolve(templates, this) as unknown[];
    const adapter = storage as Callable;
    this.facts.begin();
    const actual = await outcomeOf(() => (adapter[method] as Callable[string]).apply(adapter, args));
    await this.replay(method, args, actual);
    return actual;
  }

  /** Makes a call that an adapter has answered on the other side, too, and compares. */
  async replay(method: string, args: unknown[], actual: Outcome): Promise<void> {
    this.facts.end(method, actual);
    const reference = this.reference as unknown as Callable;
    const expected = await outcomeOf(() => (reference[method] as Callable[string])(...args));
    checkOutcome(expected, actual, method);
  }
}

function resolve(template: unknown, world: World): unknown {
  if (isPlaceholder(template)) return template.resolve(world);
  if (Array.isArray(template)) return template.map((item) => resolve(item, world));
  if (typeof template !== 'object' || template === null) return template;
  if (Object.getPrototypeOf(template) !== Object.prototype) return template;
  const keys = Object.keys(template);
  return keys.reduce((object, key) => {
    const value = resolve(Object.getOwnPropertyDescriptor(template, key)?.value, world);
    return Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
  }, {});
}

export type Command = AsyncCommand<Model, Adapters>;

export class Call implements Command {
  constructor(
    readonly method: string,
    readonly args: unknown[],
  ) {}

  check(): boolean {
    return true;
  }

  async run(model: Model): Promise<void> {
    await model.call(this.method, this.args);
  }

  toString(): string {
    return `${this.method}(${this.args.map((arg) => fc.stringify(arg)).join(', ')})`;
  }
}

/** Reads all rows, through the adapters and past them. */
class CheckEverything implements Command {
  check(): boolean {
    return true;
  }

  async run(model: Model): Promise<void> {
    await checkEverything(model);
  }

  toString(): string {
    return 'checkEverything()';
  }
}

export const everything: fc.Arbitrary<Command> = fc.constant(new CheckEverything());

/** Calls of one method. */
export function call(method: Method, ...args: fc.Arbitrary<unknown>[]): fc.Arbitrary<Command> {
  return fc.tuple(...args).map((given) => new Call(method, given));
}

/** The same, with arguments that depend on each other. */
export function callOf(method: Method, args: fc.Arbitrary<unknown[]>): fc.Arbitrary<Command> {
  return args.map((given) => new Call(method, given));
}

/** The same, some of them with a last argument that may be left out. */
export function callWithOptional(
  method: Method,
  args: fc.Arbitrary<unknown>[],
  last: fc.Arbitrary<unknown>,
): fc.Arbitrary<Command> {
  return fc.oneof(call(method, ...args), call(method, ...args, last));
}
