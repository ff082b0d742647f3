import { isIPv4, isIPv6 } from 'node:net';
import { fail } from '@edgeplane/base';
import { controllerErrors } from '../errors.js';

/** Addresses from `first` to `last`, both included, as numbers. */
interface Range {
  readonly bits: 32 | 128;
  readonly first: bigint;
  readonly last: bigint;
  /** As it was written. */
  readonly text: string;
}

/** The public addresses of a cloudlet, in the order in which they are given out. */
export class IpRanges {
  readonly #ranges: readonly Range[];

  private constructor(ranges: readonly Range[]) {
    this.#ranges = ranges;
  }

  /**
   * Reads addresses (`203.0.113.7`), networks (`203.0.113.0/29`) and ranges (`203.0.113.7-203.0.113.9`), separated by
   * commas; IPv4 and IPv6. Of an IPv4 network up to /30 the first and the last address are no hosts and are left out.
   * @throws EdgeplaneError STATIC_IPS_SYNTAX naming the element and the rule
   */
  static parse(text: string): IpRanges {
    const ranges: Range[] = [];
    for (const element of text.split(',').map((part) => part.trim())) {
      if (element === '' && text.trim() === '') continue;
      const range = parseElement(element);
      const other = ranges.find(
        (r) => r.bits === range.bits && r.first <= range.last && range.first <= r.last,
      );
      if (other) throw bad(element, `must not overlap with "${other.text}"`);
      ranges.push(range);
    }
    return new IpRanges(ranges);
  }

  get count(): bigint {
    return this.#ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
  }

  /** The first address of all; undefined when there is none. */
  get first(): string | undefined {
    return this.find(() => true);
  }

  has(address: string): boolean {
    const parsed = parseAddress(address);
    if (!parsed) return false;
    const { bits, value } = parsed;
    return this.#ranges.some((r) => r.bits === bits && r.first <= value && value <= r.last);
  }

  /** The first address that `free` accepts. */
  find(free: (address: string) => boolean): string | undefined {
    for (const { bits, first, last } of this.#ranges) {
      for (let value = first; value <= last; value++) {
        const address = formatAddress(value, bits);
        if (free(address)) return address;
      }
    }
    return undefined;
  }
}

/** Orders addresses as numbers, IPv4 before IPv6. */
export function compareAddresses(a: string, b: string): number {
  const [x, y] = [parseAddress(a), parseAddress(b)];
  if (!x || !y) return a < b ? -1 : a > b ? 1 : 0;
  if (x.bits !== y.bits) return x.bits - y.bits;
  return x.value < y.value ? -1 : x.value > y.value ? 1 : 0;
}

function parseElement(text: string): Range {
  const [start = '', end, ...rest] = text.split('-').map((part) => part.trim());
  if (end !== undefined && rest.length === 0) {
    const [from, to] = [parseAddress(start), parseAddress(end)];
    if (!from || !to || from.bits !== to.bits) throw bad(text, 'a range must be two addresses of one family');
    if (from.value > to.value) throw bad(text, 'a range must begin with its lower address');
    return { bits: from.bits, first: from.value, last: to.value, text };
  }
  if (text.includes('/')) return parseNetwork(text);
  const address = parseAddress(text);
  if (!address) {
    throw bad(text, 'must be an address, a network (address/bits) or a range (address-address)');
  }
  return { bits: address.bits, first: address.value, last: address.value, text };
}

function parseNetwork(text: string): Range {
  const [base = '', length = '', ...rest] = text.split('/');
  const address = parseAddress(base);
  if (!address || rest.length > 0 || !/^\d{1,3}$/.test(length) || Number(length) > address.bits) {
    throw bad(text, 'a network must be an address, a slash and the number of its fixed bits');
  }
  const { bits, value } = address;
  const size = 1n << BigInt(bits - Number(length));
  if (value % size !== 0n) {
    throw bad(
      text,
      `a network must begin at its first address, here ${formatAddress(value - (value % size), bits)}`,
    );
  }
  const last = value + size - 1n;
  return bits === 32 && size > 2n
    ? { bits, first: value + 1n, last: last - 1n, text }
    : { bits, first: value, last, text };
}

function parseAddress(text: string): { readonly bits: 32 | 128; readonly value: bigint } | undefined {
  if (isIPv4(text)) return { bits: 32, value: digits(text.split('.').map(Number), 8n) };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return { bits: 128, value: digits(groups(text), 16n) };
}

/** The eight groups of an IPv6 address. The URL parser writes all addresses in one way, dotted tails included. */
function groups(text: string): number[] {
  const plain = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [head = '', tail] = plain.split('::');
  const numbers = (part: string) => (part === '' ? [] : part.split(':').map((g) => Number.parseInt(g, 16)));
  const [left, right] = [numbers(head), numbers(tail ?? '')];
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function digits(values: readonly number[], bits: bigint): bigint {
  return values.reduce((sum, value) => (sum << bits) | BigInt(value), 0n);
}

function formatAddress(value: bigint, bits: 32 | 128): string {
  const parts = (count: number, width: bigint) =>
    Array.from(
      { length: count },
      (_, i) => (value >> (BigInt(count - 1 - i) * width)) & ((1n << width) - 1n),
    );
  if (bits === 32) return parts(4, 8n).join('.');
  const full = parts(8, 16n).map((part) => part.toString(16));
  return new URL(`http://[${full.join(':')}]`).hostname.slice(1, -1);
}

function bad(element: string, rule: string) {
  return fail(controllerErrors.STATIC_IPS_SYNTAX, { element, rule });
}
