/** A program of its own: a real client, which keeps what it gets. */
import { silentLogger } from '@edgeplane/base';
import { NotifyClient, ObjectTable, type Receiver, type SendSource } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { answerParent, machineTime } from './child.js';
import { cloudletKey } from './frames.js';

interface ClientOptions {
  readonly address: string;
  readonly version: number;
  /** Number of the site; undefined: everything is wanted. */
  readonly site: number | undefined;
}

function start({ address, version, site }: ClientOptions) {
  const flavors = new ObjectTable(OBJECTS.Flavor);
  const insts = new ObjectTable(OBJECTS.AppInst);
  const cloudlets = new ObjectTable(OBJECTS.Cloudlet);
  const infos = new ObjectTable(OBJECTS.CloudletInfo);
  if (site !== undefined)
    infos.put({ ...OBJECTS.CloudletInfo.withKey(cloudletKey(`site-${site}`)), state: 1 });
  const client = new NotifyClient({
    addrs: [address],
    filterCloudletKey: site !== undefined,
    sources: site === undefined ? [] : ([infos] as readonly unknown[] as readonly SendSource[]),
    receivers: [flavors, cloudlets, insts] as readonly unknown[] as readonly Receiver[],
    messageReceivers: [],
    logger: silentLogger,
    maxVersion: version,
  });
  client.start();
  return { client, insts, cloudlets };
}

function methods() {
  let running: ReturnType<typeof start> | undefined;
  let came: number[] = [];
  let wake: (() => void) | undefined;
  return {
    /** Connects a client that holds nothing; milliseconds until it is in step. */
    async sync(options: ClientOptions): Promise<{ ms: number; objects: number }> {
      const began = machineTime();
      running = start(options);
      await running.client.when('synced');
      const ms = machineTime() - began;
      running.cloudlets.subscribe(() => {
        came.push(machineTime());
        wake?.();
      });
      return { ms, objects: running.insts.size };
    },
    /** When the next change of a Cloudlet since the last call was here, by the machine's time. */
    async nextCloudlet(): Promise<number> {
      while (came.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      const [at = Number.NaN] = came;
      came = [];
      return at;
    },
    async stop() {
      await running?.client.stop();
    },
  };
}

export type ClientsMethods = ReturnType<typeof methods>;

answerParent(methods());
