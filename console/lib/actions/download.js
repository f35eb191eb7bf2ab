/** Files that a browser saves instead of showing them. */

/**
 * @param {unknown} value
 * @param {string} name of the file
 */
function jsonResponse(value, name) {
  return new Response(`${JSON.stringify(value, null, 2)}\n`, { headers: fileHeaders('application/json', name) });
}

/**
 * @param {string} type
 * @param {string} name of the file, which has no quotation marks
 */
function fileHeaders(type, name) {
  return { 'Content-Type': `${type}; charset=utf-8`, 'Content-Disposition': `attachment; filename="${name}"` };
}

module.exports = { fileHeaders, jsonResponse };
