import { key, object, oneOf, optional, type Row, readOptions, required, text, texts, time } from './fields';
import { pageOf } from './pages';
import { Faults } from './refusal';
import { merge, readRecord, type State, visible } from './state';

const EVENT = {
  fields: {
    type: required(text),
    principalId: required(key),
    orgId: optional(key),
    data: required(object),
    timestamp: required(time),
  },
  ours: [],
};

const COUNTS = {
  fields: {
    from: optional(time),
    to: optional(time),
    step: optional(oneOf('hour', 'day')),
    types: optional(texts),
    orgId: optional(text),
    principalId: optional(text),
  },
  ours: [],
};
const HOUR = 3_600_000;
const MAX_STEPS = 1_000;
const MAX_TYPES = 1_000;

export function events(state: State) {
  return {
    async emitEvent(event: unknown) {
      state.events.push(merge(readRecord(event, 'event', EVENT), {}));
    },

    async countEvents(options?: unknown) {
      const faults = new Faults();
      const given = readOptions(options, COUNTS, faults);
      faults.settle();
      const to = (given.to as Date | undefined)?.getTime() ?? Date.now();
      const from = (given.from as Date | undefined)?.getTime() ?? to - 24 * HOUR;
      const types = given.types as string[] | undefined;
      const step = given.step === 'day' ? 24 * HOUR : HOUR;
      const steps = Math.floor((to - 1) / step) - Math.floor(from / step) + 1;
      if (from > to || steps > MAX_STEPS) faults.invalid('from');
      if (types !== undefined && types.length > MAX_TYPES) faults.invalid('types');
      faults.settle();
      const counts = new Map<string, { start: Date; type: string; count: number }>();
      for (const event of state.events) {
        const ms = (event.timestamp as Date).getTime();
        const type = event.type as string;
        const isMeant =
          ms >= from &&
          ms < to &&
          (types?.includes(type) ?? true) &&
          ['orgId', 'principalId'].every((name) => given[name] === undefined || event[name] === given[name]);
        if (!isMeant) continue;
        const start = new Date(Math.floor(ms / step) * step);
        const place = `${start.getTime()} ${type}`;
        counts.set(place, { start, type, count: (counts.get(place)?.count ?? 0) + 1 });
      }
      return [...counts.values()].sort(
        (a, b) => a.start.getTime() - b.start.getTime() || Buffer.compare(Buffer.from(a.type), Buffer.from(b.type)),
      );
    },

    async listEvents(options?: unknown) {
      const equal = ['principalId', 'orgId', 'type'];
      // The database numbers events; their order here is that of the calls.
      const numbered = (event: Row, at: number) => merge(event, { id: String(at).padStart(9, '0') });
      return pageOf(state, {
        name: 'listEvents',
        filters: {
          ...Object.fromEntries(equal.map((name) => [name, optional(text)])),
          from: optional(time),
          to: optional(time),
        },
        options,
        time: 'timestamp',
        show: (event, at) => ({ ...visible(event), id: state.sources.cursor(['items', at, 'id']) }),
        rows: ({ from, to, ...given }) =>
          state.events
            .map(numbered)
            .filter(
              (event) =>
                equal.every((name) => given[name] === undefined || event[name] === given[name]) &&
                (from === undefined || (event.timestamp as Date) >= (from as Date)) &&
                (to === undefined || (event.timestamp as Date) < (to as Date)),
            ),
      });
    },
  };
}
