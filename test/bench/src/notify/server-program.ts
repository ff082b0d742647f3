/** A program of its own: a real notify server with objects that are made up. */
import { silentLogger } from '@edgeplane/base';
import { NotifyServer, ObjectTable, type SendSource } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { answerParent, machineTime } from './child.js';
import { flavor, instance } from './objects.js';

export interface ServerOptions {
  /** The highest version of the protocol that is spoken. */
  readonly version: number;
  readonly instances: number;
  /** Over which the instances are spread. */
  readonly cloudlets: number;
}

function methods() {
  const flavors = new ObjectTable(OBJECTS.Flavor);
  const insts = new ObjectTable(OBJECTS.AppInst);
  let server: NotifyServer | undefined;
  let port = 10_000;
  let options: ServerOptions = { version: 2, instances: 0, cloudlets: 1 };
  const put = (i: number) => insts.put(instance(i, i % options.cloudlets, port));
  return {
    start(given: ServerOptions): Promise<string> {
      options = given;
      for (let i = 0; i < given.instances; i++) put(i);
      server = new NotifyServer({
        sources: [flavors, insts] as readonly unknown[] as readonly SendSource[],
        receivers: [],
        messageReceivers: [],
        logger: silentLogger,
        maxVersion: given.version,
      });
      return server.listen('127.0.0.1:0');
    },
    sessions: () => server?.peers().length ?? 0,
    changeFlavor(): number {
      port += 1;
      const began = machineTime();
      flavors.put(flavor('bench', port));
      return began;
    },
    /** Changes some instances; when that began, by the machine's time. */
    changeInstances({ from, count }: { from: number; count: number }): number {
      port += 1;
      const began = machineTime();
      for (let i = from; i < from + count; i++) put(i % options.instances);
      return began;
    },
  };
}

export type ServerMethods = ReturnType<typeof methods>;

answerParent(methods());
