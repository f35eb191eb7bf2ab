/**
 * An address as the store compares it: without regard to ASCII case. `toLowerCase()` also makes letters of other alphabets into
 * ASCII ones, such as the Kelvin sign into a `k`, so that somebody else's address would be taken for this one.
 */
export function foldAddress(email: string): string {
  return email.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
