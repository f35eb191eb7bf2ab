/** All actions. */

const { API_KEY_ACTIONS } = require('./api-keys.js');
const { EVENT_ACTIONS } = require('./events.js');
const { ORGANIZATION_ACTIONS } = require('./organizations.js');
const { ROLE_ACTIONS } = require('./roles.js');
const { SSO_ACTIONS } = require('./sso.js');
const { SYSTEM_ACTIONS } = require('./sweep.js');
const { FACTOR_ACTIONS } = require('./user-factors.js');
const { USER_ACTIONS } = require('./users.js');

/** @import { Action } from './action.js' */

/** @type {readonly Action[]} */
const ACTIONS = [
  ...USER_ACTIONS,
  ...FACTOR_ACTIONS,
  ...ORGANIZATION_ACTIONS,
  ...ROLE_ACTIONS,
  ...API_KEY_ACTIONS,
  ...SSO_ACTIONS,
  ...EVENT_ACTIONS,
  ...SYSTEM_ACTIONS,
];

module.exports = { ACTIONS };
