/** The methods about the tables as a whole. */

const { text } = require('./arguments.js');
const { unchanged } = require('./decoders.js');
const { method, methodWithOptions } = require('./method.js');

/** @import { MigrationStatus } from '../index.js' */
/** @import { Decode, Method, ResultOf } from './types.js' */

/** @type {Decode<MigrationStatus>} */
const migrationStatus = ({ migrations, ...status }) => ({
  ...status,
  migrations: migrations.map(({ appliedAt, ...entry }) =>
    appliedAt === undefined ? entry : { ...entry, appliedAt: new Date(appliedAt) },
  ),
});

/**
 * @typedef {'rollback' | 'diagnose' | 'migrate' | 'migrationStatus' | 'migrationSql' | 'previewRollback' | 'baseline'
 *   | 'grants'} AdministrationName
 */

/** @satisfies {{ [Name in AdministrationName]: Method<ResultOf<Name>> }} */
const ADMINISTRATION = {
  rollback: methodWithOptions([], unchanged),
  diagnose: methodWithOptions([], unchanged),
  migrate: methodWithOptions([], unchanged),
  migrationStatus: method([], migrationStatus),
  migrationSql: methodWithOptions([], unchanged),
  previewRollback: methodWithOptions([], unchanged),
  baseline: method([], unchanged),
  grants: method([text('role')], unchanged),
};

module.exports = { ADMINISTRATION };
