/** A program of its own: a notify server that has one App with instances all over the earth. */
import { silentLogger } from '@edgeplane/base';
import { NotifyServer, ObjectTable, type SendSource } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { answerParent } from '../notify/child.js';
import { benchApp, benchInst } from './world.js';

function methods() {
  const apps = new ObjectTable(OBJECTS.App);
  const insts = new ObjectTable(OBJECTS.AppInst);
  return {
    /** The address. */
    start({ instances }: { readonly instances: number }): Promise<string> {
      apps.put(benchApp());
      for (let i = 0; i < instances; i++) insts.put(benchInst(i));
      const server = new NotifyServer({
        sources: [apps, insts] as readonly unknown[] as readonly SendSource[],
        receivers: [],
        messageReceivers: [],
        logger: silentLogger,
      });
      return server.listen('127.0.0.1:0');
    },
    /** Processor time of decoding all of it once, milliseconds. */
    decode(): number {
      const encoded = Array.from(insts.values(), (inst) => OBJECTS.AppInst.toWire(inst));
      const before = process.cpuUsage();
      for (const bytes of encoded) OBJECTS.AppInst.fromWire(bytes);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    },
    /** Mean length of an encoded instance. */
    bytesEach: () => OBJECTS.AppInst.toWire(benchInst(500)).length,
  };
}

export type ControllerMethods = ReturnType<typeof methods>;

answerParent(methods());
