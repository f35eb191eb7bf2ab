/** People, organizations and a month of events, to look at the console with. The same each time, but for ids and times. */

const { createHash } = require('node:crypto');

/** @import { PostgresStorageAdapter } from '@kitiumai/auth-postgres' */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NAMES = [
  ...['Ada Lovelace', 'Grace Hopper', 'Katherine Johnson', 'Alan Turing', 'Barbara Liskov', 'Edsger Dijkstra'],
  ...['Margaret Hamilton', 'Donald Knuth', 'Radia Perlman', 'Ken Thompson', 'Frances Allen', 'Niklaus Wirth'],
  ...['Jean Bartik', 'Tony Hoare', 'Adele Goldberg', 'John Backus', 'Karen Jones', 'Dennis Ritchie'],
  ...['Hedy Lamarr', 'Leslie Lamport', 'Shafi Goldwasser', 'Robin Milner', 'Mary Keller', 'Peter Naur'],
  ...['Joan Clarke', 'Kristen Nygaard', 'Lynn Conway', 'Claude Shannon', 'Sophie Wilson', 'John McCarthy'],
];
const PLANS = ['free', 'pro', 'pro', 'team'];
const COMPANIES = ['Analytical Engines', 'Bletchley Labs', 'Apollo Guidance', 'Spanning Tree', 'Compiler Works'];
const AGENTS = ['Firefox 144 on Linux', 'Safari 26 on macOS', 'Chrome 142 on Windows', 'Chrome 142 on Android'];

/** @param {string} text */
function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}

/** Numbers from 0 to 1 that are the same in each run. */
function makeRandom() {
  let count = 0;
  return () => createHash('sha256').update(`${count++}`).digest().readUInt32BE() / 2 ** 32;
}

/**
 * @param {PostgresStorageAdapter} storage of an empty database
 * @param {number} [now]
 */
async function fillConsole(storage, now = Date.now()) {
  const random = makeRandom();
  const users = [];
  for (const [index, name] of NAMES.entries()) {
    const email = `${name.toLowerCase().replace(' ', '.')}@example.com`;
    const plan = PLANS[index % PLANS.length];
    const entitlements = plan === 'free' ? ['read'] : ['read', 'write', ...(plan === 'team' ? ['invite'] : [])];
    const metadata = { locale: index % 3 === 0 ? 'de' : 'en', onboarded: index % 4 !== 0 };
    users.push(await storage.createUser({ email, name, plan, entitlements, metadata }));
  }
  const organizations = await fillOrganizations(storage, users, now);
  const first = /** @type {import('@kitiumai/auth-postgres').UserRecord} */ (users[0]);
  await fillFirst(storage, first, organizations, now);
  for (const [index, user] of users.entries()) {
    for (let count = 0; count < index % 3; count++) {
      await storage.createSession(sessionOf(user, index + count, now));
    }
  }
  await fillEvents(storage, users, organizations, random, now);
  return { users, organizations, first };
}

/**
 * @param {{ id: string }} user
 * @param {number} index
 * @param {number} now
 */
function sessionOf(user, index, now) {
  const metadata = { ip: `203.0.113.${20 + index}`, device: AGENTS[index % AGENTS.length] };
  // Some have expired, and wait for the sweep.
  const expiresAt = new Date(now + (index % 5 === 4 ? -HOUR : 6 * HOUR + index * DAY));
  return { userId: user.id, plan: 'pro', entitlements: ['read'], expiresAt, metadata };
}

/**
 * @param {PostgresStorageAdapter} storage
 * @param {{ id: string }[]} users
 * @param {number} now
 */
async function fillOrganizations(storage, users, now) {
  const organizations = [];
  for (const [index, name] of COMPANIES.entries()) {
    const members = users.slice(index === 0 ? 0 : index * 5, index * 5 + 4 + index).map(({ id }, place) => ({
      userId: id,
      role: memberRole(place),
      joinedAt: new Date(now - (place + 2) * 9 * DAY),
    }));
    const organization = await storage.createOrganization({
      ...{ name, members, plan: index % 2 === 0 ? 'team' : 'enterprise', seats: index % 2 === 0 ? 10 : 50 },
      metadata: { region: index % 2 === 0 ? 'eu-central' : 'us-east' },
    });
    organizations.push(organization);
    const permission = (/** @type {string} */ resource, /** @type {string} */ action) => ({
      ...{ resource, action, name: `${action[0]?.toUpperCase()}${action.slice(1)} ${resource}s` },
    });
    const editor = await storage.createRole({
      ...{ orgId: organization.id, name: 'Editor', description: 'Writes documents and publishes them' },
      permissions: [permission('document', 'read'), permission('document', 'write'), permission('document', 'publish')],
    });
    await storage.createRole({
      ...{ orgId: organization.id, name: 'Billing', description: 'Sees invoices', isSystem: true },
      permissions: [permission('invoice', 'read')],
    });
    for (const { userId } of members.slice(0, 2)) await storage.assignRoleToUser(userId, editor.id, organization.id);
    const { record } = await storage.createApiKeyWithSecret(
      organization.id,
      ['documents:read', 'documents:write'],
      'kit',
    );
    await storage.updateApiKey(record.id, {
      metadata: { name: 'Nightly import' },
      expiresAt: new Date(now + 60 * DAY),
    });
  }
  const [company] = organizations;
  await storage.createSSOProvider({
    ...{ type: 'oidc', name: 'Example ID', client_id: 'shop-production', client_secret: 'not shown' },
    metadata_url: 'https://id.example.com/.well-known/openid-configuration',
    redirect_uris: ['https://shop.example.com/auth/callback'],
    scopes: ['openid', 'email', 'profile'],
  });
  await storage.createSSOProvider({
    ...{ type: 'saml', name: 'Analytical Engines SAML', orgId: company?.id, force_authn: true },
    idp_entity_id: 'https://idp.engines.example/metadata',
    idp_sso_url: 'https://idp.engines.example/sso',
    idp_certificate: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
    sp_entity_id: 'https://shop.example.com',
    sp_acs_url: 'https://shop.example.com/auth/saml',
  });
  return organizations;
}

