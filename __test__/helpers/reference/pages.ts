/** Lists in pages. A cursor is made up by the database; the reference remembers what each one stands for. */
import { type Field, type Fields, optional, type Reader, type Row, readOptions, readText, text } from './fields';
import { Faults } from './refusal';
import { newestFirst, type State, visible } from './state';

const limit: Reader = (value, field, faults) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 1_000 ? value : faults.invalid(field);

const PAGE: Record<'limit' | 'after', Field> = { limit: optional(limit), after: optional(text) };

interface List {
  name: string;
  filters?: Fields;
  /** The argument before the options, and its name. */
  owner?: [name: string, value: unknown];
  options: unknown;
  /** The rows that pass the filters, in any order. */
  rows(filters: Row, owner: string): Row[];
  /** The field by which the list is in order; its `id` decides where that is the same. */
  time?: string;
  show?(row: Row, at: number): Row;
}

/** The page that a call asks for. */
export function pageOf(
  state: State,
  { name, filters = {}, owner, options, rows, time = 'createdAt', show = (row) => visible(row) }: List,
): Row {
  const faults = new Faults();
  const ownerId = owner === undefined ? '' : readText(owner[1], owner[0], faults);
  const read = readOptions(options, { fields: { ...filters, ...PAGE }, ours: [] }, faults);
  faults.settle();
  const { limit: size = 50, after, ...given } = read;
  const list = JSON.stringify([name, ownerId, given]);
  const from = after === undefined ? undefined : state.cursors.get(after as string);
  if (after !== undefined && from?.list !== list) faults.invalid('after');
  faults.settle();
  const isLeft = (row: Row) =>
    from === undefined || (!isSame(row, from.row, time) && newestFirst([row, from.row], time)[1] === row);
  const left = newestFirst(rows(given, ownerId).filter(isLeft), time);
  const items = left.slice(0, size as number);
  const last = items.at(-1);
  const page = { items: items.map(show) };
  if (last === undefined || left.length === items.length) return page;
  const next = state.sources.cursor(['next']);
  state.cursors.set(next, { list, row: last });
  return { ...page, next };
}

const isSame = (a: Row, b: Row, time: string) =>
  a.id === b.id && (a[time] as Date).getTime() === (b[time] as Date).getTime();
