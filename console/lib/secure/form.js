/** Reads what a form has sent, up to a size that no form of the console reaches. */

const { Refusal } = require('../refusal.js');

const MOST_BYTES = 64 * 1024;
const TYPE = 'application/x-www-form-urlencoded';

/**
 * @param {Request} request
 * @returns {Promise<URLSearchParams>}
 */
async function readForm(request) {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== TYPE) throw new Refusal(415, 'Only forms are accepted here.');
  if (Number(request.headers.get('content-length') ?? 0) > MOST_BYTES) throw tooLarge();
  /** @type {Uint8Array[]} */
  const chunks = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > MOST_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('latin1');
  return new URLSearchParams(text);
}

function tooLarge() {
  return new Refusal(413, 'The form is larger than the console accepts.');
}

module.exports = { readForm };
