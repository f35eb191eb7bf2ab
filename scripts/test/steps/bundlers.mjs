/**
 * `npm run test:bundlers`: the packed package in an application that is bundled. The bundlers are installed from the registry
 * into target/bundlers, and stay there until other versions are asked for.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../build/inputs.mjs';
import { debugBinary, pack, unpackInto } from '../../release/pack.mjs';

const directory = join(ROOT, 'target', 'bundlers');
const application = join(directory, 'application');
const source = join(ROOT, '__test__', 'bundlers', 'application');

/** @param {string[]} given */
export function prepare(given) {
  installBundlers();
  cpSync(source, application, { recursive: true });
  const { binary, platform } = debugBinary(join(directory, 'stripped'));
  rmSync(join(application, 'node_modules', '@kitiumai'), { recursive: true, force: true });
  unpackInto(Object.values(pack(binary, platform, join(directory, 'packed'))), application);
  process.env.BUNDLERS_APPLICATION = application;
  process.env.BUNDLERS_PLATFORM = platform;
  return given;
}

/** In another place than the application's, because npm would remove packages that it has not installed. */
function installBundlers() {
  const wanted = readFileSync(join(source, 'package.json'), 'utf8');
  const stamp = join(application, 'node_modules', '.installed.json');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  rmSync(application, { recursive: true, force: true });
  mkdirSync(application, { recursive: true });
  cpSync(join(source, 'package.json'), join(application, 'package.json'));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  execFileSync('npm', ['install', ...flags], {
    cwd: application,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  cpSync(join(source, 'package.json'), stamp);
}
