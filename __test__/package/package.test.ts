/** What is published: its contents, the findings of package linters, and that it installs and works. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync } from '@swc/core';
import { installedPackage } from '../../scripts/test/npm-package.cjs';
import { useDatabase } from '../helpers/database';
import { managersFor } from './managers';
import { type Registry, startRegistry } from './registry';
import { runProgram } from './run';

interface Tarball {
  name: string;
  path: string;
  files: string[];
  unpackedSize: number;
}

const ROOT = join(__dirname, '..', '..');
const directory = process.env.PACKAGE_DIRECTORY as string;
const { main, own, ofConsole }: { main: Tarball; own: Tarball; ofConsole: Tarball } = JSON.parse(
  readFileSync(join(directory, 'tarballs.json'), 'utf8'),
);
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** What npm keeps of the repository's package.json only where it is worked on. Scripts would also run in installations. */
const ONLY_HERE = ['scripts', 'devDependencies', 'packageManager', 'napi'];
const platform = own.name.slice(`${main.name}-`.length);
const db = useDatabase({ migrated: false });
/** Outside the repository, where the managers would find its files. */
const projects = mkdtempSync(join(tmpdir(), 'auth-postgres-package-'));
afterAll(() => rmSync(projects, { recursive: true, force: true }));

describe('the main package', () => {
  it('contains the facade, the command line, the loader and the typings, and nothing else', () => {
    const facade = (readdirSync(join(ROOT, 'lib'), { recursive: true }) as string[]).filter(
      (name) => name.endsWith('.js') || /^(otel|testing)\/index\.d\.ts$/.test(name),
    );
    expect(main.files).toEqual(
      [
        ...['LICENSE', 'README.md', 'index.d.ts', 'index.js', 'native.js', 'package.json'],
        ...facade.map((name) => `lib/${name}`),
      ].sort(),
    );
    expect(main.unpackedSize).toBeLessThan(320_000);
  });

  it('has no scripts, and depends only on the packages of the platforms and, for the command line, on commander', () => {
    const contents = packageOf(main);
    for (const field of ONLY_HERE) expect(contents).not.toHaveProperty(field);
    expect(Object.keys(contents.dependencies)).toEqual(['commander']);
    const ofPlatforms = new RegExp(`^${main.name}-(linux|darwin|win32)-(x64|arm64)`);
    expect(Object.keys(contents.optionalDependencies)).toHaveLength(8);
    for (const name of Object.keys(contents.optionalDependencies)) expect(name).toMatch(ofPlatforms);
  });

  it('has no findings by publint', async () => {
    const program = join(installedPackage('publint', '0.3.25'), 'src', 'cli.js');
    expect(await runProgram([process.execPath, program, main.path, '--strict'], directory)).toContain('All good!');
  });

  it('has types that resolve in every way, by arethetypeswrong', async () => {
    const program = join(installedPackage('@arethetypeswrong/cli', '0.18.5'), 'dist', 'index.js');
    expect(await runProgram([process.execPath, program, main.path], directory)).toContain('No problems found');
  });
});

it('the package of a platform contains the binary, and nothing else', () => {
  expect(own.files).toEqual(['LICENSE', 'README.md', `auth-postgres.${platform}.node`, 'package.json']);
});

describe('the console', () => {
  it('contains its pages, their assets and its typings, and nothing else', () => {
    const entries = ['express', 'fastify', 'index', 'next'].flatMap((name) => [`${name}.js`, `${name}.d.ts`]);
    const code = (readdirSync(join(ROOT, 'console', 'lib'), { recursive: true }) as string[])
      .filter((name) => name.endsWith('.js'))
      .map((name) => `lib/${name}`);
    const assets = ['console.css', 'console.js', 'icon.svg'].map((name) => `assets/${name}`);
    expect(ofConsole.files).toEqual([...entries, ...code, ...assets, 'README.md', 'package.json'].sort());
    expect(ofConsole.unpackedSize).toBeLessThan(260_000);
  });

  it('has the version of the store that it asks for, and depends on Hono alone', () => {
    const contents = packageOf(ofConsole);
    expect(contents).toMatchObject({ version, peerDependencies: { [main.name]: `^${version}` } });
    expect(Object.keys(contents.dependencies)).toEqual(['@hono/node-server', 'hono']);
    for (const field of ONLY_HERE) expect(contents).not.toHaveProperty(field);
  });

  it('has no findings by publint, and types that resolve in every way', async () => {
    const publint = join(installedPackage('publint', '0.3.25'), 'src', 'cli.js');
    expect(await runProgram([process.execPath, publint, ofConsole.path, '--strict'], directory)).toContain('All good!');
    const types = join(installedPackage('@arethetypeswrong/cli', '0.18.5'), 'dist', 'index.js');
    expect(await runProgram([process.execPath, types, ofConsole.path], directory)).toContain('No problems found');
  });
});

