import type { Clock } from '@edgeplane/base';

/** A table of which a session of version 1 does not tell when it has sent all. */
export interface SettlingTable {
  readonly type: { readonly name: string };
  onSynced(validKeyJsons: ReadonlySet<string>): void;
}

export interface SettlingOptions {
  readonly tables: readonly SettlingTable[];
  /** Key JSON of the agent's own Cloudlet. */
  readonly cloudlet: string;
  /** Notices that could not be decoded, since the start: what is missing may be among them. */
  readonly undecodable: () => number;
  /** All that the controller has is in the tables, and nothing else. */
  readonly onSettled: () => void;
  readonly clock: Clock;
}

/**
 * Longer than a dead connection goes unnoticed (pings every 30 s, answered within 30 s), milliseconds: on one that lives
 * and has sent nothing new for so long, nothing is on its way.
 */
export const QUIET_MS = 70_000;

/**
 * When a session of version 1 has sent what is filtered by cloudlet. A controller begins to send that when it has
 * handled the CloudletInfo, which is usually after SENDALL_END, and does not say when it has ended (controller spec
 * section 17.4). What was not sent is gone only when our Cloudlet, the first of it, has come, and nothing new since.
 */
export class Settling {
  readonly #options: SettlingOptions;
  /** Key JSON of what this session has sent, by name of the type. */
  #seen: Map<string, Set<string>>;
  #begun = false;
  #undecodable = 0;
  #cancel: (() => void) | undefined;

  constructor(options: SettlingOptions) {
    this.#options = options;
    this.#seen = this.#nothing();
  }

  updated(type: string, keyJson: string): void {
    const seen = this.#seen.get(type);
    if (!seen || seen.has(keyJson)) return;
    seen.add(keyJson);
    if (type === 'Cloudlet' && keyJson === this.#options.cloudlet) this.#begun = true;
    this.#cancel?.();
    this.#cancel = this.#begun ? this.#options.clock.after(QUIET_MS, () => this.#settle()) : undefined;
  }

  deleted(type: string, keyJson: string): void {
    this.#seen.get(type)?.delete(keyJson);
  }

  /** The session is over. */
  ended(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#begun = false;
    this.#seen = this.#nothing();
    this.#undecodable = this.#options.undecodable();
  }

  #nothing(): Map<string, Set<string>> {
    return new Map(this.#options.tables.map(({ type }) => [type.name, new Set<string>()]));
  }

  #settle(): void {
    const seen = this.#seen;
    const whole = this.#options.undecodable() === this.#undecodable;
    this.#seen = new Map();
    this.#cancel = undefined;
    if (!whole) return;
    for (const table of this.#options.tables) table.onSynced(seen.get(table.type.name) ?? new Set());
    this.#options.onSettled();
  }
}
