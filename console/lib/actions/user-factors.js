/** Second factors and linked accounts of a user, which are taken away when somebody has lost them. */

const { toSegment } = require('../paths.js');
const { notFound } = require('../refusal.js');

/** @import { Action } from './action.js' */

/** @param {string} id */
function pathOf(id) {
  return `/users/${toSegment(id)}`;
}

/** @type {Action} */
const deleteDevice = {
  path: '/users/:id/devices/delete',
  permission: 'users:write',
  event: 'console.two_factor_device.deleted',
  ask: ({ params: { id = '' } }) => ({
    title: 'Remove this second factor?',
    text: 'The user signs in without it from then on, and can set up another one.',
    button: 'Remove it',
    back: pathOf(id),
  }),
  async run(tx, { params: { id = '' }, form }) {
    const device = await tx.getTwoFactorDevice(form.text('device'));
    if (device === null || device.userId !== id) throw notFound('device');
    await tx.deleteTwoFactorDevice(device.id);
    const data = { deviceId: device.id, method: device.method };
    return { about: { principalId: id, data }, to: pathOf(id), done: 'device-deleted' };
  },
};

/** @type {Action} */
const unlinkOAuth = {
  path: '/users/:id/oauth/unlink',
  permission: 'users:write',
  event: 'console.oauth.unlinked',
  ask: ({ params: { id = '' }, form }) => ({
    title: 'Unlink this account?',
    text: `The user can no longer sign in with ${form.text('provider')}.`,
    button: 'Unlink it',
    back: pathOf(id),
  }),
  async run(tx, { params: { id = '' }, form }) {
    const provider = form.text('provider');
    const user = await tx.getUser(id);
    if (!user?.oauth || !Object.hasOwn(user.oauth, provider)) throw notFound('account');
    await tx.unlinkOAuthAccount(id, provider);
    return { about: { principalId: id, data: { provider } }, to: pathOf(id), done: 'oauth-unlinked' };
  },
};

/** @type {Action} */
const deleteSsoLink = {
  path: '/users/:id/sso-links/delete',
  permission: 'users:write',
  event: 'console.sso_link.deleted',
  ask: ({ params: { id = '' } }) => ({
    title: 'Unlink this account?',
    text: 'The next sign-in at the provider has to link it again.',
    button: 'Unlink it',
    back: pathOf(id),
  }),
  async run(tx, { params: { id = '' }, form }) {
    const link = await tx.getSSOLink(form.text('link'));
    if (link === null || link.userId !== id) throw notFound('account');
    await tx.deleteSSOLink(link.id);
    const data = { linkId: link.id, providerId: link.providerId };
    return { about: { principalId: id, data }, to: pathOf(id), done: 'sso-link-deleted' };
  },
};

module.exports = { FACTOR_ACTIONS: [deleteDevice, unlinkOAuth, deleteSsoLink] };
