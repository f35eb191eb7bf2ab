import fc from 'fast-check';
import { call, callOf, callWithOptional } from '../call';
import { edit, input, patch } from '../records';
import { hostile, hostileOptions, id, jsonObject, key, pageOptions, readId, text, time, writtenId } from '../values';

const permission = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record(
      {
        id: fc.oneof(key, fc.constant(null)),
        name: text,
        description: text,
        resource: text,
        action: text,
        metadata: jsonObject,
      },
      { requiredKeys: ['name', 'resource', 'action'], noNullPrototype: true },
    ),
  },
  { weight: 1, arbitrary: input({ name: text, resource: text, action: text }, { description: hostile }) },
);

const permissions = fc.array(permission, { maxLength: 2 });
const isSystem = fc.boolean();
const NEEDS = { orgId: id, name: text };
const MAY = { description: text, metadata: jsonObject };

const few = fc.constantFrom('a', 'b', 'o');
const userId = fc.oneof({ weight: 3, arbitrary: few }, { weight: 1, arbitrary: writtenId });
const roleId = userId;
const orgId = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('o', 'c') }, { weight: 1, arbitrary: writtenId });

export const roles = [
  call('createRole', input(NEEDS, { ...MAY, permissions, isSystem })),
  call('createRole', input({ ...NEEDS, orgId: fc.constant('o') }, { ...MAY, permissions, isSystem })),
  call('getRole', readId),
  call('updateRole', readId, patch('roles', { ...NEEDS, permissions, isSystem }, MAY)),
  call('updateRole', id, patch('roles', { ...NEEDS, permissions, isSystem }, MAY)),
  callOf('updateRole', edit('roles', patch('roles', { ...NEEDS, permissions, isSystem }, MAY))),
  call('deleteRole', readId),
  call('listRoles', readId),
  call('assignRoleToUser', userId, roleId, orgId),
  call('assignRoleToUser', userId, roleId, orgId),
  call('revokeRoleFromUser', userId, roleId, orgId),
  call('getUserRoles', readId, readId),
];

const email = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('ada@example.com', 'ADA@example.com', 'bob@example.com') },
  { weight: 1, arbitrary: key },
);
const type = fc.constantFrom('verify_email', 'reset_password', 'change_email', 'login_link');

const token = input(
  { email, code: text, codeHash: key, type, expiresAt: time },
  { userId: id, metadata: jsonObject, usedAt: time },
);

export const emailTokens = [
  call('createEmailVerificationToken', token),
  call('createEmailVerificationToken', token),
  call('getEmailVerificationTokens', fc.oneof(email, readId)),
  call(
    'getEmailVerificationTokens',
    email,
    fc.oneof({ weight: 4, arbitrary: type }, { weight: 1, arbitrary: hostile }),
  ),
  call('getEmailVerificationTokenById', readId),
  call('markEmailVerificationTokenAsUsed', readId),
  call('markEmailVerificationTokenAsUsed', id),
  call('deleteExpiredEmailVerificationTokens'),
  call('getEmailVerificationTokenAttempts', readId),
  call('incrementEmailVerificationTokenAttempts', readId),
];

/** Within a thousand hours. */
const closeTime = fc.nat(20_000).map((minutes) => new Date(Date.UTC(2100, 0, 30) + minutes * 60_000));
const eventTime = fc.oneof({ weight: 2, arbitrary: closeTime }, { weight: 1, arbitrary: time });

const countOptions = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record(
      {
        from: fc.constantFrom(new Date(Date.UTC(2100, 0, 1)), new Date(Date.UTC(2100, 0, 31, 5, 30))),
        to: fc.constantFrom(new Date(Date.UTC(2100, 1, 11, 16)), new Date(Date.UTC(2100, 1, 3, 1))),
        step: fc.constantFrom('hour', 'day'),
        types: fc.array(text, { maxLength: 3 }),
        orgId: id,
        principalId: id,
      },
      { requiredKeys: ['from', 'to'], noNullPrototype: true },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      { from: eventTime, to: eventTime, step: fc.constantFrom('hour', 'day') },
      { requiredKeys: [], noNullPrototype: true },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      { from: hostile, to: hostile, step: hostile, types: hostile, orgId: hostile, principalId: hostile },
      { requiredKeys: [], noNullPrototype: true },
    ),
  },
  { weight: 1, arbitrary: hostileOptions },
);

export const events = [
  callWithOptional('countEvents', [], countOptions),
  call(
    'emitEvent',
    input({ type: text, principalId: id, data: jsonObject, timestamp: eventTime }, { orgId: id }).map((event) => {
      // An event has no id and no times of its own.
      if (typeof event !== 'object' || event === null || Object.getPrototypeOf(event) !== Object.prototype)
        return event;
      const { id: _, createdAt: __, updatedAt: ___, ...rest } = event as Record<string, unknown>;
      return rest;
    }),
  ),
  callWithOptional(
    'listEvents',
    [],
    pageOptions({
      principalId: fc.oneof(id, hostile),
      orgId: id,
      type: fc.oneof(text, hostile),
      from: fc.oneof(time, hostile),
      to: fc.oneof(time, hostile),
    }),
  ),
  callWithOptional('listEvents', [], pageOptions({ principalId: id })),
  callWithOptional('listEvents', [], pageOptions()),
];
