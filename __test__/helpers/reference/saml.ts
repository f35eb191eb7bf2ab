import { isDeepStrictEqual } from 'node:util';
import { key, type Row, readOptions, readPatch, readText, required } from './fields';
import { plainOf } from './plain';
import { Faults, refuse } from './refusal';
import { checkUnchanged, IF_UPDATED_AT, merge, one, readRecord, type State, visible } from './state';

const CONFIG = { fields: { tenantId: required(key) }, ours: [], isOpen: true };

export function saml(state: State) {
  const put = async (tenantId: string, config: Row) => {
    const before = state.samlConfigs.get(tenantId);
    state.samlConfigs.set(tenantId, config);
    if (before !== undefined && isDeepStrictEqual(before, config)) return;
    const stored = (column: string) => state.sources.storedTime('tenant_saml_configs', column, { tenantId });
    const createdAt = state.samlTimes.get(tenantId)?.createdAt ?? (await stored('created_at'));
    state.samlTimes.set(tenantId, { tenantId, createdAt, updatedAt: await stored('updated_at') });
  };

  return {
    async storeTenantSAMLConfig(config: unknown) {
      const record = readRecord(config, 'config', CONFIG);
      await put(record.tenantId as string, record);
    },

    async getTenantSAMLConfig(tenantId: unknown) {
      const config = state.samlConfigs.get(one(tenantId, 'tenantId'));
      return config ? withDates(visible(config)) : null;
    },

    async getTenantSAMLConfigRecord(tenantId: unknown) {
      const config = state.samlConfigs.get(one(tenantId, 'tenantId'));
      return config ? { ...state.samlTimes.get(tenantId as string), config: withDates(visible(config)) } : null;
    },

    async updateTenantSAMLConfig(tenantId: unknown, patch: unknown, options?: unknown) {
      const faults = new Faults();
      const id = readText(tenantId, 'tenantId', faults);
      const given = readOptions(options, { fields: IF_UPDATED_AT, ours: [] }, faults);
      const changes = readPatch(
        plainOf(patch, 'patch', faults),
        { ...CONFIG, fields: {}, ours: ['tenantId'] },
        'patch',
        faults,
      );
      faults.settle();
      const config = state.samlConfigs.get(id) ?? refuse('not_found');
      checkUnchanged(state.samlTimes.get(id) as Row, given);
      await put(id, merge(config, changes));
    },

    async deleteTenantSAMLConfig(tenantId: unknown) {
      state.samlConfigs.delete(one(tenantId, 'tenantId'));
      state.samlTimes.delete(tenantId as string);
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
