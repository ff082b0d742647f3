import { join } from 'node:path';
import {
  DescribeRequest,
  DescribeResponse,
  ListVMsResponse,
  ValidateResponse,
} from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { callUnary } from '@edgeplane/rpc';
import { type Bench, durationFigure, median, percentile } from '../figures.js';
import { ratePerSecond } from '../load.js';
import { createMachine, makeImage, withProvider } from './provider-site.js';
import { type Timed, timedCalls, withRawCalls } from './raw-calls.js';

const IMAGE = 'small.qcow2';
const IN_FLIGHT = 8;

interface Measured extends Timed {
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** The calls that a manager polls with, of a provider with many machines, beside bare gRPC with messages of the same size. */
export const providerCallsBench: Bench = {
  group: 'southbound',
  name: 'calls that VirtRigaud polls with, beside bare gRPC',
  async run({ machines, polls, warmUp }) {
    const warm = Math.min(warmUp, polls);
    const [list, describe, validate] = await withProvider(async ({ client, images, agent }) => {
      await makeImage(join(images, IMAGE), 1, 64);
      const ids: string[] = [];
      await ratePerSecond(machines, IN_FLIGHT, async (i) => {
        ids.push(await createMachine(client, `vm-${i}`, IMAGE));
      });
      const listed = await callUnary(client, 'listVMs', {});
      if (listed.vms.length !== machines)
        throw new Error(`${listed.vms.length} machines are listed, not ${machines}`);
      const asked = { id: ids[0] ?? '' };
      const described = await callUnary(client, 'describe', asked);
      if (!described.exists) throw new Error(`machine ${asked.id} does not exist`);
      const validated = await callUnary(client, 'validate', {});
      if (!validated.ok) throw new Error(`not valid: ${validated.message}`);
      return [
        {
          ...(await timedCalls(agent.pid, polls, warm, () => callUnary(client, 'listVMs', {}))),
          requestBytes: 0,
          responseBytes: ListVMsResponse.encode(listed).finish().length,
        },
        {
          ...(await timedCalls(agent.pid, polls, warm, () => callUnary(client, 'describe', asked))),
          requestBytes: DescribeRequest.encode(asked).finish().length,
          responseBytes: DescribeResponse.encode(described).finish().length,
        },
        {
          ...(await timedCalls(agent.pid, polls, warm, () => callUnary(client, 'validate', {}))),
          requestBytes: 0,
          responseBytes: ValidateResponse.encode(validated).finish().length,
        },
      ] as const;
    });
    const figures = async (name: string, measured: Measured, limit: number) => {
      const { requestBytes, responseBytes } = measured;
      const raw = await withRawCalls(1, responseBytes, ({ one, pid }) =>
        timedCalls(pid, polls, warm, () => one(requestBytes)),
      );
      const p99 = ({ took }: Timed) => percentile(took, 0.99);
      const cpu = ({ cpuMs }: Timed) => Math.max(cpuMs, 0.01);
      return [
        durationFigure(`southbound.${name}-median`, median(measured.took), median(raw.took), null, limit),
        durationFigure(`southbound.${name}-p99`, p99(measured), p99(raw), null, limit),
        durationFigure(`southbound.${name}-cpu`, cpu(measured), cpu(raw), null),
      ];
    };
    return [
      ...(await figures('list-vms', list, 100)),
      ...(await figures('describe', describe, 5)),
      ...(await figures('validate', validate, 5)),
    ];
  },
};
