import { coveredRows, renderPage } from './page.js';
import { collectSightings } from './sightings.js';

/** `npm run docs:commands`: writes the page of all commands to stdout. */
process.stdout.write(renderPage(await coveredRows(await collectSightings())));
