import { type Clock, KeyedTurns, type Logger } from '@edgeplane/base';
import { type HostSocket, portsOf } from '../process/index.js';
import { until } from './commands.js';
import { type HostPort, portKeys, refuseTakenPorts } from './port-check.js';

/** The process of podman's service. */
export interface PortKeeper {
  readonly clock: Clock;
  readonly logger: Logger;
  pid(): number | undefined;
  /** Any call that it answers. */
  nudge(): Promise<unknown>;
}

const LET_GO_MS = 30_000;
/** Calls at a time that are to make it use memory. */
const NUDGES = 20;

/**
 * The host ports of one podman. Two starts that want the same one take turns, and none begins while somebody else has
 * it. `keeper` is absent when podman is on another machine, whose ports are out of sight.
 */
export class HostPorts {
  readonly #turns = new KeyedTurns();
  readonly #keeper: PortKeeper | undefined;

  constructor(keeper?: PortKeeper) {
    this.#keeper = keeper;
  }

  /** Runs steps that open the ports. @throws PODMAN_PORT_IN_USE naming the first that is taken */
  run<T>(name: string, ports: readonly HostPort[], steps: () => Promise<T>): Promise<T> {
    return this.#turns.runAll(portKeys(ports), async () => {
      if (this.#keeper && ports.length > 0) {
        await letGo(this.#keeper, ports);
        await refuseTakenPorts(name, ports);
      }
      return steps();
    });
  }
}

/** After a start that failed the service keeps the ports open until it next collects its garbage. */
async function letGo(keeper: PortKeeper, ports: readonly HostPort[]): Promise<void> {
  const wanted = (socket: HostSocket) =>
    ports.some(({ proto, hostPort }) => proto === socket.layer && hostPort === socket.port);
  const kept = async () => {
    const pid = keeper.pid();
    return pid !== undefined && (await portsOf(pid)).some(wanted);
  };
  if (!(await kept())) return;
  keeper.logger.info({ ports }, 'Podman still holds ports of a start that failed');
  await until(keeper.clock, LET_GO_MS, async () => {
    await Promise.all(Array.from({ length: NUDGES }, () => keeper.nudge()));
    return !(await kept());
  });
}
