/** The filters of the audit log, as addresses and forms have them. */

const { Refusal } = require('./refusal.js');

/**
 * @param {(name: string) => string | undefined} get
 * @returns {{ type?: string, principalId?: string, orgId?: string, from?: Date, to?: Date }}
 */
function readEventFilters(get) {
  const [type, principalId, orgId] = [get('type'), get('principal'), get('org')];
  const [from, to] = [readTime('from', get('from')), readTime('to', get('to'))];
  return {
    ...(type && { type }),
    ...(principalId && { principalId }),
    ...(orgId && { orgId }),
    ...(from && { from }),
    ...(to && { to }),
  };
}

/**
 * A time without a zone is one in UTC, as the pages show it.
 *
 * @param {string} name
 * @param {string | undefined} text
 */
function readTime(name, text) {
  if (!text) return undefined;
  const time = new Date(/[zZ]$|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}${text.includes('T') ? '' : 'T00:00'}Z`);
  if (Number.isNaN(time.getTime())) throw new Refusal(400, `The field "${name}" is not a time.`);
  return time;
}

module.exports = { readEventFilters };
