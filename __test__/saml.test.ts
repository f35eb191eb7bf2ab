/** SAML configurations of tenants. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { tenantSamlInput } from './helpers/fixtures';

const db = useDatabase();

it('SAML configurations of tenants are replaced, merged and deleted whole', async () => {
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
