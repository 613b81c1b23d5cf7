/**
 * iSCSI names, RFC 7143 §4.2.7: `iqn.`, `eui.` and `naa.` forms.
 */

/** Longest iSCSI name in bytes of UTF-8, RFC 7143 §4.2.7. */
export const ISCSI_NAME_BYTES_MAX = 223;

const EUI_PATTERN = /^eui\.[0-9a-f]{16}$/;
/** NAA names carry a 64-bit or a 128-bit identifier. */
const NAA_PATTERN = /^naa\.(?:[0-9a-f]{16}|[0-9a-f]{32})$/;
/** Year and month of the naming authority's domain, its reversed domain, and after a colon whatever it likes. */
const IQN_PATTERN = /^iqn\.[0-9]{4}-(?:0[1-9]|1[0-2])\.[^:]+(?::.*)?$/u;
/**
 * What RFC 3722 leaves of ASCII is letters, digits, dash, dot and colon; `_` is let through because host names with
 * one end up in initiator names. Beyond ASCII, letters, marks and numbers are taken.
 */
const CHARACTERS_PATTERN = /^[-.:_a-z0-9\p{L}\p{M}\p{N}]+$/u;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A text value of the wire (Latin-1, see `parseTextData`) read as UTF-8, or null when it is not UTF-8. */
export function textFromWire(value: string): string | null {
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return null;
  }
}

/** The other way round: any string as `encodeTextData` takes it. */
export function textToWire(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/**
 * The form in which iSCSI names are compared, stored and sent: lower case and NFKC (RFC 3722, stringprep for iSCSI).
 * Null when `name` is no iSCSI name.
 */
export function normalizeIscsiName(name: string): string | null {
  // Longer input is refused before any Unicode work is done on it; composing never lengthens UTF-8 that much.
  if (name.length > 2 * ISCSI_NAME_BYTES_MAX) return null;
  const normal = name.normalize('NFKC').toLowerCase().normalize('NFKC');
  if (Buffer.byteLength(normal, 'utf8') > ISCSI_NAME_BYTES_MAX || !CHARACTERS_PATTERN.test(normal)) return null;
  return IQN_PATTERN.test(normal) || EUI_PATTERN.test(normal) || NAA_PATTERN.test(normal) ? normal : null;
}

/** `normalizeIscsiName` of a text value as it came off the wire. */
export function nameFromWire(value: string): string | null {
  const text = textFromWire(value);
  return text === null ? null : normalizeIscsiName(text);
}