it('the bill of materials names each crate that is compiled into the addon, with its licence and checksum', async () => {
  const file = join(directory, 'auth-postgres.cdx.json');
  await runProgram([process.execPath, join(ROOT, 'scripts', 'release', 'sbom.mjs'), file], ROOT, {});
  const { bomFormat, metadata, components, dependencies } = JSON.parse(readFileSync(file, 'utf8'));
  expect(bomFormat).toBe('CycloneDX');
  expect(metadata.component).toMatchObject({ name: main.name, version, licenses: [{ license: { id: 'MIT' } }] });
  const names = components.map((component: { name: string }) => component.name);
  expect(names).toEqual(expect.arrayContaining(['sqlx-postgres', 'tokio', 'ring', 'rustls', 'napi', 'stringprep']));
  // What only the compiler runs, or only tests do.
  for (const absent of ['syn', 'napi-derive', 'napi-build', 'proptest']) expect(names).not.toContain(absent);
  const lock = readFileSync(join(ROOT, 'Cargo.lock'), 'utf8');
  for (const component of components) {
    expect(component.licenses).toHaveLength(1);
    for (const { content } of component.hashes ?? []) expect(lock).toContain(content);
    // The stand-ins of this repository are nowhere else.
    const isOurs = ['stringprep', 'webpki-roots'].includes(component.name);
    expect([component.name, component.hashes?.length ?? 0]).toEqual([component.name, isOurs ? 0 : 1]);
  }
  const own = dependencies.find(({ ref }: { ref: string }) => ref === metadata.component['bom-ref']);
  expect(own.dependsOn).toHaveLength(components.length);
});

describe('from a registry', () => {
  let registry: Registry;
  const managers = managersFor('', directory).map(({ name }) => name);

  beforeAll(async () => {
    registry = await startRegistry(join(directory, 'registry'));
    await publish();
    // What the command line depends on comes from the same registry.
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) await registry.add(join(ROOT, 'node_modules', name));
  }, 240_000);

  afterAll(() => registry?.stop());

  it.each(managers)('%s installs the package into an empty folder, where the quick start runs', async (name) => {
    const manager = managersFor(registry.url, directory).find((each) => each.name === name);
    if (!manager) throw new Error(name);
    const project = join(projects, name.replace(/\W+/g, '-'));
    await manager.install(project, main.name);

    const marker = 'the quick start has ended';
    writeFileSync(join(project, 'quick-start.mjs'), `${quickStart()}\nconsole.log('${marker}');\n`);
    const output = await runProgram(manager.node('quick-start.mjs'), project, { DATABASE_URL: db.url });
    expect(output).toContain(marker);
    expect(
      (await db.query('SELECT count(*)::int AS users FROM users WHERE email = $1', ['ada@example.com']))[0],
    ).toEqual({
      users: 1,
    });
    await db.query('DELETE FROM users');
  });

  it.each([
    ['npm', [platform]],
    // It knows nothing of C libraries: the loader decides.
    ['yarn-1', platform.startsWith('linux') ? [platform, platform.replace('gnu', 'musl')] : [platform]],
  ])('%s installs no binary of another platform', (name, expected) => {
    const scope = join(projects, name, 'node_modules', '@kitiumai');
    expect(readdirSync(scope).sort()).toEqual(['auth-postgres', ...expected.map((each) => `auth-postgres-${each}`)]);
  });

  it('a release that is repeated skips what is published already', async () => {
    const output = await publish();
    expect(output.match(/is published already/g)).toHaveLength(10);
    const published = await (await fetch(`${registry.url}${main.name}`)).json();
    expect(published['dist-tags'].latest).toBe(version);
    const repository = 'https://example.com/owner/repository';
    expect(published.versions[version]).toMatchObject({
      repository: { type: 'git', url: `git+${repository}.git` },
      homepage: `${repository}#readme`,
      bugs: { url: `${repository}/issues` },
    });
    const ofPlatform = await (await fetch(`${registry.url}${own.name}`)).json();
    expect(ofPlatform.versions[version].repository.directory).toBe(`npm/${platform}`);
  });

  it('the README on the npm page leads to the repository, as it was at the release', () => {
    const readme = readFileSync(join(projects, 'npm', 'node_modules', main.name, 'README.md'), 'utf8');
    const targets = [...readme.matchAll(/\]\(([^)\s]+)\)|\b(?:src|srcset)="([^"]+)"/g)].map(
      ([, link, source]) => link ?? source,
    );
    expect(targets.length).toBeGreaterThan(20);
    for (const target of targets) expect(target).toMatch(/^(https:|#)/);
    const repository = `https://example.com/owner/repository`;
    expect(targets).toContain(`${repository}/blob/v${version}/docs/errors.md`);
    for (const picture of targets.filter((each) => each?.endsWith('.svg'))) {
      expect(picture).toContain(`${repository}/raw/v${version}/`);
    }
  });

  it('a release whose tag does not match its version publishes nothing', async () => {
    await expect(publish('v0.0.1')).rejects.toThrow('The tag v0.0.1 does not fit');
  });

  /** What the release workflow runs. */
  function publish(tag = `v${version}`): Promise<string> {
    const userconfig = join(directory, 'npmrc');
    writeFileSync(userconfig, `${registry.url.replace('http:', '')}:_authToken=${registry.token}\n`);
    return runProgram(
      [process.execPath, join(ROOT, 'scripts', 'release', 'publish.mjs'), join(directory, 'binaries')],
      directory,
      {
        npm_config_userconfig: userconfig,
        npm_config_registry: registry.url,
        npm_config_cache: join(directory, 'cache', 'publisher'),
        GITHUB_REF_NAME: tag,
        GITHUB_SERVER_URL: 'https://example.com',
        GITHUB_REPOSITORY: 'owner/repository',
      },
    );
  }
});

function packageOf({ path }: Tarball) {
  return JSON.parse(execFileSync('tar', ['-xzOf', path, 'package/package.json'], { encoding: 'utf8' }));
}

/** The README's first example, as JavaScript. */
function quickStart(): string {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, code] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  if (!code) throw new Error('the README has no quick start');
  return transformSync(code, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }).code;
}
