/** All pages by their paths. */

const { apiKeyPage, apiKeysPage } = require('./api-keys.js');
const { eventsPage } = require('./events.js');
const { healthPage } = require('./health.js');
const { organizationPage } = require('./organization.js');
const { organizationsPage } = require('./organizations.js');
const { overviewPage } = require('./overview.js');
const { rolePage } = require('./role.js');
const { ssoPage, ssoProviderPage } = require('./sso.js');
const { userPage } = require('./user.js');
const { usersPage } = require('./users.js');

/** @import { Page } from '../html/layout.js' */
/** @import { Visit } from '../visit.js' */

/**
 * @typedef {object} Route
 * @property {string} path
 * @property {(visit: Visit, params: Record<string, string>) => Page | Promise<Page>} render
 */

/** @type {readonly Route[]} */
const PAGES = [
  { path: '/', render: overviewPage },
  { path: '/users', render: usersPage },
  { path: '/users/:id', render: userPage },
  { path: '/organizations', render: organizationsPage },
  { path: '/organizations/:id', render: organizationPage },
  { path: '/organizations/:id/roles/:role', render: rolePage },
  { path: '/api-keys', render: apiKeysPage },
  { path: '/api-keys/:id', render: apiKeyPage },
  { path: '/sso', render: ssoPage },
  { path: '/sso/:id', render: ssoProviderPage },
  { path: '/events', render: eventsPage },
  { path: '/health', render: healthPage },
];

module.exports = { PAGES };
