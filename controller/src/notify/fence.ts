import type { Clock } from '@edgeplane/base';
import type { PeerInfo, Speakers } from '@edgeplane/notify';
import { type CloudletInfo, CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';

export interface FenceOptions {
  /** Of sessions at this controller, which one is heard. */
  readonly speakers: Pick<Speakers, 'isHeard'>;
  /** What is known here to be stored, which may be late. */
  readonly known: (cloudlet: string) => CloudletInfo | undefined;
  readonly controllerId: () => string;
  readonly clock: Clock;
}

/** A session that reports a cloudlet. */
interface Standing {
  readonly peer: PeerInfo;
  /** When it first did, milliseconds since 1970. */
  readonly began: bigint;
  /** The claim that it follows: its own, or the one that was known here when it began. */
  base: bigint;
  /** Another session has the cloudlet, and is newer; until this one has it again. */
  overtaken: boolean;
  /** What is to be done when it has the cloudlet again, by name. */
  readonly waiting: Map<string, () => Promise<void>>;
}

/**
 * Of the sessions of one agent at several controllers, the newest is heard: what an older one has reported may still be on
 * its way to the store. Who reports a site claims it, in the CloudletInfo that is stored; every write that follows from a
 * report is made in a transaction that has looked at the claim. Which session is newer their agent says, if it numbers
 * them; else the one is that began when the other's claim was known already, and where nobody could know, the one that
 * began later by the controllers' clocks.
 */
export class Fence {
  readonly #options: FenceOptions;
  readonly #standings = new Map<string, Map<bigint, Standing>>();

  constructor(options: FenceOptions) {
    this.#options = options;
  }

  /** A session reports of a cloudlet: called as soon as that is known, before anything is waited for. */
  enter(cloudlet: string, peer: PeerInfo): void {
    if (this.#standings.get(cloudlet)?.has(peer.id)) return;
    // Who has only something left to be withdrawn is nobody whose reports are kept.
    if (peer.id < 0n) return;
    const standings = this.#standings.get(cloudlet) ?? new Map<bigint, Standing>();
    standings.set(peer.id, this.#begin(cloudlet, peer));
    this.#standings.set(cloudlet, standings);
  }

  /** With which claim a session may store its CloudletInfo over this one; undefined when it may not. */
  claim(cloudlet: string, peer: PeerInfo, stored: CloudletInfo | undefined): bigint | undefined {
    const standing = this.#of(cloudlet, peer);
    if (stored && this.#isOf(stored, peer)) return stored.claim || standing.began;
    if (isTaken(stored) && !this.#isNewer(cloudlet, standing, stored)) return undefined;
    const next = (stored?.claim ?? 0n) + 1n;
    return next > standing.began ? next : standing.began;
  }

  /** The claim is stored. What had to wait for it is done now. */
  async claimed(cloudlet: string, peer: PeerInfo, claim: bigint): Promise<void> {
    const standing = this.#of(cloudlet, peer);
    standing.base = claim;
    standing.overtaken = false;
    for (const [name, work] of [...standing.waiting]) {
      await work();
      standing.waiting.delete(name);
    }
  }

  /** Whether what a session reports of an instance is to be believed, with this CloudletInfo stored. */
  hears(cloudlet: string, peer: PeerInfo, stored: CloudletInfo | undefined): boolean {
    const standing = this.#of(cloudlet, peer);
    if (stored && this.#isOf(stored, peer)) return true;
    return !standing.overtaken && (!isTaken(stored) || this.#isNewer(cloudlet, standing, stored));
  }

  /**
   * The session was not heard: what it has to say, and all that follows, is said when it has the cloudlet, if ever; it takes
   * the place of what waits under its name.
   */
  whenHeard(cloudlet: string, peer: PeerInfo, name: string, work: () => Promise<void>): void {
    const standing = this.#of(cloudlet, peer);
    standing.overtaken = true;
    standing.waiting.set(name, work);
  }

  /** The session is gone for good. */
  leave({ id }: PeerInfo): void {
    for (const [cloudlet, standings] of this.#standings)
      if (standings.delete(id) && standings.size === 0) this.#standings.delete(cloudlet);
  }

  #of(cloudlet: string, peer: PeerInfo): Standing {
    return this.#standings.get(cloudlet)?.get(peer.id) ?? this.#begin(cloudlet, peer);
  }

  #begin(cloudlet: string, peer: PeerInfo): Standing {
    const { known, clock } = this.#options;
    return {
      peer,
      began: BigInt(Math.floor(clock.now())),
      base: known(cloudlet)?.claim ?? 0n,
      overtaken: false,
      waiting: new Map(),
    };
  }

  #isOf({ controller, notifyId }: CloudletInfo, { id }: PeerInfo): boolean {
    return notifyId === id && controller === this.#options.controllerId();
  }

  #isNewer(cloudlet: string, { peer, base, began }: Standing, stored: CloudletInfo): boolean {
    const session = BigInt(peer.session ?? 0);
    if (session > 0n && stored.session > 0n && session !== stored.session) return session > stored.session;
    if (stored.controller === this.#options.controllerId())
      return this.#options.speakers.isHeard(cloudlet, peer);
    return stored.claim === base || began > stored.claim;
  }
}

/** Somebody has it who is not known to be gone. */
function isTaken(stored: CloudletInfo | undefined): stored is CloudletInfo {
  return stored !== undefined && stored.state !== CloudletState.CLOUDLET_STATE_OFFLINE;
}