/**
 * @param {number} place
 * @returns {import('@kitiumai/auth-postgres').OrganizationRole}
 */
function memberRole(place) {
  if (place > 1) return 'member';
  return place === 0 ? 'owner' : 'admin';
}

/**
 * A user who has something of everything.
 *
 * @param {PostgresStorageAdapter} storage
 * @param {{ id: string, email?: string }} user
 * @param {{ id: string }[]} organizations
 * @param {number} now
 */
async function fillFirst(storage, user, organizations, now) {
  for (const index of [0, 1, 2]) await storage.createSession(sessionOf(user, index, now));
  const [company] = organizations;
  await storage.createSession({ ...sessionOf(user, 3, now), orgId: company?.id });
  await storage.setPasswordHash(user.id, '$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA');
  await storage.linkOAuthAccount(user.id, 'github', { provider: 'github', sub: '583231', email: 'ada@users.example' });
  await storage.createTwoFactorDevice({
    ...{ userId: user.id, method: 'totp', name: 'Phone', verified: true, secret: 'JBSWY3DPEHPK3PXP' },
    lastUsedAt: new Date(now - 3 * HOUR),
  });
  await storage.createTwoFactorDevice({ userId: user.id, method: 'sms', name: 'Work', phoneNumber: '+15555550100' });
  const codes = ['1', '2', '3', '4'].map((each) => ({ code: sha256(each), used: each === '3' }));
  await storage.createBackupCodes(user.id, codes);
  const { record } = await storage.createApiKeyWithSecret(user.id, ['documents:read'], 'kit');
  await storage.updateApiKey(record.id, { metadata: { name: 'Laptop' } });
  const [provider] = await storage.listSSOProviders();
  await storage.createSSOLink({
    ...{ userId: user.id, providerId: `${provider?.id}`, providerType: 'saml', providerSubject: 'ada' },
    providerEmail: `${user.email}`,
  });
  await storage.createEmailVerificationToken({
    ...{
      email: `${user.email}`,
      userId: user.id,
      code: sha256('123456'),
      codeHash: sha256('123456'),
      type: 'change_email',
    },
    expiresAt: new Date(now + HOUR),
  });
}

/**
 * More by day than by night, and one night of somebody who guesses passwords.
 *
 * @param {PostgresStorageAdapter} storage
 * @param {{ id: string }[]} users
 * @param {{ id: string }[]} organizations
 * @param {() => number} random
 * @param {number} now
 */
async function fillEvents(storage, users, organizations, random, now) {
  const events = [];
  for (let hour = 0; hour < 30 * 24; hour++) {
    const start = now - (hour + 1) * HOUR;
    const ofDay = new Date(start).getUTCHours();
    const isAttack = hour >= 8 && hour < 10;
    const signIns = Math.round(
      (2 + 9 * Math.sin((Math.max(0, ofDay - 5) / 19) * Math.PI)) * (0.6 + random() * 0.8) * (hour < 24 ? 3 : 1),
    );
    const failures = isAttack ? 16 + Math.round(random() * 8) : Math.round(random() * signIns * 0.18);
    for (let count = 0; count < signIns + failures; count++) {
      const isFailure = count >= signIns;
      const user = /** @type {{ id: string }} */ (users[Math.floor(random() * users.length)]);
      const data = isFailure
        ? { ip: isAttack ? '198.51.100.7' : '203.0.113.88', reason: 'wrong password' }
        : { ip: `203.0.113.${20 + Math.floor(random() * 60)}`, method: random() < 0.3 ? 'sso' : 'password' };
      const type = isFailure ? 'user.login_failed' : 'user.login';
      events.push({ type, principalId: user.id, data, timestamp: new Date(start + random() * HOUR) });
    }
  }
  const [company] = organizations;
  const first = `${users[0]?.id}`;
  const some = /** @type {[string, number, Record<string, unknown>][]} */ ([
    ['console.session.revoked', 11, { operator: 'grace@example.com' }],
    ['organization.member_invited', 34, { email: 'joan.clarke@example.com' }],
    ['two_factor.enabled', 52, { method: 'totp' }],
    ['api_key.created', 81, { name: 'Laptop', scopes: ['documents:read'] }],
  ]);
  for (const [type, minutes, data] of some) {
    const timestamp = new Date(now - minutes * MINUTE);
    events.push({ type, principalId: first, ...(company && { orgId: company.id }), data, timestamp });
  }
  events.sort((one, other) => one.timestamp.getTime() - other.timestamp.getTime());
  for (let index = 0; index < events.length; index += 500) {
    await Promise.all(events.slice(index, index + 500).map((event) => storage.emitEvent(event)));
  }
}

module.exports = { fillConsole };
