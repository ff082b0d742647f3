import { fail, type Logger, messageOf } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { runTool } from './tools.js';

/** Group of every QEMU that a guest may go out of; nobody else's. It gives no rights: it is what rules know them by. */
export const GUEST_GID = 0x45444745;

const CHAIN = 'EDGEPLANE-GUESTS';
const MATCH = ['-d', '127.0.0.0/8', '-m', 'owner', '--gid-owner', String(GUEST_GID), '-j', CHAIN];
const WAIT = ['-w', '10'];
/** The host's name server may be on its loopback; guests ask it by QEMU's. */
const RULES = [
  ['-p', 'udp', '--dport', '53', '-j', 'RETURN'],
  ['-p', 'tcp', '--dport', '53', '-j', 'RETURN'],
  // Answers to who came through a forward from this host are not new.
  ['-m', 'conntrack', '--ctstate', 'NEW', '-j', 'REJECT'],
];

/**
 * Keeps guests from services that listen on the host's loopback only. In a network of QEMU's own every connection of a guest is
 * one of its QEMU's, and 10.0.2.2 stands for the loopback; so the packet filter refuses what that group begins there. The rules
 * are the host's, the same for all agents, and stay: machines outlive whoever made them.
 */
export class LoopbackGuard {
  readonly #logger: Logger;
  #told = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Makes the rules be there. The group that QEMU has to have; undefined when guests cannot be kept away like that. */
  async group(): Promise<number | undefined> {
    try {
      await this.#ensure();
      return GUEST_GID;
    } catch (error) {
      const line = { reason: messageOf(error) };
      if (!this.#told)
        this.#logger.warn(line, 'Guests with networks of QEMU get no way out: loopback cannot be guarded');
      this.#told = true;
      return undefined;
    }
  }

  async #ensure(): Promise<void> {
    if (await isThere()) return;
    // The way into the chain comes last, so that where it is, the chain is whole.
    await runTool('iptables', [...WAIT, '-N', CHAIN]);
    for (const rule of [['-F', CHAIN], ...RULES.map((words) => ['-A', CHAIN, ...words])]) await done(rule);
    await done(['-I', 'OUTPUT', '1', ...MATCH]);
    if (!(await isThere())) throw new Error('the rule is not there although it was added');
  }
}

/** Asked by a process of that group, so that it is known whether we may start one. */
async function isThere(): Promise<boolean> {
  const { code } = await runTool('iptables', [...WAIT, '-C', 'OUTPUT', ...MATCH], { gid: GUEST_GID });
  return code === 0;
}

async function done(words: readonly string[]): Promise<void> {
  const { code, stderr } = await runTool('iptables', [...WAIT, ...words]);
  if (code !== 0) throw fail(qemuErrors.toolFailed, { command: 'iptables', reason: stderr.trim() });
}
