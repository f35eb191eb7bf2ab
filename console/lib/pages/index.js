/** All pages by their paths. */

const { overviewPage } = require('./overview.js');
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
];

module.exports = { PAGES };
