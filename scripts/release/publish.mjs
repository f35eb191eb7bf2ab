/**
 * Publishes the platform packages, then the main one and then the console; for the release workflow:
 * `node scripts/release/publish.mjs [directory]`, which holds the binaries as `<platform>/auth-postgres.<platform>.node`.
 * What is published already is passed over, so that a run that broke off can be repeated. npm takes registry, token and
 * provenance from its own configuration.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ROOT } from '../build/inputs.mjs';
import { platforms, readPackage } from '../build/platforms.mjs';
import { originOf, withAbsoluteLinks } from './npm-page.mjs';
import { packConsole, packMain, stagePlatform, unpackInto } from './pack.mjs';

const binaries = resolve(process.argv[2] ?? join(ROOT, 'npm'));
const staging = join(ROOT, 'target', 'publish');

const { version } = readPackage();
const tag = process.env.GITHUB_REF_NAME;
if (tag !== `v${version}`) throw new Error(`The tag ${tag} does not fit version ${version} of package.json.`);
const repository = `${process.env.GITHUB_SERVER_URL}/${process.env.GITHUB_REPOSITORY}`;

rmSync(staging, { recursive: true, force: true });
// All of it is there before anything is published.
const packages = [
  ...platforms().map(({ name }) => ({ directory: stageBinary(name), source: `npm/${name}` })),
  { directory: stage(packMain(join(staging, 'packed'))), source: undefined },
  { directory: stage(packConsole(join(staging, 'packed')), 'console'), source: 'console' },
];
for (const { directory, source } of packages) publish(directory, source);

/** @param {string} platform */
function stageBinary(platform) {
  const binary = join(binaries, platform, `auth-postgres.${platform}.node`);
  if (!existsSync(binary)) throw new Error(`There is no ${binary}.`);
  return stagePlatform(binary, platform, staging);
}

/**
 * @param {import('./pack.mjs').Tarball} tarball
 * @param {string} [source] where the package is in the repository
 */
function stage(tarball, source) {
  const project = join(staging, source ?? 'main');
  unpackInto([tarball], project);
  const directory = join(project, 'node_modules', tarball.name);
  const readme = join(directory, 'README.md');
  writeFileSync(readme, withAbsoluteLinks(readFileSync(readme, 'utf8'), repository, tag ?? '', source));
  // Only a package at the root of the repository finds it there by itself.
  copyFileSync(join(ROOT, 'LICENSE'), join(directory, 'LICENSE'));
  return directory;
}

/**
 * @param {string} directory
 * @param {string | undefined} source where the package is in the repository
 */
function publish(directory, source) {
  const file = join(directory, 'package.json');
  const contents = JSON.parse(readFileSync(file, 'utf8'));
  if (contents.version !== version) throw new Error(`${contents.name} has version ${contents.version}.`);
  const specifier = `${contents.name}@${version}`;
  if (npm(['view', specifier, 'version'], 'ignore') === 0) {
    console.log(`${specifier} is published already`);
    return;
  }
  // Provenance is refused where the package names another repository than the one that builds it.
  writeFileSync(file, `${JSON.stringify({ ...contents, ...originOf(repository, source) }, null, 2)}\n`);
  const distTag = version.includes('-') ? 'next' : 'latest';
  if (npm(['publish', directory, '--access=public', `--tag=${distTag}`], 'inherit') !== 0) {
    throw new Error(`${specifier} could not be published.`);
  }
}

/**
 * @param {string[]} args
 * @param {'ignore' | 'inherit'} stdio
 */
function npm(args, stdio) {
  return spawnSync('npm', args, { cwd: staging, stdio, shell: process.platform === 'win32' }).status;
}
