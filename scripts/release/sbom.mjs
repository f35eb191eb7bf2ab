/**
 * Writes the software bill of materials of the addon, in the CycloneDX format:
 * `node scripts/release/sbom.mjs auth-postgres.cdx.json`. The package has no dependencies in JavaScript, so that this is
 * the package itself and the crates that are compiled into it.
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { readPackage } from '../build/platforms.mjs';
import npm from '../test/npm-package.cjs';
import { compiledCrates } from './crates.mjs';

const LIBRARY = '10.3.0';

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node scripts/release/sbom.mjs FILE');
  process.exit(2);
}
const installed = npm.installedPackage('@cyclonedx/cyclonedx-library', LIBRARY);
const { Enums, Models, Serialize, Spec } = createRequire(import.meta.url)(installed);

const { name, version, license } = readPackage();
const root = component(
  Enums.ComponentType.Library,
  `pkg:npm/${name.replace('@', '%40')}@${version}`,
  name,
  version,
  license,
);
const bom = new Models.Bom({ metadata: new Models.Metadata({ component: root }) });
for (const crate of compiledCrates()) {
  const purl = `pkg:cargo/${crate.name}@${crate.version}`;
  const part = component(Enums.ComponentType.Library, purl, crate.name, crate.version, crate.licence);
  if (crate.checksum) part.hashes.set(Enums.HashAlgorithm['SHA-256'], crate.checksum);
  bom.components.add(part);
  root.dependencies.add(part.bomRef);
}
const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
writeFileSync(file, serializer.serialize(bom, { sortLists: true, space: 2 }));
console.log(`${file}: ${bom.components.size} components`);

/**
 * @param {string} type
 * @param {string} purl
 * @param {string} componentName
 * @param {string} componentVersion
 * @param {string} licence an SPDX expression
 */
function component(type, purl, componentName, componentVersion, licence) {
  const made = new Models.Component(type, componentName, { version: componentVersion, purl, bomRef: purl });
  made.licenses.add(
    / (OR|AND) /.test(licence) ? new Models.LicenseExpression(licence) : new Models.SpdxLicense(licence),
  );
  return made;
}
