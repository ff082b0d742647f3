import { isIP } from 'node:net';
import { hasControls } from '../control-characters.js';

/** Formats as flintlock's validator knows them (flintlock spec section 2.3). */

/** An image reference: what is a URL with a host when a scheme is put before it, and has none of its own. */
export function isImageUri(text: string): boolean {
  if (text.includes('://')) return false;
  if (hasControls(text)) return false;
  const [reference = ''] = text.split(/[?#]/);
  if (/%(?![0-9a-fA-F]{2})/.test(reference)) return false;
  const [authority = ''] = reference.split('/');
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (/^\[[^\]]*\](:\d*)?$/.test(host)) return true;
  return host !== '' && /^[^\s<>"\\^`{|}:[\]]*(:\d*)?$/.test(host);
}

/** A hardware address: 6, 8 or 20 bytes in hexadecimal, by colons, dashes, or dots between pairs. */
export function isMac(text: string): boolean {
  const bytes = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2})*$/i;
  const pairs = /^[0-9a-f]{4}(?:\.[0-9a-f]{4})+$/i;
  if (!bytes.test(text) && !pairs.test(text)) return false;
  return [6, 8, 20].includes(text.replace(/[:.-]/g, '').length / 2);
}

/** An address with a prefix length. */
export function isCidr(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return false;
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix)) return false;
  return Number(prefix) <= (version === 4 ? 32 : 128);
}

export function isIpAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}
