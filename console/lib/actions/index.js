/** All actions. */

/** @import { Action } from './action.js' */

/** @type {readonly Action[]} */
const ACTIONS = [];

module.exports = { ACTIONS };
