require('./lib/check-bundle.js');
const { PostgresStorageAdapter } = require('./lib/adapter.js');
const { InternalError } = require('./lib/errors.js');

module.exports = { PostgresStorageAdapter, InternalError };
