const { coloursFor } = require('../colours.js');
const { withStorage } = require('../connection.js');
const { EXIT } = require('../exit-codes.js');
const { oneLine, plural, print, printJson } = require('../output.js');
const { withProgress } = require('../progress.js');

/** @import { Finding, FindingSeverity } from '../../../index.js' */
/** @import { Style } from '../colours.js' */
/** @import { GlobalOptions } from '../connection.js' */

/** @type {Record<FindingSeverity, { mark: string, style: Style }>} */
const MARKS = {
  ok: { mark: '✓', style: 'green' },
  notice: { mark: 'ℹ', style: 'cyan' },
  warning: { mark: '⚠', style: 'yellow' },
  error: { mark: '✗', style: 'red' },
};

/** @param {Finding} finding */
function describe({ id, severity, ...texts }) {
  const [title, expected, actual, repair] = [texts.title, texts.expected, texts.actual, texts.repair ?? ''].map(
    oneLine,
  );
  const colours = coloursFor(process.stdout);
  const { mark, style } = MARKS[severity];
  if (severity === 'ok') return print(`${colours[style](mark)} ${title}: ${actual}`);
  print(`${colours[style](`${mark} ${title}`)} ${colours.dim(id)}`);
  print(`    expected: ${expected}`);
  print(`    actual:   ${actual}`);
  if (repair) print(`    repair:   ${colours.bold(repair)}`);
}

/** @param {GlobalOptions & { max?: number, processes?: number, all?: boolean }} options */
async function doctor(options) {
  const { max, processes, all = false, json } = options;
  const findings = await withProgress('examining the database', () =>
    withStorage(options, (storage, signal) => storage.diagnose({ processes, signal }), { ...(max && { max }) }),
  );
  const amiss = findings.filter(({ severity }) => severity === 'warning' || severity === 'error');
  if (json) {
    printJson(findings);
  } else {
    // What has to be done stands last, where it is read.
    const order = ['ok', 'notice', 'warning', 'error'];
    const sorted = [...findings].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
    for (const finding of sorted) if (all || finding.severity !== 'ok') describe(finding);
    const asExpected = findings.filter(({ severity }) => severity === 'ok').length;
    print(`${plural(asExpected, 'check')} as expected, ${plural(amiss.length, 'finding')} to act on`);
  }
  return amiss.length > 0 ? EXIT.findings : EXIT.done;
}

module.exports = { doctor };
