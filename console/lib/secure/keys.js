/** What the console signs and seals: tokens of forms, and ids that a browser must not read. */

const { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } = require('node:crypto');

const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * @typedef {object} Keys
 * @property {(text: string) => string} sign
 * @property {(text: string, signature: string) => boolean} isSignature
 * @property {(text: string, purpose: string) => string} seal encrypts; what it gives is opened for the same purpose only
 * @property {(sealed: string, purpose: string) => string | null} open `null` for what was not sealed so
 */

/**
 * @param {string | Buffer} secret
 * @returns {Keys}
 */
function makeKeys(secret) {
  const derive = (/** @type {string} */ use) =>
    Buffer.from(hkdfSync('sha256', secret, '', `auth-postgres-console ${use}`, 32));
  const signing = derive('sign');
  const sealing = derive('seal');

  const sign = (/** @type {string} */ text) => createHmac('sha256', signing).update(text).digest('base64url');
  return {
    sign,
    isSignature: (text, signature) => {
      const expected = Buffer.from(sign(text));
      const given = Buffer.from(signature);
      return expected.length === given.length && timingSafeEqual(expected, given);
    },
    seal: (text, purpose) => {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', sealing, iv).setAAD(Buffer.from(purpose));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url');
    },
    open: (sealed, purpose) => {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes.length < IV_BYTES + TAG_BYTES) return null;
      const decipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      })
        .setAAD(Buffer.from(purpose))
        .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      try {
        return decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
      } catch {
        return null;
      }
    },
  };
}

module.exports = { makeKeys };
