import { conformanceRows } from '../rfc7143.js';
import { renderConformance, renderRows } from './report.js';

/**
 * Prints the conformance list: `npm run conformance:rfc7143`, with `-- --all` every row and the tests that cover it. Whether those tests are there
 * is what `test/conformance/rfc7143.test.ts` sees to.
 */
process.stdout.write(`${process.argv.includes('--all') ? `${renderRows(conformanceRows)}\n` : ''}${renderConformance(conformanceRows)}`);
