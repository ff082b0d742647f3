import { type Clock, fail, type Logger } from '@edgeplane/base';
import type { IceServer } from '@edgeplane/remote-shell';
import { agentErrors } from '../errors.js';
import { ShellSession } from './session.js';
import type { StartShell } from './shell.js';

export interface SessionsOptions {
  readonly iceServers: readonly IceServer[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<SessionLimits>;
}

export interface SessionLimits {
  readonly perInstance: number;
  readonly inAll: number;
  /** How long a caller gets to connect, milliseconds. */
  readonly connectMs: number;
  /** How long a session may be silent, milliseconds. */
  readonly idleMs: number;
}

export const SESSION_LIMITS: SessionLimits = {
  perInstance: 8,
  inAll: 64,
  connectMs: 30_000,
  idleMs: 30 * 60_000,
};

/** The remote shells of one agent. Each is counted from its offer until nothing of it is left. */
export class ShellSessions {
  readonly #options: SessionsOptions;
  readonly #limits: SessionLimits;
  readonly #open = new Map<ShellSession, string>();
  #stopped = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#limits = { ...SESSION_LIMITS, ...options.limits };
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Answers an offer; the shell starts when the caller has connected.
   * @throws EdgeplaneError TOO_MANY_SHELLS, DESCRIPTION_INVALID
   */
  async answer(keyJson: string, start: StartShell, offer: string): Promise<string> {
    const { perInstance, inAll, connectMs, idleMs } = this.#limits;
    const here = [...this.#open.values()].filter((key) => key === keyJson).length;
    if (this.#stopped) throw fail(agentErrors.AGENT_STOPPING);
    if (here >= perInstance)
      throw fail(agentErrors.TOO_MANY_SHELLS, { max: perInstance, where: 'this instance' });
    if (this.#open.size >= inAll)
      throw fail(agentErrors.TOO_MANY_SHELLS, { max: inAll, where: 'this agent' });
    const { iceServers, clock } = this.#options;
    const logger = this.#options.logger.child({ key: keyJson });
    const session = new ShellSession({ start, iceServers, clock, logger, connectMs, idleMs });
    this.#open.set(session, keyJson);
    logger.info({ from: 'closed', to: 'offered', shells: this.#open.size }, 'Remote shell');
    void session.ended.finally(() => {
      this.#open.delete(session);
      logger.info({ from: 'offered', to: 'closed', shells: this.#open.size }, 'Remote shell');
    });
    return session.answer(offer);
  }

  /** Ends the shells of an instance. */
  endAll(keyJson: string, reason: string): void {
    for (const [session, key] of this.#open) if (key === keyJson) session.end(reason);
  }

  /** Ends all; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const session of this.#open.keys()) session.end('the agent is stopping');
    await Promise.all([...this.#open.keys()].map((session) => session.ended));
  }
}
