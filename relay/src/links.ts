import { type Clock, fail, type Logger, sleep } from '@edgeplane/base';
import {
  type CatchUp,
  type Downstream,
  type NodeTime,
  notifyErrors,
  type PeerInfo,
  type Upstream,
} from '@edgeplane/notify';
import type { Hello } from '@edgeplane/proto/edgeplane/notify.js';
import type { Demand } from './demand.js';
import type { Family } from './family.js';
import type { ReportBook } from './report-book.js';
import { StoreQuestions } from './store-questions.js';

/** How long a client waits that comes before anything has come from above, milliseconds. */
const BEGIN_MS = 5000;
/** How long one waits that has seen a later revision than there is here, milliseconds. */
const CATCH_UP_MS = 5000;
/** How often what is above is asked for meanwhile, milliseconds. */
const ASK_AGAIN_MS = 250;

/** A table of what comes from above, as far as its revisions go. */
interface Revisioned {
  readonly type: { readonly fullName: string };
  revision(): number;
  rewind(): void;
}

export interface LinksOptions {
  readonly demand: Demand;
  readonly family: Family;
  readonly book: ReportBook;
  readonly tables: readonly Revisioned[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asks peers of version 2 to connect anew. */
  readonly sendAway: (reason: string, whom: (peer: PeerInfo) => boolean) => void;
  readonly connected: () => boolean;
  readonly peers: () => readonly PeerInfo[];
}

/** What the two ends of a relay are to each other. */
export class Links {
  readonly #options: LinksOptions;
  readonly #questions = new StoreQuestions();
  #lineage = '';

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** Revisions are those of the store far above. */
  get time(): NodeTime {
    const lineage = () => this.#lineage;
    return {
      get lineage() {
        return lineage();
      },
      catchUp: (revision) => this.#catchUp(revision),
      storedRevision: (signal) => this.#questions.ask(signal),
    };
  }

  get upstream(): Upstream {
    const { demand, family } = this.#options;
    return {
      above: () => family.above,
      admit: async (caller) => {
        if (caller) family.admit(caller.node, caller.below);
        await this.#begun();
      },
      wantOnly: (peer, wanted, signal) => demand.wantOnly(peer, wanted, signal),
      want: async (peer, wanted, signal) => {
        if (wanted.cloudlets.length + wanted.whole.length > 0) return demand.want(peer, wanted, signal);
        await this.#fresh(signal);
      },
      unwant: (peer, wanted) => demand.unwant(peer, wanted),
    };
  }

  get downstream(): Downstream {
    const { demand, family, book, peers } = this.#options;
    return {
      node: family.node,
      below: () => [
        ...new Set([family.node, ...family.asked, ...peers().flatMap(({ relays }) => relays ?? [])]),
      ],
      wanted: () => demand.wanted,
      onWanted: (listener) => demand.onChange(listener),
      origins: () => book.origins(),
      onGone: (listener) => book.onGone(listener),
      onAsksStore: (listener) => this.#questions.onAsk(listener),
      storeIs: (question, revision) => this.#questions.answered(question, revision),
      opened: (hello) => this.#opened(hello),
      inStep: (number) => demand.inStep(number),
    };
  }

  #opened({ node, path, lineage, types, revisions }: Hello): void {
    const { family, tables, logger, sendAway } = this.#options;
    const climbed = family.climb([node, ...path]);
    const behind = tables.some((table) => {
      const place = types.indexOf(table.type.fullName);
      return place >= 0 && Number(revisions[place] ?? 0n) < table.revision();
    });
    const first = this.#lineage === '';
    if (lineage !== this.#lineage || behind) {
      this.#lineage = lineage;
      for (const table of tables) table.rewind();
      if (first) return;
      logger.warn({ lineage, behind }, 'What is above has gone back in time, or is another system');
      sendAway('what is above has gone back in time, or is another system', () => true);
    } else if (climbed) {
      sendAway('the relay has moved', ({ relays }) => (relays ?? []).length > 0);
    }
  }

  async #begun(): Promise<void> {
    const { demand } = this.#options;
    if (demand.begun) return;
    const nobody = new AbortController();
    await this.#atMost(BEGIN_MS, nobody, () => demand.whenBegun(nobody.signal)).catch(() => {
      throw fail(notifyErrors.NOT_IN_STEP, { reason: 'nothing has come from above yet' });
    });
  }

  /**
   * A relay has no store, but those above know one who has. Only when that says that the store does not have the revision has it
   * gone back; who says nothing, or is only behind, is not followed.
   */
  async #catchUp(revision: number): Promise<CatchUp> {
    const over = new AbortController();
    const { tables, connected } = this.#options;
    const isReached = () => tables.some((table) => table.revision() >= revision);
    let rewound = false;
    const asking = this.#questions.ask(over.signal).then((stored) => {
      rewound = stored < revision;
      if (rewound) over.abort();
    });
    await this.#atMost(CATCH_UP_MS, over, async () => {
      for (;;) {
        await this.#fresh(over.signal);
        if (!connected() || isReached()) return;
        await sleep(this.#options.clock, ASK_AGAIN_MS, over.signal);
      }
    }).catch(() => undefined);
    over.abort();
    await asking.catch(() => undefined);
    if (isReached()) return 'reached';
    return rewound ? 'rewound' : 'behind';
  }

  /** Without a link nothing here can become newer. */
  async #fresh(signal: AbortSignal): Promise<void> {
    const { demand, connected } = this.#options;
    if (connected()) await demand.fresh(signal);
  }

  async #atMost(ms: number, late: AbortController, work: () => Promise<void>): Promise<void> {
    const cancel = this.#options.clock.after(ms, () => late.abort());
    try {
      await work();
    } finally {
      cancel();
    }
  }
}
