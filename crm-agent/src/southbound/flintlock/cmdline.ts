import type { Cmdline } from './model.js';

/** What a kernel is told unless its owner says otherwise (flintlock spec section 3.3). */
const DEFAULTS: Readonly<Record<string, string>> = { console: 'ttyS0', reboot: 't', panic: '1' };
/** Where a guest with cloud-init finds the same documents as on its seed, as it does on flintlock. */
const METADATA_SOURCE = 'nocloud-net;s=http://169.254.169.254/latest/';

export interface CmdlineFacts {
  /** What the root file system is on; empty when there is none. */
  readonly root: string;
  readonly readOnlyRoot: boolean;
  /** The guest reaches the metadata service. */
  readonly metadata: boolean;
  /** Base64 of the network configuration, where the kernel is to carry it. */
  readonly networkConfig?: string;
  /** Of a machine whose devices are on a PCI bus. */
  readonly pci: boolean;
}

/** The command line of a kernel. Same input, same output: parameters are in order of name. */
export function cmdlineOf(cmdline: Cmdline, facts: CmdlineFacts): string {
  const network: Record<string, string> =
    facts.networkConfig === undefined ? {} : { 'network-config': facts.networkConfig };
  if (cmdline.kind === 'text') {
    // Told for a monitor without the bus that our devices are on.
    const words = wordsOf(cmdline.text).filter((word) => !(facts.pci && word === 'pci=off'));
    return [...words, cmdlineText(network)].filter((word) => word !== '').join(' ');
  }
  const words: Record<string, string> = {
    ...DEFAULTS,
    ...(facts.root !== '' && { root: facts.root, [facts.readOnlyRoot ? 'ro' : 'rw']: '' }),
    ...(facts.metadata && { ds: METADATA_SOURCE }),
    ...cmdline.words,
    ...network,
  };
  if ('ro' in cmdline.words) delete words['rw'];
  if (facts.pci && words['pci'] === 'off') delete words['pci'];
  return cmdlineText(words);
}

/** Parameters as text, in order of name; what has no value is a bare flag. */
export function cmdlineText(words: Readonly<Record<string, string>>): string {
  return Object.keys(words)
    .sort()
    .map((name) => (words[name] === '' ? name : `${name}=${quoted(words[name] ?? '')}`))
    .join(' ');
}

/** Text as parameters. Of one that is given twice, as `console` may be, the last is kept. */
export function cmdlineWords(text: string): Record<string, string> {
  return Object.fromEntries(
    wordsOf(text).map((word) => {
      const at = word.indexOf('=');
      return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1).replace(/^"(.*)"$/, '$1')];
    }),
  );
}

/** Parameters are apart by spaces, except within quotation marks, as the kernel reads them. */
function wordsOf(text: string): string[] {
  return text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

function quoted(value: string): string {
  return /\s/.test(value) ? `"${value}"` : value;
}
