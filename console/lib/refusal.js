/** Why a request is not served, in words for the operator. */

class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {Record<string, string>} [headers]
   */
  constructor(status, message, headers = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** @param {string} what */
function notFound(what) {
  return new Refusal(404, `There is no such ${what}.`);
}

module.exports = { Refusal, notFound };
