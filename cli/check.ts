import { stringify } from 'yaml';
import { documentOf } from '../engine/config/config-document.js';
import { loadConfigFile } from '../engine/config/load-config.js';
import { withoutSecrets } from '../engine/config/store-text.js';
import { resolveLimits } from '../engine/limits.js';

interface LunDocument {
  readonly store: string;
}

interface LunHolder {
  readonly luns: readonly LunDocument[];
}

/** The configuration of a file with every default filled in, as YAML or JSON that `serve` reads back; secrets within it are masked. Throws `ConfigError`. */
export function renderResolvedConfig(fileName: string, json: boolean): string {
  const config = loadConfigFile(fileName);
  const document = documentOf({ ...config, limits: resolveLimits(config.limits) });
  const shown = { ...document, targets: (document['targets'] as LunHolder[]).map((target) => ({ ...target, luns: target.luns.map(maskedLun) })) };
  return json ? JSON.stringify(shown) : stringify(shown, { lineWidth: 0 }).trimEnd();
}

function maskedLun(lun: LunDocument): LunDocument {
  return { ...lun, store: withoutSecrets(lun.store) };
}
