const { useTestStorage } = require('./hooks.js');
const { createTestStorage } = require('./storage.js');

module.exports = { createTestStorage, useTestStorage };
