/** For each action of the console, by the type of its event: a form that succeeds, and what has happened then. */
import type { EventRecord, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { ACTIONS } from '../../console/lib/actions';
import {
  apiKeyInput,
  memberInput,
  oidcProviderInput,
  organizationInput,
  roleInput,
  samlProviderInput,
  sessionInput,
  ssoLinkInput,
  totpDeviceInput,
  unique,
  userInput,
} from '../helpers/fixtures';
import type { Visitor } from './helpers';

export interface ActionCase {
  path: string;
  fields?: Record<string, string>;
  /** Whom the event is about, if that is known before. */
  principalId?: string;
  orgId?: string;
  data?: Record<string, unknown>;
  /** Expects what the action has done. */
  expectDone(response: Response, event: EventRecord): Promise<void>;
}

/** Makes what the action needs, with a visitor who may see it. */
type Prepare = (storage: PostgresStorageAdapter, visitor: Visitor) => Promise<ActionCase>;

const CASES: Record<string, Prepare> = {
  'console.user.changed': async (storage) => {
    const user = await storage.createUser(userInput({ name: 'Before' }));
    const fields = { email: `${unique()}@example.com`, name: 'After', plan: '', entitlements: 'a\r\n b \r\n\r\na' };
    return {
      path: `/users/${user.id}/edit`,
      fields: { ...fields, seen: user.updatedAt.toISOString() },
      principalId: user.id,
      data: { fields: ['email', 'name', 'plan', 'entitlements'] },
      expectDone: async () => {
        const after = await storage.getUser(user.id);
        expect(after).toMatchObject({ email: fields.email, name: 'After', entitlements: ['a', 'b'] });
        expect(after).not.toHaveProperty('plan');
      },
    };
  },
  'console.user.exported': async (storage) => {
    const user = await storage.createUser(userInput());
    return {
      path: `/users/${user.id}/export`,
      principalId: user.id,
      data: {},
      expectDone: async (response) => {
        expect(response.headers.get('content-disposition')).toBe(`attachment; filename="user-${user.id}.json"`);
        expect(await response.json()).toMatchObject({ user: { id: user.id, email: user.email } });
      },
    };
  },
  'console.user.erased': async (storage) => {
    const user = await storage.createUser(userInput());
    await storage.emitEvent({ type: 'x', principalId: user.id, data: {}, timestamp: new Date() });
    return {
      path: `/users/${user.id}/erase`,
      fields: { events: 'delete', typed: `${user.email}` },
      principalId: user.id,
      data: { events: 'delete' },
      expectDone: async () => {
        expect(await storage.getUser(user.id)).toBeNull();
        const { items } = await storage.listEvents({ principalId: user.id });
        expect(items.map(({ type }) => type)).toEqual(['console.user.erased']);
      },
    };
  },
  'console.session.revoked': async (storage, visitor) => {
    const user = await storage.createUser(userInput());
    const session = await storage.createSession(sessionInput(user.id));
    const page = await visitor.read(`/admin/users/${user.id}`);
    const sealed = `${/name="session" value="([^"]+)"/.exec(page)?.[1]}`;
    const other = await storage.createSession(sessionInput(user.id));
    return {
      path: `/users/${user.id}/sessions/revoke`,
      fields: { session: sealed },
      principalId: user.id,
      data: { signedInAt: session.createdAt.toISOString() },
      expectDone: async () => {
        expect(await storage.getSession(session.id)).toBeNull();
        expect(await storage.getSession(other.id)).not.toBeNull();
      },
    };
  },
  'console.sessions.revoked': async (storage) => {
    const user = await storage.createUser(userInput());
    await Promise.all([storage.createSession(sessionInput(user.id)), storage.createSession(sessionInput(user.id))]);
    return {
      path: `/users/${user.id}/sessions/revoke-all`,
      principalId: user.id,
      data: { sessions: 2 },
      expectDone: async () => expect((await storage.listUserSessions(user.id)).items).toEqual([]),
    };
  },
  'console.two_factor_device.deleted': async (storage) => {
    const user = await storage.createUser(userInput());
    const device = await storage.createTwoFactorDevice(totpDeviceInput(user.id));
    return {
      path: `/users/${user.id}/devices/delete`,
      fields: { device: device.id },
      principalId: user.id,
      data: { deviceId: device.id, method: 'totp' },
      expectDone: async () => expect(await storage.getTwoFactorDevice(device.id)).toBeNull(),
    };
  },
  'console.oauth.unlinked': async (storage) => {
    const user = await storage.createUser(userInput());
    await storage.linkOAuthAccount(user.id, 'github', { provider: 'github', sub: unique() });
    return {
      path: `/users/${user.id}/oauth/unlink`,
      fields: { provider: 'github' },
      principalId: user.id,
      data: { provider: 'github' },
      expectDone: async () => expect(await storage.getUser(user.id)).not.toHaveProperty('oauth'),
    };
  },
  'console.sso_link.deleted': async (storage) => {
    const user = await storage.createUser(userInput());
    const provider = await storage.createSSOProvider(oidcProviderInput());
    const link = await storage.createSSOLink(ssoLinkInput(user.id, provider.id));
    return {
      path: `/users/${user.id}/sso-links/delete`,
      fields: { link: link.id },
      principalId: user.id,
      data: { linkId: link.id, providerId: provider.id },
      expectDone: async () => expect(await storage.getSSOLink(link.id)).toBeNull(),
    };
  },
  'console.organization.created': async (storage) => {
    const user = await storage.createUser(userInput());
    const name = unique('New');
    return {
      path: '/organizations/create',
      fields: { name, plan: 'team', seats: '7', owner: `${user.email}` },
      data: { name, owner: user.id },
      expectDone: async (_response, { principalId }) =>
        expect(await storage.getOrganization(principalId)).toMatchObject({
          ...{ name, plan: 'team', seats: 7, members: [{ userId: user.id, role: 'owner' }] },
        }),
    };
  },
  'console.organization.changed': async (storage) => {
    const { id, updatedAt } = await storage.createOrganization(organizationInput());
    const data = { name: 'Renamed', plan: 'pro', seats: 9 };
    return {
      path: `/organizations/${id}/edit`,
      fields: { name: 'Renamed', plan: 'pro', seats: '9', seen: updatedAt.toISOString() },
      ...{ principalId: id, orgId: id, data },
      expectDone: async () => expect(await storage.getOrganization(id)).toMatchObject(data),
    };
  },
  'console.organization.deleted': async (storage) => {
    const { id, name } = await storage.createOrganization(organizationInput());
    return {
      path: `/organizations/${id}/delete`,
      fields: { typed: name },
      ...{ principalId: id, orgId: id, data: { name, members: 0 } },
      expectDone: async () => expect(await storage.getOrganization(id)).toBeNull(),
    };
  },
  'console.member.added': async (storage) => {
    const user = await storage.createUser(userInput());
    const { id } = await storage.createOrganization(organizationInput());
    return {
      path: `/organizations/${id}/members/add`,
      fields: { user: `${user.email}`, role: 'admin' },
      ...{ principalId: user.id, orgId: id, data: { role: 'admin' } },
      expectDone: async () =>
        expect((await storage.getOrganization(id))?.members).toMatchObject([{ userId: user.id, role: 'admin' }]),
    };
  },
  'console.member.changed': async (storage) => {
    const user = await storage.createUser(userInput());
    const { id } = await storage.createOrganization(organizationInput({ members: [memberInput(user.id)] }));
    return {
      path: `/organizations/${id}/members/role`,
      fields: { user: user.id, role: 'owner' },
      ...{ principalId: user.id, orgId: id, data: { role: 'owner' } },
      expectDone: async () => expect((await storage.getOrganization(id))?.members).toMatchObject([{ role: 'owner' }]),
    };
  },
  'console.member.removed': async (storage) => {
    const user = await storage.createUser(userInput());
    const { id } = await storage.createOrganization(organizationInput({ members: [memberInput(user.id)] }));
    return {
      path: `/organizations/${id}/members/remove`,
      fields: { user: user.id },
      ...{ principalId: user.id, orgId: id, data: {} },
      expectDone: async () => expect((await storage.getOrganization(id))?.members).toEqual([]),
    };
  },
  'console.role.created': async (storage) => {
    const { id } = await storage.createOrganization(organizationInput());
    const name = unique('Role');
    return {
      path: `/organizations/${id}/roles/create`,
      fields: { name, description: 'Reads', permissions: 'document:read Read documents\r\ninvoice:read' },
      ...{ principalId: id, orgId: id },
      expectDone: async () =>
        expect(await storage.listRoles(id)).toMatchObject([
          {
            ...{ name, description: 'Reads' },
            permissions: [
              { resource: 'document', action: 'read', name: 'Read documents' },
              { resource: 'invoice', action: 'read', name: 'invoice:read' },
            ],
          },
        ]),
    };
  },
  'console.role.changed': async (storage) => {
    const { id } = await storage.createOrganization(organizationInput());
    const role = await storage.createRole(roleInput(id));
    const [kept] = role.permissions;
    return {
      path: `/organizations/${id}/roles/${role.id}/edit`,
      fields: {
        name: 'Other',
        description: '',
        permissions: 'document:read Reads',
        seen: role.updatedAt.toISOString(),
      },
      ...{ principalId: id, orgId: id, data: { roleId: role.id, name: 'Other', permissions: ['document:read'] } },
      expectDone: async () => {
        const after = await storage.getRole(role.id);
        // A permission that was there keeps its id and its description.
        expect(after?.permissions).toEqual([{ ...kept, name: 'Reads' }]);
        expect(after).not.toHaveProperty('description');
      },
    };
  },
  'console.role.deleted': async (storage) => {
    const { id } = await storage.createOrganization(organizationInput());
    const role = await storage.createRole(roleInput(id));
    return {
      path: `/organizations/${id}/roles/${role.id}/delete`,
      ...{ principalId: id, orgId: id, data: { roleId: role.id, name: role.name } },
      expectDone: async () => expect(await storage.getRole(role.id)).toBeNull(),
    };
  },
  'console.role.assigned': async (storage) => {
    const user = await storage.createUser(userInput());
    const { id } = await storage.createOrganization(organizationInput());
    const role = await storage.createRole(roleInput(id));
    return {
      path: `/organizations/${id}/roles/${role.id}/assign`,
      fields: { user: user.id },
      ...{ principalId: user.id, orgId: id, data: { roleId: role.id, name: role.name } },
      expectDone: async () => expect(await storage.getUserRoles(user.id, id)).toHaveLength(1),
    };
  },
  'console.role.revoked': async (storage) => {
    const user = await storage.createUser(userInput());
    const { id } = await storage.createOrganization(organizationInput());
    const role = await storage.createRole(roleInput(id));
    await storage.assignRoleToUser(user.id, role.id, id);
    return {
      path: `/organizations/${id}/roles/${role.id}/revoke`,
      fields: { user: `${user.email}` },
      ...{ principalId: user.id, orgId: id, data: { roleId: role.id, name: role.name } },
      expectDone: async () => expect(await storage.getUserRoles(user.id, id)).toEqual([]),
    };
  },
  'console.api_key.created': async (storage) => {
    const user = await storage.createUser(userInput());
    return {
      path: '/api-keys/create',
      fields: { principal: user.id, name: 'Import', prefix: 'kit', days: '30', scopes: 'read\r\nwrite' },
      principalId: user.id,
      expectDone: async (response) => {
        const key = /kit_[0-9a-f]{64}/.exec(await response.text())?.[0];
        const record = await storage.verifyApiKeySecret(`${key}`);
        expect(record).toMatchObject({ principalId: user.id, scopes: ['read', 'write'], metadata: { name: 'Import' } });
        expect((record?.expiresAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(29.9 * 86_400_000);
      },
    };
  },
  'console.api_key.rotated': async (storage) => {
    const user = await storage.createUser(userInput());
    const old = await storage.createApiKeyWithSecret(user.id, ['read'], 'kit');
    return {
      path: `/api-keys/${old.record.id}/rotate`,
      fields: { overlap: '0' },
      principalId: user.id,
      expectDone: async (response) => {
        const key = /kit_[0-9a-f]{64}/.exec(await response.text())?.[0];
        expect(await storage.verifyApiKeySecret(`${key}`)).toMatchObject({ scopes: ['read'] });
        expect(await storage.verifyApiKeySecret(old.key)).toBeNull();
      },
    };
  },
  'console.api_key.revoked': async (storage) => {
    const user = await storage.createUser(userInput());
    const key = await storage.createApiKey(apiKeyInput(user.id));
    return {
      path: `/api-keys/${key.id}/revoke`,
      ...{ principalId: user.id, data: { keyId: key.id, prefix: key.prefix, lastFour: key.lastFour } },
      expectDone: async () => expect(await storage.getApiKey(key.id)).toBeNull(),
    };
  },
  'console.sso_provider.created': async (storage) => {
    const name = unique('Provider');
    return {
      path: '/sso/create',
      fields: {
        ...{ type: 'oidc', name, org: '', metadata_url: 'https://id.example.com', client_id: 'c', client_secret: 's' },
        ...{ redirect_uris: 'https://a.example/1\r\nhttps://a.example/2', scopes: 'openid' },
      },
      data: { name },
      expectDone: async (_response, { principalId }) =>
        expect(await storage.getSSOProvider(principalId)).toMatchObject({
          ...{ type: 'oidc', name, client_secret: 's', scopes: ['openid'] },
          redirect_uris: ['https://a.example/1', 'https://a.example/2'],
        }),
    };
  },
  'console.sso_provider.changed': async (storage) => {
    const provider = await storage.createSSOProvider(samlProviderInput());
    return {
      path: `/sso/${provider.id}/edit`,
      fields: { name: 'Renamed', idp_sso_url: 'https://idp.example.com/new', idp_certificate: '', force_authn: 'no' },
      ...{ principalId: provider.id, data: { name: 'Renamed' } },
      expectDone: async () => {
        // What the form left empty stays, the certificate above all.
        expect(await storage.getSSOProvider(provider.id)).toEqual({
          ...{ ...provider, name: 'Renamed', idp_sso_url: 'https://idp.example.com/new', force_authn: false },
          updatedAt: expect.any(Date),
        });
      },
    };
  },
  'console.sso_provider.deleted': async (storage) => {
    const { id, name } = await storage.createSSOProvider(oidcProviderInput());
    return {
      path: `/sso/${id}/delete`,
      fields: { typed: name },
      ...{ principalId: id, data: { name } },
      expectDone: async () => expect(await storage.getSSOProvider(id)).toBeNull(),
    };
  },
  'console.events.exported': async (storage) => {
    const type = unique('exported');
    await storage.emitEvent({ type, principalId: 'p', data: { n: 1 }, timestamp: new Date('2026-06-03T00:00:00Z') });
    return {
      path: '/events/export',
      fields: { type, from: '2026-06-01' },
      expectDone: async (response) => {
        expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
        expect((await response.text()).split('\r\n').slice(1)).toEqual([
          expect.stringMatching(`^"\\d+","2026-06-03T00:00:00.000Z","${type}","p","","{""n"":1}"$`),
          '',
        ]);
      },
    };
  },
  'console.sweep.run': async (storage) => {
    const user = await storage.createUser(userInput());
    await storage.createSession(sessionInput(user.id, { expiresAt: new Date(0) }));
    return {
      path: '/health/sweep',
      expectDone: async (_response, { data }) => {
        expect(data.deleted).toContainEqual({ kind: 'sessions', rows: expect.any(Number) });
        expect(data.deleted).toHaveLength(6);
        expect((await storage.listUserSessions(user.id, { includeExpired: true })).items).toEqual([]);
      },
    };
  },
};

/** Each action with its case; a new action without one fails here. */
export const ACTION_CASES = ACTIONS.map(({ event, permission, ask }) => {
  const prepare = CASES[event];
  if (!prepare) throw new Error(`There is no case for the action of ${event}.`);
  return { event, permission, asks: ask !== undefined, prepare };
});
