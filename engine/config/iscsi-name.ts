import { fault, type Parsed, quoted } from './parsed.js';

/** Longest iSCSI name in bytes, RFC 7143 §4.2.7 "iSCSI Names". */
const NAME_LENGTH_BYTES_MAX = 223;
export const ISCSI_NAME_FORM = 'an iSCSI name such as iqn.2026-11.io.lunloom:disk1';
const IQN_PATTERN = /^iqn\.([0-9]{4})-([0-9]{2})\.([a-z0-9][a-z0-9.-]*)(?::(.+))?$/;
const EUI_PATTERN = /^eui\.[0-9a-f]{16}$/i;
const NAA_PATTERN = /^naa\.(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;
/** What the iSCSI stringprep profile leaves of ASCII (RFC 3722); names beyond ASCII are not taken. */
const FORBIDDEN_CHARACTER = /[^a-z0-9.:-]/u;

/** An iSCSI name in `iqn.`, `eui.` or `naa.` form. RFC 7143 §4.2.7. */
export function parseIscsiName(text: string): Parsed<string> {
  if (EUI_PATTERN.test(text) || NAA_PATTERN.test(text)) return { value: text };
  if (text.startsWith('eui.')) return fault(`expected eui. and 16 hexadecimal digits, found ${quoted(text)}`);
  if (text.startsWith('naa.')) return fault(`expected naa. and 16 or 32 hexadecimal digits, found ${quoted(text)}`);
  if (text.length > NAME_LENGTH_BYTES_MAX) return fault(`expected at most ${NAME_LENGTH_BYTES_MAX} characters, found ${text.length}`);
  const forbidden = FORBIDDEN_CHARACTER.exec(text)?.[0];
  if (forbidden !== undefined) {
    const hint = /[A-Z]/.test(forbidden) ? 'names are lower case' : 'a to z, 0 to 9, ".", "-" and ":" are allowed';
    return fault(`expected ${ISCSI_NAME_FORM}, found ${quoted(forbidden)} in ${quoted(text)}; ${hint}`);
  }
  const match = IQN_PATTERN.exec(text);
  if (match === null) return fault(`expected ${ISCSI_NAME_FORM} (iqn.YEAR-MONTH.REVERSED-DOMAIN[:NAME]), found ${quoted(text)}`);
  const [, , month = '', domain = ''] = match;
  if (month < '01' || month > '12') return fault(`expected a month from 01 to 12 in the iSCSI name, found ${quoted(month)}`);
  if (domain.endsWith('.') || domain.includes('..')) return fault(`expected a reversed domain name in the iSCSI name, found ${quoted(domain)}`);
  return { value: text };
}
