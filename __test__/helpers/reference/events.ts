import { key, object, optional, type Row, required, text, time } from './fields';
import { pageOf } from './pages';
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

export function events(state: State) {
  return {
    async emitEvent(event: unknown) {
      state.events.push(merge(readRecord(event, 'event', EVENT), {}));
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
