import { fail } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { PeerIdentity } from '@edgeplane/rpc';
import { notifyErrors } from './errors.js';

/**
 * For whom a certificate may speak: agents and relays for cloudlets (key JSON; undefined for all, which only relays may),
 * match engines for themselves.
 */
export type NotifyIdentity =
  | { readonly role: 'crm'; readonly name: string; readonly cloudlets: ReadonlySet<string> }
  | { readonly role: 'relay'; readonly name: string; readonly cloudlets: ReadonlySet<string> | undefined }
  | { readonly role: 'dme'; readonly name: string };

const PREFIX = 'URI:edgeplane://';

/**
 * Reads what a certificate says of notify, in its alternative names (docs/access.md): `edgeplane://<region>/crm/<operator>/<cloudlet>`,
 * `/dme/<id>`, `/relay/<name>`, each part percent-encoded. Undefined when it says nothing.
 * @throws EdgeplaneError NOTIFY_IDENTITY_INVALID
 */
export function notifyIdentity(certificate: PeerIdentity, region: string): NotifyIdentity | undefined {
  const { altNames } = certificate;
  const invalid = (reason: string) =>
    fail(notifyErrors.NOTIFY_IDENTITY_INVALID, { name: certificate.commonName, reason });
  const names = altNames.filter((name) => name.startsWith(PREFIX));
  if (names.length === 0) return undefined;
  // Node quotes a name that would read like several, and the list was taken apart at its commas.
  if (altNames.some((name) => name.includes('"')))
    throw invalid('it has an alternative name with special characters');
  const cloudlets = new Set<string>();
  const relays: string[] = [];
  const engines: string[] = [];
  for (const name of names) {
    const [of, role, ...parts] = name.slice(PREFIX.length).split('/');
    if (of !== region) throw invalid(`${name} is of another region than ${region}`);
    const [first, second, ...more] = parts.map((part) => decoded(part) ?? '');
    if (!first || more.length > 0) throw invalid(`${name} is not understood`);
    if (role === 'crm' && second)
      cloudlets.add(OBJECTS.Cloudlet.keyJson({ operatorKey: { name: first }, name: second }));
    else if (role === 'relay' && second === undefined) relays.push(first);
    else if (role === 'dme' && second === undefined) engines.push(first);
    else throw invalid(`${name} is not understood`);
  }
  const [relay, engine] = [relays[0], engines[0]];
  if (relays.length + engines.length > 1) throw invalid('it names more than one relay or match engine');
  if (engine !== undefined && cloudlets.size > 0)
    throw invalid('a match engine does not speak for cloudlets');
  if (engine !== undefined) return { role: 'dme', name: `match engine ${engine}` };
  if (relay !== undefined)
    return { role: 'relay', name: `relay ${relay}`, cloudlets: cloudlets.size > 0 ? cloudlets : undefined };
  return { role: 'crm', name: `cloudlet ${[...cloudlets].join(', ')}`, cloudlets };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
