import { key, type Row, readPatch, readText, required } from './fields';
import { plainOf } from './plain';
import { Faults, refuse } from './refusal';
import { merge, one, readRecord, type State, visible } from './state';

const CONFIG = { fields: { tenantId: required(key) }, ours: [], isOpen: true };

export function saml(state: State) {
  return {
    async storeTenantSAMLConfig(config: unknown) {
      const record = readRecord(config, 'config', CONFIG);
      state.samlConfigs.set(record.tenantId as string, record);
    },

    async getTenantSAMLConfig(tenantId: unknown) {
      const config = state.samlConfigs.get(one(tenantId, 'tenantId'));
      return config ? withDates(visible(config)) : null;
    },

    async updateTenantSAMLConfig(tenantId: unknown, patch: unknown) {
      const faults = new Faults();
      const id = readText(tenantId, 'tenantId', faults);
      const changes = readPatch(
        plainOf(patch, 'patch', faults),
        { ...CONFIG, fields: {}, ours: ['tenantId'] },
        'patch',
        faults,
      );
      faults.settle();
      const config = state.samlConfigs.get(id) ?? refuse('not_found');
      state.samlConfigs.set(id, merge(config, changes));
    },

    async deleteTenantSAMLConfig(tenantId: unknown) {
      state.samlConfigs.delete(one(tenantId, 'tenantId'));
    },
  };
}

/** Dates under these two names come back as Dates. */
function withDates(config: Row): Row {
  for (const field of ['createdAt', 'updatedAt']) {
    const text = config[field];
    const date = new Date(typeof text === 'string' ? text : Number.NaN);
    if (!Number.isNaN(date.getTime()) && date.toISOString() === text) config[field] = date;
  }
  return config;
}
