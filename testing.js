const { useTestStorage } = require('./lib/testing/hooks.js');
const { createTestStorage } = require('./lib/testing/storage.js');

module.exports = { createTestStorage, useTestStorage };
