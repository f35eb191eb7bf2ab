/** The error that an application gets when the native core cannot be loaded. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');
const { version, optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

let application: string;

beforeAll(() => {
  application = mkdtempSync(join(tmpdir(), 'no-binary-'));
  const installed = directoryOf('auth-postgres');
  for (const file of ['package.json', 'index.js', 'lib', 'native.js']) {
    cpSync(join(ROOT, file), join(installed, file), { recursive: true });
  }
});

afterEach(() => {
  for (const name of Object.keys(optionalDependencies)) {
    rmSync(join(application, 'node_modules', name), { recursive: true, force: true });
  }
});

afterAll(() => rmSync(application, { recursive: true }));

function directoryOf(name: string): string {
  const directory = join(application, 'node_modules', '@kitiumai', name);
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** Puts a package there whose binary, given as JavaScript, need not be one. */
function install(platform: string, { version: its = version, main = 'module.exports = {}' } = {}) {
  const directory = directoryOf(`auth-postgres-${platform}`);
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ version: its, main: 'binary.js' }));
  writeFileSync(join(directory, 'binary.js'), main);
}

/** The message with which the package refuses to load there, or "loaded". */
function load(platform: string, arch: string, { isMusl = false, namesLoader = true } = {}): string {
  const program = join(application, 'node');
  const loader = isMusl ? '/lib/ld-musl-x86_64.so.1' : '/lib64/ld-linux-x86-64.so.2';
  writeFileSync(program, namesLoader ? `ELF ${loader}` : 'ELF');
  const script = `
    Object.defineProperty(process, 'platform', { value: '${platform}' });
    Object.defineProperty(process, 'arch', { value: '${arch}' });
    Object.defineProperty(process, 'execPath', { value: ${JSON.stringify(program)} });
    const isAsked = ${!namesLoader};
    process.report.getReport = () => {
      if (!isAsked) throw new Error('It takes milliseconds.');
      return { header: ${isMusl ? '{}' : "{ glibcVersionRuntime: '2.36' }"} };
    };
    try {
      require('@kitiumai/auth-postgres');
      console.log('loaded');
    } catch (error) {
      console.log(error.message);
    }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--eval', script], { cwd: application, encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.trim();
}

it.each([
  ['freebsd', 'x64', 'freebsd-x64'],
  ['linux', 's390x', 'linux-s390x-gnu'],
  ['win32', 'ia32', 'win32-ia32-msvc'],
])('the error names the platform if it has no binary: %s %s', (platform, arch, name) => {
  const message = load(platform, arch);
  expect(message).toContain(`no binary for ${name}`);
  expect(message).toContain('linux-x64-gnu');
  expect(message).toContain('build it from source');
});

it.each([
  ['linux', 'x64', false, 'linux-x64-gnu'],
  ['linux', 'x64', true, 'linux-x64-musl'],
  ['linux', 'arm64', false, 'linux-arm64-gnu'],
  ['linux', 'arm64', true, 'linux-arm64-musl'],
  ['darwin', 'x64', false, 'darwin-x64'],
  ['darwin', 'arm64', false, 'darwin-arm64'],
  ['win32', 'x64', false, 'win32-x64-msvc'],
  ['win32', 'arm64', false, 'win32-arm64-msvc'],
])('on %s %s (musl: %s) the loader loads the package of %s', (platform, arch, isMusl, name) => {
  expect(Object.keys(optionalDependencies)).toContain(`@kitiumai/auth-postgres-${name}`);
  const message = load(platform, arch, { isMusl });
  expect(message).toContain(`@kitiumai/auth-postgres-${name}`);
  expect(message).toContain('not installed');
  expect(message).toContain('--omit=optional');
  expect(message).toContain('install it beside the bundle');
  install(name);
  expect(load(platform, arch, { isMusl })).toBe('loaded');
});

it.each([
  [true, 'linux-x64-musl'],
  [false, 'linux-x64-gnu'],
])('a program that does not name the loader of its C library is asked for a report (musl: %s)', (isMusl, name) => {
  expect(load('linux', 'x64', { isMusl, namesLoader: false })).toContain(`@kitiumai/auth-postgres-${name}`);
});

it('the loader rejects a binary of another version', () => {
  install('linux-x64-gnu', { version: '3.9.9' });
  const message = load('linux', 'x64');
  expect(message).toContain(`@kitiumai/auth-postgres ${version} `);
  expect(message).toContain('@kitiumai/auth-postgres-linux-x64-gnu 3.9.9');
});

it('the loader passes on the system’s reason for not loading the binary', () => {
  install('linux-x64-gnu', { main: `throw new Error("version 'GLIBC_2.17' not found")` });
  const message = load('linux', 'x64');
  expect(message).toContain('@kitiumai/auth-postgres-linux-x64-gnu cannot be loaded');
  expect(message).toContain("version 'GLIBC_2.17' not found");
});

it('the package depends on exactly its own version of every platform’s package', () => {
  expect(new Set(Object.values(optionalDependencies))).toEqual(new Set([version]));
});
