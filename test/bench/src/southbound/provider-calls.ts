import { join } from 'node:path';
import {
  DescribeRequest,
  DescribeResponse,
  ListVMsResponse,
  ValidateResponse,
} from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { callUnary } from '@edgeplane/rpc';
import { type Bench, durationFigure, percentile } from '../figures.js';
import { ratePerSecond } from '../load.js';
import { createMachine, makeImage, withProvider } from './provider-site.js';
import { durations, withRawCalls } from './raw-calls.js';

const IMAGE = 'small.qcow2';
const IN_FLIGHT = 8;

interface Measured {
  readonly took: readonly number[];
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** The calls that a manager polls with, of a provider with many machines, beside bare gRPC with messages of the same size. */
export const providerCallsBench: Bench = {
  group: 'southbound',
  name: 'calls that VirtRigaud polls with, beside bare gRPC',
  async run({ machines, polls, warmUp }) {
    const warm = Math.min(warmUp, polls);
    const [list, describe, validate] = await withProvider(async ({ client, images }) => {
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
          took: await durations(polls, warm, () => callUnary(client, 'listVMs', {})),
          requestBytes: 0,
          responseBytes: ListVMsResponse.encode(listed).finish().length,
        },
        {
          took: await durations(polls, warm, () => callUnary(client, 'describe', asked)),
          requestBytes: DescribeRequest.encode(asked).finish().length,
          responseBytes: DescribeResponse.encode(described).finish().length,
        },
        {
          took: await durations(polls, warm, () => callUnary(client, 'validate', {})),
          requestBytes: 0,
          responseBytes: ValidateResponse.encode(validated).finish().length,
        },
      ] as const;
    });
    const raw = ({ requestBytes, responseBytes }: Measured) =>
      withRawCalls(1, responseBytes, ({ one }) => durations(polls, warm, () => one(requestBytes)));
    const figure = async (name: string, measured: Measured, limit: number) =>
      durationFigure(
        name,
        percentile(measured.took, 0.99),
        percentile(await raw(measured), 0.99),
        null,
        limit,
      );
    return [
      await figure('southbound.list-vms-p99', list, 100),
      await figure('southbound.describe-p99', describe, 5),
      await figure('southbound.validate-p99', validate, 5),
    ];
  },
};
