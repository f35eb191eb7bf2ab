import fc from 'fast-check';
import { call, callOf, callWithOptional } from '../call';
import { edit, input, patch } from '../records';
import {
  hostile,
  hostileOptions,
  id,
  jsonObject,
  key,
  natural,
  readId,
  secret,
  stringMap,
  stringMapPatch,
  text,
  texts,
  time,
  writtenId,
} from '../values';

const hash = fc.oneof({ weight: 5, arbitrary: fc.constantFrom('h1', 'h2', 'h3', 'h4') }, { weight: 1, arbitrary: key });
const prefix = fc.oneof({ weight: 5, arbitrary: fc.constantFrom('kit', 'api') }, { weight: 1, arbitrary: key });
const lastFour = fc.oneof({ weight: 5, arbitrary: fc.constantFrom('abcd', '1234') }, { weight: 1, arbitrary: key });

const NEEDS = { principalId: id, hash, prefix, lastFour };
const MAY = { metadata: stringMap, expiresAt: time };

export const apiKeys = [
  call('createApiKey', input(NEEDS, { ...MAY, scopes: texts })),
  call('createApiKey', input(NEEDS, { ...MAY, scopes: texts })),
  call('getApiKey', readId),
  call('getApiKeyByHash', fc.oneof(hash, readId)),
  call('getApiKeysByPrefixAndLastFour', fc.oneof(prefix, readId), fc.oneof(lastFour, readId)),
  call('updateApiKey', readId, patch('apiKeys', { ...NEEDS, scopes: texts }, MAY)),
  call('updateApiKey', id, patch('apiKeys', { ...NEEDS, scopes: texts }, MAY)),
  callOf('updateApiKey', edit('apiKeys', patch('apiKeys', { ...NEEDS, scopes: texts }, { metadata: stringMapPatch }))),
  call('deleteApiKey', readId),
  call('listApiKeys', readId),
  callWithOptional(
    'createApiKeyWithSecret',
    [writtenId, fc.oneof({ weight: 4, arbitrary: texts }, { weight: 1, arbitrary: hostile })],
    fc.oneof({ weight: 4, arbitrary: prefix }, { weight: 1, arbitrary: hostile }),
  ),
  call('verifyApiKeySecret', fc.oneof({ weight: 3, arbitrary: secret }, { weight: 1, arbitrary: readId })),
  call('getApiKeyContext', fc.oneof({ weight: 3, arbitrary: secret }, { weight: 1, arbitrary: readId })),
  callWithOptional(
    'rotateApiKey',
    [readId],
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ expiresOldKeysAt: time }, { requiredKeys: [], noNullPrototype: true }) },
      { weight: 1, arbitrary: fc.record({ expiresOldKeysAt: hostile }, { noNullPrototype: true }) },
      { weight: 1, arbitrary: hostileOptions },
    ),
  ),
];

const member = fc.record(
  { userId: id, role: fc.constantFrom('owner', 'admin', 'member'), joinedAt: time },
  { noNullPrototype: true },
);
const members = fc.oneof(
  { weight: 6, arbitrary: fc.uniqueArray(member, { maxLength: 3, selector: ({ userId }) => fc.stringify(userId) }) },
  { weight: 2, arbitrary: fc.array(member, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.array(fc.oneof(input({ userId: id }, { role: hostile }), hostile), { maxLength: 2 }) },
);

const orgId = fc.oneof({ weight: 3, arbitrary: fc.constant('o') }, { weight: 1, arbitrary: readId });
const role = fc.constantFrom('owner', 'admin', 'member');
const newMember = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record(
      { userId: id, role, joinedAt: time },
      { requiredKeys: ['userId', 'role'], noNullPrototype: true },
    ),
  },
  { weight: 1, arbitrary: input({ userId: id, role }, { joinedAt: hostile }) },
);
const roleName = fc.oneof({ weight: 8, arbitrary: role }, { weight: 1, arbitrary: readId });

const ORGANIZATION = { name: text, plan: text, seats: natural };

export const organizations = [
  call('createOrganization', input(ORGANIZATION, { members, metadata: jsonObject })),
  call('createOrganization', input(ORGANIZATION, { members, metadata: jsonObject })),
  call('getOrganization', readId),
  call('updateOrganization', readId, patch('organizations', { ...ORGANIZATION, members }, { metadata: jsonObject })),
  call('updateOrganization', id, patch('organizations', { ...ORGANIZATION, members }, { metadata: jsonObject })),
  callOf('updateOrganization', edit('organizations', patch('organizations', ORGANIZATION, { metadata: jsonObject }))),
  call('addOrganizationMember', orgId, newMember),
  call('addOrganizationMember', orgId, newMember),
  call('setOrganizationMemberRole', orgId, id, roleName),
  call('removeOrganizationMember', orgId, id),
  call('removeOrganizationMember', readId, readId),
  call('deleteOrganization', readId),
];
