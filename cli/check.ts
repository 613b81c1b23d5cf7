import { stringify } from 'yaml';
import { documentOf } from '../engine/config/config-document.js';
import { loadConfigFile } from '../engine/config/load-config.js';
import { resolveLimits } from '../engine/limits.js';

/** The configuration of a file with every default filled in, as YAML or JSON that `serve` reads back. Throws `ConfigError`. */
export function renderResolvedConfig(fileName: string, json: boolean): string {
  const config = loadConfigFile(fileName);
  const document = documentOf({ ...config, limits: resolveLimits(config.limits) });
  return json ? JSON.stringify(document) : stringify(document, { lineWidth: 0 }).trimEnd();
}
