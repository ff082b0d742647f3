import { OBJECTS } from '@edgeplane/objects';
import type { PeerInfo, Received, Receiver } from './types.js';

type Redo = () => void | Promise<void>;

/** Deletions by a session that is not heard which are kept for later: they count for nothing that it holds. */
const MOST_GONE = 10_000;

interface Silent {
  readonly peer: PeerInfo;
  readonly reports: Map<string, Redo>;
  /** Those of them that are deletions. */
  readonly gone: Set<string>;
}

interface Claims {
  speaker: PeerInfo;
  /** Sessions that are older than the speaker's and came later: what they reported meanwhile, by type and key. */
  readonly silent: Map<bigint, Silent>;
  /** Sessions that spoke before, and will not again. */
  readonly former: Set<bigint>;
}

/**
 * Of several sessions that report the same cloudlet, the one that its agent opened last is heard: the others are dead and do
 * not know it yet, or their reports come by a longer way. A session claims a cloudlet with its CloudletInfo. What an older
 * one reports under a newer one is kept, in case that is gone first.
 */
export class Speakers {
  readonly #claims = new Map<string, Claims>();
  /** Cloudlets that a session has claimed, or is silent about. */
  readonly #about = new Map<bigint, Set<string>>();

  /** Lets through to a receiver what concerns no cloudlet, and what comes from the one that is heard. */
  of<T, K>(receiver: Receiver<T, K>): Receiver<T, K> {
    const { type } = receiver;
    const isClaim = type.fullName === OBJECTS.CloudletInfo.fullName;
    return {
      type,
      onUpdate: (object: T, peer: PeerInfo, known?: string, received?: Received) => {
        const cloudlet = type.cloudletKeyJson(object);
        if (isClaim && cloudlet !== undefined) this.#claim(cloudlet, peer);
        const keyJson = known ?? type.keyJsonOf(object);
        const report = () => receiver.onUpdate(object, peer, keyJson, received);
        return this.#hear(cloudlet, peer, `${type.name} ${keyJson}`, report);
      },
      onDelete: (key: K, keyJson: string, peer: PeerInfo) => {
        const cloudlet = type.cloudletKeyJsonOfKey(key);
        const report = () => receiver.onDelete(key, keyJson, peer);
        return this.#hear(cloudlet, peer, `${type.name} ${keyJson}`, report, true);
      },
      onDisconnect: async (peer: PeerInfo) => {
        await receiver.onDisconnect?.(peer);
        if (isClaim) await this.#gone(peer);
      },
    };
  }

  /** Whether a session with this peer is heard about a cloudlet, or nobody else is. */
  isHeard(cloudlet: string, peer: PeerInfo): boolean {
    const claims = this.#claims.get(cloudlet);
    return !claims || claims.speaker.id === peer.id || !isOlder(peer, claims.speaker);
  }

  #claim(cloudlet: string, peer: PeerInfo): void {
    const claims = this.#claims.get(cloudlet);
    this.#note(cloudlet, peer);
    if (!claims) this.#claims.set(cloudlet, { speaker: peer, silent: new Map(), former: new Set() });
    else if (claims.speaker.id === peer.id) claims.speaker = peer;
    else if (!isOlder(peer, claims.speaker)) {
      claims.former.add(claims.speaker.id);
      claims.speaker = peer;
    }
  }

  #note(cloudlet: string, { id }: PeerInfo): void {
    const about = this.#about.get(id);
    if (about) about.add(cloudlet);
    else this.#about.set(id, new Set([cloudlet]));
  }

  #hear(
    cloudlet: string | undefined,
    peer: PeerInfo,
    name: string,
    report: Redo,
    isGone = false,
  ): void | Promise<void> {
    if (cloudlet === undefined || this.isHeard(cloudlet, peer)) return report();
    const claims = this.#claims.get(cloudlet);
    if (!claims || claims.former.has(peer.id)) return;
    let silent = claims.silent.get(peer.id);
    if (!silent) {
      silent = { peer, reports: new Map(), gone: new Set() };
      claims.silent.set(peer.id, silent);
    }
    this.#note(cloudlet, peer);
    silent.gone.delete(name);
    silent.reports.delete(name);
    // That an instance is gone is told once. A peer that tells of more of them than it can have tells it again when it comes anew.
    if (isGone && silent.gone.size >= MOST_GONE) return;
    if (isGone) silent.gone.add(name);
    silent.reports.set(name, report);
  }

  /** The newest of those who were silent is heard in its place. */
  async #gone(peer: PeerInfo): Promise<void> {
    const about = this.#about.get(peer.id) ?? [];
    this.#about.delete(peer.id);
    for (const cloudlet of about) {
      const claims = this.#claims.get(cloudlet);
      if (!claims) continue;
      claims.silent.delete(peer.id);
      claims.former.delete(peer.id);
      if (claims.speaker.id !== peer.id) continue;
      const next = [...claims.silent.values()].sort((a, b) => (isOlder(a.peer, b.peer) ? 1 : -1))[0];
      if (!next) {
        this.#claims.delete(cloudlet);
        continue;
      }
      claims.silent.delete(next.peer.id);
      claims.speaker = next.peer;
      for (const redo of next.reports.values()) await redo();
    }
  }
}

function isOlder(peer: PeerInfo, other: PeerInfo): boolean {
  return (peer.since ?? 0) < (other.since ?? 0);
}
