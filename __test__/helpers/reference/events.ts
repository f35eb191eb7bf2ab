import { key, object, optional, required, text, time } from './fields';
import { merge, readRecord, type State } from './state';

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
  };
}
