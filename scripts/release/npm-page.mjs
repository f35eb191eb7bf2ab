/** What only a published package has: where it comes from, and a README whose links and pictures work on its npm page. */
import { posix } from 'node:path';

/**
 * @param {string} repository its address on the web
 * @param {string} [directory] in it, of the package
 */
export function originOf(repository, directory) {
  return {
    repository: { type: 'git', url: `git+${repository}.git`, ...(directory && { directory }) },
    homepage: `${repository}#readme`,
    bugs: { url: `${repository}/issues` },
  };
}

/**
 * Relative links lead to the repository, as it was at this tag.
 *
 * @param {string} readme
 * @param {string} repository
 * @param {string} tag
 * @param {string} [directory] of the README in the repository
 */
export function withAbsoluteLinks(readme, repository, tag, directory = '') {
  const page = (/** @type {string} */ path) => `${repository}/blob/${tag}/${posix.join(directory, path)}`;
  const file = (/** @type {string} */ path) => `${repository}/raw/${tag}/${posix.join(directory, path)}`;
  const isRelative = (/** @type {string} */ path) => !/^([a-z]+:|#|\/)/i.test(path);
  return readme
    .replace(/(!?)(\[[^\]]*\]\()([^)\s]+)\)/g, (all, isPicture, before, path) =>
      isRelative(path) ? `${isPicture}${before}${(isPicture ? file : page)(path)})` : all,
    )
    .replace(/\b(src|srcset)="([^"\s]+)"/g, (all, attribute, path) =>
      isRelative(path) ? `${attribute}="${file(path)}"` : all,
    );
}
