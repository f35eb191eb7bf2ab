/** Which keys of metadata and event data have values that could be secrets. docs/console.md has the same lists. */

const LISTS = Object.freeze({
  /** Anywhere in a key. */
  contains: [
    ...['password', 'passwd', 'passphrase', 'passcode', 'pwd', 'pincode', 'secret', 'token', 'hash', 'cookie'],
    ...[
      'authorization',
      'credential',
      'signature',
      'bearer',
      'jwt',
      'nonce',
      'csrf',
      'recovery',
      'totp',
      'otpauth',
      'otpcode',
    ],
    ...['magiclink', 'verificationcode', 'backupcode', 'authcode', 'accesscode', 'smscode', 'logincode', 'resetcode'],
  ],
  /** In the singular or plural. */
  endsWith: [...['sessionid', 'sessid', 'apikey', 'accesskey', 'privatekey', 'privkey', 'signingkey', 'encryptionkey']],
  /** In the singular or plural. Each is part of other words, such as `passenger`. */
  hasWord: ['pass', 'pin', 'otp', 'hotp', 'seed', 'sid', 'pem', 'salt'],
  is: ['code', 'codes', 'key', 'keys', 'session'],
});

const WHOLE = new RegExp(`${LISTS.contains.join('|')}|(${LISTS.endsWith.join('|')})s?$|^(${LISTS.is.join('|')})$`);
const WORD = new RegExp(`^(${LISTS.hasWord.join('|')})s?$`);
/** Between the words of `pinCode` and `userPINCode`, and what is no letter. */
const BETWEEN_WORDS = /(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})|\P{L}+/u;

/**
 * @param {string} key
 * @param {readonly string[]} hiddenKeys further ones, in lower case
 */
function isHidden(key, hiddenKeys) {
  const words = key.split(BETWEEN_WORDS).map((word) => word.toLowerCase());
  return hiddenKeys.includes(key.toLowerCase()) || WHOLE.test(words.join('')) || words.some((word) => WORD.test(word));
}

module.exports = { LISTS, isHidden };
