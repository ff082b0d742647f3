import { fail, type Logger } from '@edgeplane/base';
import { OBJECTS, type ObjectType } from '@edgeplane/objects';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import { type NodeKey, NodeType } from '@edgeplane/proto/edgeproto/node.js';
import type { PeerIdentity } from '@edgeplane/rpc';
import { notifyErrors } from './errors.js';
import { type NotifyIdentity, notifyIdentity } from './identity.js';
import type { Wanted } from './upstream.js';

/** How a server goes by the certificates of its peers. */
export interface IdentityRule {
  /** Region of this system, as certificates name it. */
  readonly region: string;
  /** Refuse who has no certificate, or one that says nothing of notify. */
  readonly required: boolean;
}

/** Whether peers may be without a notify identity. */
export const IDENTITY_MODES = ['optional', 'required'] as const;

const METRIC = 'edgeproto.Metric';
/** What only match engines get: they sign session cookies with it. */
const FOR_MATCH_ENGINES: ReadonlySet<string> = new Set([OBJECTS.CookieKey.fullName]);
/** Samples that say how a cloudlet is. */
const CLOUDLET_SAMPLES: ReadonlySet<string> = new Set(['appinst-usage', 'cloudlet-usage']);

/**
 * What one peer may say, by its certificate. Undefined when there is nothing to go by.
 * @throws EdgeplaneError NOTIFY_IDENTITY_MISSING or NOTIFY_IDENTITY_INVALID
 */
export function permitFor(
  certificate: PeerIdentity | undefined,
  { region, required }: IdentityRule,
  logger: Logger,
): Permit | undefined {
  const identity = certificate && notifyIdentity(certificate, region);
  const name = nameOf(certificate);
  if (identity) return new Permit(identity, name);
  if (required) throw fail(notifyErrors.NOTIFY_IDENTITY_MISSING, { name, region });
  if (certificate)
    logger.warn({ name }, 'Peer has a certificate without a notify identity: it may speak for anyone');
  return undefined;
}

function nameOf(certificate: PeerIdentity | undefined): string {
  return certificate ? `certificate "${certificate.commonName}"` : 'a peer without a certificate';
}

/**
 * Refuses a peer that wants what only match engines get, unless its certificate says that it is one: without a certificate,
 * or with one that says nothing, nobody is.
 * @throws EdgeplaneError NOTIFY_IDENTITY or NOTIFY_SECRETS
 */
export function refuseSecrets(
  wantObjs: readonly string[],
  permit: Permit | undefined,
  certificate: PeerIdentity | undefined,
  rule: IdentityRule | undefined,
): void {
  const wanted = wantObjs.filter((name) => FOR_MATCH_ENGINES.has(name));
  if (wanted.length === 0) return;
  if (permit) {
    permit.secrets(wanted);
    return;
  }
  const name = nameOf(certificate);
  throw fail(notifyErrors.NOTIFY_SECRETS, { name, types: wanted.join(', '), region: rule?.region ?? '1' });
}

/** Every method throws EdgeplaneError NOTIFY_IDENTITY when the peer may not do that. */
export class Permit {
  readonly #identity: NotifyIdentity;
  readonly #certificate: string;

  constructor(identity: NotifyIdentity, certificate: string) {
    this.#identity = identity;
    this.#certificate = certificate;
  }

  /** It begins a session with these wishes; `relays` are it and those below when it is a relay. */
  begin(filtered: boolean, wanted: Wanted, relays: readonly string[]): void {
    const { role } = this.#identity;
    if (relays.length > 0 && role !== 'relay') throw this.#refused('be a relay');
    if (!filtered && this.#cloudlets) throw this.#refused('ask for what belongs to every cloudlet');
    this.want(wanted);
  }

  /** It wants types that only match engines get. */
  secrets(types: readonly string[]): void {
    if (this.#identity.role !== 'dme') throw this.#refused(`ask for ${types.join(', ')}`);
  }

  /** It wants this too. */
  want({ cloudlets, whole }: Wanted): void {
    for (const cloudlet of cloudlets) this.#site(cloudlet, 'ask for what belongs to');
    if (whole.length > 0 && this.#cloudlets) throw this.#refused(`ask for every ${whole.join(', ')}`);
  }

  /** It reports or withdraws an object; `passedOn`: on behalf of another. */
  object(type: ObjectType<unknown, unknown>, key: unknown, passedOn: boolean): void {
    if (passedOn && this.#identity.role !== 'relay') throw this.#refused('pass on reports of others');
    if (type.name === 'Node') this.#node(key as NodeKey);
    else this.#report(type, key);
  }

  #report(type: ObjectType<unknown, unknown>, key: unknown): void {
    const cloudlet = type.cloudletKeyJsonOfKey(key);
    if (this.#identity.role === 'dme') throw this.#refused(`report ${type.name}`);
    if (cloudlet !== undefined) this.#site(cloudlet, `report ${type.name} of`);
    else if (this.#cloudlets) throw this.#refused(`report ${type.name}`);
  }

  message(name: string, message: unknown): void {
    if (name === METRIC) this.#metric(message as Metric);
    else this.#exec(name, message as ExecRequest);
  }

  #exec(name: string, message: ExecRequest): void {
    const cloudlet = message.appInstKey?.clusterInstKey?.cloudletKey;
    if (this.#identity.role === 'dme') throw this.#refused(`send ${name}`);
    // Older agents repeat only the offer, which the server finds among those that it sent them.
    if (cloudlet && cloudlet.name !== '')
      this.#site(OBJECTS.Cloudlet.keyJson(cloudlet), `send ${name} about`);
  }

  get #cloudlets(): ReadonlySet<string> | undefined {
    return this.#identity.role === 'dme' ? undefined : this.#identity.cloudlets;
  }

  #node({ nodeType, cloudletKey }: NodeKey): void {
    const { role } = this.#identity;
    if (role === 'dme' && nodeType === NodeType.NODE_DME) return;
    if (role === 'relay' && nodeType !== NodeType.NODE_CRM) return;
    if (role === 'dme' || nodeType !== NodeType.NODE_CRM)
      throw this.#refused(`report a Node of type ${nodeType}`);
    this.#site(
      OBJECTS.Cloudlet.keyJson(cloudletKey ?? { operatorKey: { name: '' }, name: '' }),
      'report a Node of',
    );
  }

  #metric({ name, tags }: Metric): void {
    if (this.#identity.role === 'dme') {
      if (CLOUDLET_SAMPLES.has(name)) throw this.#refused(`send samples named ${name}`);
      return;
    }
    const values = (tag: string) => tags.filter((one) => one.name === tag).map(({ val }) => val);
    const [operators, names] = [values('oper'), values('cloudlet')];
    if (operators.length + names.length === 0 && !CLOUDLET_SAMPLES.has(name)) return;
    if (operators.length > 1 || names.length > 1)
      throw this.#refused('send samples of several cloudlets in one');
    const key = { operatorKey: { name: operators[0] ?? '' }, name: names[0] ?? '' };
    this.#site(OBJECTS.Cloudlet.keyJson(key), 'send samples of');
  }

  #site(cloudlet: string, what: string): void {
    if (this.#identity.role === 'dme' || !this.#cloudlets || this.#cloudlets.has(cloudlet)) return;
    throw this.#refused(`${what} cloudlet ${cloudlet}`);
  }

  #refused(what: string) {
    const [name, own] = [this.#certificate, this.#identity.name];
    return fail(notifyErrors.NOTIFY_IDENTITY, { name, own, what });
  }
}
