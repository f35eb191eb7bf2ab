/** What an action is. */

/** @import { EventInput, PostgresTransaction } from '@kitiumai/auth-postgres' */
/** @import { Permission } from '../../index.js' */
/** @import { Page } from '../html/layout.js' */
/** @import { Visit } from '../visit.js' */

/**
 * @typedef {object} Call
 * @property {Visit} visit
 * @property {Record<string, string>} params the ids in the path
 * @property {Form} form
 */

/**
 * @typedef {object} Form
 * @property {(name: string) => string} text without blanks around it, empty if it was not sent
 * @property {(name: string) => string} required the same, but refused if it is empty
 * @property {(name: string) => string | null} optional `null` instead of empty
 * @property {(name: string) => string[]} lines without empty ones
 * @property {URLSearchParams} fields
 */

/**
 * @typedef {object} Question what is asked before the action
 * @property {string} title
 * @property {string} text
 * @property {string} button
 * @property {string} back the path of the page to return to
 * @property {string} [typed] what has to be typed first
 */

/**
 * @typedef {object} Done
 * @property {Pick<EventInput, 'principalId' | 'orgId' | 'data'>} about of the audit event, whose data gets the operator
 * @property {string} [to] the path of the page that follows
 * @property {string} [done] what it says
 * @property {Page} [page] or a page at once, for what is shown only now
 * @property {() => Response} [response] or something else, made when all has been committed
 */

/**
 * @typedef {object} Action
 * @property {string} path
 * @property {Permission} permission
 * @property {string} event the type of the audit event
 * @property {(call: Call) => Question | Promise<Question>} [ask]
 * @property {(tx: PostgresTransaction, call: Call) => Promise<Done>} run
 */

module.exports = {};
