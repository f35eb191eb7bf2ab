const { onServer } = require('./server');

module.exports = () => onServer(`DROP DATABASE ${process.env.TEMPLATE_DATABASE}`);
