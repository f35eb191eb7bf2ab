/** The methods for SAML configurations of tenants. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { tenantSamlInput, unique } from './helpers/fixtures';

const db = useDatabase();

it('storeTenantSAMLConfig replaces a configuration, updateTenantSAMLConfig merges into it, and deleteTenantSAMLConfig deletes it', async () => {
  const config = tenantSamlInput();
  const { tenantId } = config;
  expect(await db.storage.getTenantSAMLConfig(tenantId)).toBeNull();
  await expectCode(db.storage.updateTenantSAMLConfig(tenantId, { a: 1 }), 'not_found');
  await db.storage.storeTenantSAMLConfig(config);
  expect(await db.storage.getTenantSAMLConfig(tenantId)).toStrictEqual(config);
  await db.storage.updateTenantSAMLConfig(tenantId, { certificate: null, extra: { b: null } });
  const { certificate, ...rest } = config as Record<string, unknown>;
  expect(certificate).toBeDefined();
  expect(await db.storage.getTenantSAMLConfig(tenantId)).toStrictEqual({ ...rest, extra: { b: null } });
  await db.storage.storeTenantSAMLConfig({ tenantId });
  expect(await db.storage.getTenantSAMLConfig(tenantId)).toStrictEqual({ tenantId });
  await expectInvalidInput(db.storage.storeTenantSAMLConfig({} as never), 'tenantId');
  await db.storage.deleteTenantSAMLConfig(tenantId);
  await db.storage.deleteTenantSAMLConfig(tenantId);
  expect(await db.storage.getTenantSAMLConfig(tenantId)).toBeNull();
});

it('getTenantSAMLConfig returns unknown and nested fields as they were stored, without those that were null', async () => {
  const config = tenantSamlInput({
    __proto__x: 1,
    deep: { list: [null, { a: 1.5 }], at: new Date(0) },
    none: null,
  });
  await db.storage.storeTenantSAMLConfig(config);
  const { none: _, ...kept } = config;
  expect(await db.storage.getTenantSAMLConfig(config.tenantId)).toStrictEqual({
    ...kept,
    deep: { list: [null, { a: 1.5 }], at: '1970-01-01T00:00:00.000Z' },
  });
});

it('updateTenantSAMLConfig does not change the tenantId, and an empty tenantId is rejected or found nowhere', async () => {
  const config = tenantSamlInput();
  await db.storage.storeTenantSAMLConfig(config);
  await db.storage.updateTenantSAMLConfig(config.tenantId, { tenantId: unique('other') });
  expect(await db.storage.getTenantSAMLConfig(config.tenantId)).toStrictEqual(config);
  expect(await db.storage.getTenantSAMLConfig('')).toBeNull();
  await expectInvalidInput(db.storage.storeTenantSAMLConfig(tenantSamlInput({ tenantId: '' })), 'tenantId');
  await expectInvalidInput(db.storage.updateTenantSAMLConfig(config.tenantId, { a: 'x\0' }), 'a');
  expect(await db.storage.getTenantSAMLConfig(config.tenantId)).toStrictEqual(config);
});
