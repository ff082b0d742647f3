import { join } from 'node:path';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { type ServerProcess, startServer } from './server-process.js';

export interface EtcdOptions {
  /** Where its data is; must exist. */
  readonly dir: string;
  /** Client port; default a free one, kept over restarts. */
  readonly port?: number;
}

/** A real etcd: one member, alone or of a cluster. */
export interface Etcd {
  readonly url: string;
  readonly pid: number;
  /** Sends a signal and resolves when the process has ended. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Stops it in its tracks (SIGSTOP): connections stay, nothing answers. */
  pause(): void;
  resume(): void;
  /** Starts it again on the same data and ports; kills it first when it runs. Resolves when it is ready. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts etcd and waits until it answers as healthy.
 * @throws Error naming the Debian package when there is no etcd program, else etcd's last words.
 */
export async function startEtcd(options: EtcdOptions): Promise<Etcd> {
  const url = `http://127.0.0.1:${options.port ?? (await freePort())}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  return member({ name: 'default', dir: options.dir, url, peer, cluster: `default=${peer}` });
}

/** A real etcd of several members. */
export interface EtcdCluster {
  readonly members: readonly Etcd[];
  /** All client URLs, separated by commas. */
  readonly urls: string;
  /** The member that leads now; waits for an election. */
  leader(): Promise<Etcd>;
  stop(): Promise<void>;
}

/** Starts a cluster of `size` members with data below `dir`, and waits until all are healthy. */
export async function startEtcdCluster(dir: string, size = 3): Promise<EtcdCluster> {
  const places = await Promise.all(
    Array.from({ length: size }, async (_, i) => ({
      name: `m${i}`,
      dir: join(dir, `m${i}`),
      url: `http://127.0.0.1:${await freePort()}`,
      peer: `http://127.0.0.1:${await freePort()}`,
    })),
  );
  const cluster = places.map(({ name, peer }) => `${name}=${peer}`).join(',');
  const members = await Promise.all(places.map((place) => member({ ...place, cluster })));
  return {
    members,
    urls: members.map(({ url }) => url).join(','),
    leader: () =>
      eventually('the cluster has a leader', async () => {
        for (const each of members) if (await leads(each.url)) return each;
        return undefined;
      }),
    stop: async () => {
      await Promise.all(members.map((each) => each.stop()));
    },
  };
}

/** Whether the member at `url` is the leader; false when it does not answer. */
async function leads(url: string): Promise<boolean> {
  try {
    const request = { method: 'POST', body: '{}', signal: AbortSignal.timeout(1000) };
    const answer = await fetch(`${url}/v3/maintenance/status`, request);
    const { header, leader } = (await answer.json()) as { header: { member_id: string }; leader: string };
    return leader !== '0' && leader === header.member_id;
  } catch {
    return false;
  }
}

interface Place {
  readonly name: string;
  readonly dir: string;
  readonly url: string;
  readonly peer: string;
  /** `name=peer url` of all members. */
  readonly cluster: string;
}

async function member({ name, dir, url, peer, cluster }: Place): Promise<Etcd> {
  const args = [
    ...['--name', name, '--data-dir', dir, '--log-level', 'error'],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', cluster],
  ];
  let running = await launchReady(args, url);
  const kill = async (signal: NodeJS.Signals) => {
    // A stopped process takes no other signal but SIGKILL.
    if (signal !== 'SIGKILL') running.child.kill('SIGCONT');
    await running.kill(signal);
  };
  return {
    url,
    get pid() {
      return running.child.pid ?? 0;
    },
    kill,
    pause: () => void running.child.kill('SIGSTOP'),
    resume: () => void running.child.kill('SIGCONT'),
    restart: async () => {
      await kill('SIGKILL');
      running = await launchReady(args, url);
    },
    stop: () => kill('SIGKILL'),
  };
}

function launchReady(args: readonly string[], url: string): Promise<ServerProcess> {
  return startServer({
    command: 'etcd',
    args,
    debianPackage: 'etcd-server',
    async serves() {
      const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) });
      return ((await answer.json()) as { health: string }).health === 'true';
    },
  });
}
