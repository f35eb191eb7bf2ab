import {
  bool,
  defaulted,
  key,
  metadata,
  newId,
  object,
  oneOf,
  optional,
  type Row,
  readOptionalText,
  readText,
  required,
  text,
  texts,
  time,
} from './fields';
import { type Fault, Faults } from './refusal';
import { insert, isExpired, newestFirst, one, readRecord, type State, update, visible } from './state';

const PROVIDER = {
  fields: {
    id: newId,
    type: required(oneOf('oidc', 'saml')),
    name: required(text),
    orgId: optional(key),
    metadata_url: optional(text),
    client_id: optional(text),
    client_secret: optional(text),
    redirect_uris: optional(texts),
    scopes: optional(texts),
    response_type: optional(text),
    token_endpoint_auth_method: optional(text),
    claim_mapping: optional(object),
    idp_entity_id: optional(text),
    idp_sso_url: optional(text),
    idp_slo_url: optional(text),
    idp_certificate: optional(text),
    sp_entity_id: optional(text),
    sp_acs_url: optional(text),
    sp_slo_url: optional(text),
    signing_cert: optional(text),
    signing_key: optional(text),
    encryption_enabled: optional(bool),
    force_authn: optional(bool),
    allow_unencrypted_assertion: optional(bool),
    attribute_mapping: optional(object),
    enabled: optional(bool),
    entryPoint: optional(text),
    issuer: optional(text),
    cert: optional(text),
    metadata: metadata(),
  },
  ours: ['createdAt', 'updatedAt'],
  isOpen: true,
};

/** What each protocol cannot do without, in one of its shapes. */
const NEEDED: Record<string, string[][]> = {
  oidc: [['metadata_url', 'client_id', 'client_secret', 'redirect_uris']],
  saml: [
    ['idp_entity_id', 'idp_sso_url', 'sp_entity_id', 'sp_acs_url'],
    ['enabled', 'entryPoint', 'issuer', 'cert'],
  ],
};

const PROTOCOL = oneOf('saml', 'oidc', 'oauth');

const LINK = {
  fields: {
    id: newId,
    userId: required(key),
    providerId: required(key),
    providerType: required(PROTOCOL),
    providerSubject: required(key),
    providerEmail: optional(text),
    autoProvisioned: defaulted(bool, false),
    metadata: metadata(),
    linkedAt: optional(time),
    lastAuthAt: optional(time),
  },
  ours: ['createdAt', 'updatedAt'],
};

const SESSION = {
  fields: {
    id: newId,
    userId: required(key),
    providerId: required(key),
    providerType: required(PROTOCOL),
    providerSubject: required(key),
    sessionToken: optional(text),
    expiresAt: required(time),
    linkedAt: optional(time),
    lastAuthAt: optional(time),
  },
  ours: ['createdAt', 'updatedAt'],
};

export function sso(state: State) {
  const orgFaults = ({ orgId }: Row): Fault[] =>
    orgId === undefined || state.organizations.has(orgId as string)
      ? []
      : [{ code: 'invalid_reference', field: 'orgId' }];
  /** Nothing when one shape is whole, else what is missing of any. */
  const missing = (provider: Row) => {
    const shapes = (NEEDED[provider.type as string] ?? []).map((names) =>
      names.filter((name) => provider[name] === undefined),
    );
    return shapes.some(({ length }) => length === 0) ? [] : shapes.flat();
  };
  const ownerFaults = ({ userId, providerId }: Row): Fault[] => [
    ...(state.users.has(userId as string) ? [] : [{ code: 'invalid_reference', field: 'userId' } as const]),
    ...(state.providers.has(providerId as string) ? [] : [{ code: 'invalid_reference', field: 'providerId' } as const]),
  ];

  return {
    async createSSOProvider(provider: unknown) {
      const record = readRecord(provider, 'provider', PROVIDER);
      const faults = missing(record).map((field): Fault => ({ code: 'invalid_input', field }));
      return visible(
        insert(state, state.providers, record, faults.length > 0 ? faults : orgFaults(record), [
          'createdAt',
          'updatedAt',
        ]),
      );
    },

    async getSSOProvider(id: unknown) {
      const provider = state.providers.get(one(id, 'id'));
      return provider ? visible(provider) : null;
    },

    async updateSSOProvider(id: unknown, patch: unknown, options?: unknown) {
      const constraints = (provider: Row, changes: Row): Fault[] => {
        // At fault is what was cleared, or the type for which more would be needed.
        const faults = missing(provider).map(
          (name): Fault => ({ code: 'invalid_input', field: Object.hasOwn(changes, name) ? name : 'type' }),
        );
        return faults.length > 0 ? faults : orgFaults(provider);
      };
      return visible(update(state, state.providers, [id, patch, options], PROVIDER, constraints));
    },

    async deleteSSOProvider(id: unknown) {
      const gone = one(id, 'id');
      state.deleteWhere(state.providers, (provider) => provider.id === gone);
    },

    async listSSOProviders(orgId?: unknown) {
      const faults = new Faults();
      const org = readOptionalText(orgId, 'orgId', faults);
      faults.settle();
      const isWanted = (provider: Row) => org === undefined || provider.orgId === org || provider.orgId === undefined;
      return newestFirst([...state.providers.values()].filter(isWanted)).map((provider) => visible(provider));
    },

    async createSSOLink(link: unknown) {
      const record = readRecord(link, 'link', LINK);
      const faults = ownerFaults(record);
      const isTaken = [...state.links.values()].some(
        (other) => other.providerId === record.providerId && other.providerSubject === record.providerSubject,
      );
      if (isTaken) faults.push({ code: 'conflict', field: 'providerSubject' });
      return visible(insert(state, state.links, record, faults, ['linkedAt', 'lastAuthAt']));
    },

    async getSSOLink(id: unknown) {
      const link = state.links.get(one(id, 'id'));
      return link ? visible(link) : null;
    },

    async getSSOLinkBySubject(providerId: unknown, providerSubject: unknown) {
      const faults = new Faults();
      const provider = readText(providerId, 'providerId', faults);
      const subject = readText(providerSubject, 'providerSubject', faults);
      faults.settle();
      const link = [...state.links.values()].find(
        (each) => each.providerId === provider && each.providerSubject === subject,
      );
      return link ? visible(link) : null;
    },

    async getUserSSOLinks(userId: unknown) {
      const user = one(userId, 'userId');
      const links = [...state.links.values()].filter((link) => link.userId === user);
      return newestFirst(links, 'linkedAt').map((link) => visible(link));
    },

    async deleteSSOLink(id: unknown) {
      state.links.delete(one(id, 'id'));
    },

    async createSSOSession(session: unknown) {
      const record = readRecord(session, 'session', SESSION);
      return visible(insert(state, state.ssoSessions, record, ownerFaults(record), ['linkedAt', 'lastAuthAt']));
    },

    async getSSOSession(id: unknown) {
      const session = state.ssoSessions.get(one(id, 'id'));
      return session && !isExpired(session) ? visible(session) : null;
    },
  };
}
