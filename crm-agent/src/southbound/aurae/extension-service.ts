import {
  type PodExtensionGetRequest,
  type PodExtensionGetResponse,
  type PodExtensionListRequest,
  type PodExtensionListResponse,
  type PodExtensionLogsRequest,
  type PodExtensionLogsResponse,
  type PodExtensionService,
  type PodExtensionStatsRequest,
  PodExtensionStatsResponse,
  type PodExtensionWatchRequest,
  type PodExtensionWatchResponse,
} from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension-service.js';
import { bidiStream, type ServiceHandlers, serverStream, unary } from '@edgeplane/rpc';
import { execInPod } from './exec.js';
import { containerIn, type ExtensionParts } from './extension-parts.js';
import { bad } from './fields.js';
import { shownPod } from './shown-pod.js';
import { watchPods } from './watch.js';

const DEFAULT_TAIL = 100;
const MOST_TAIL = 100_000;

/** Looking at pods, their output, and programs in them. */
export function extensionHandlers(parts: ExtensionParts): ServiceHandlers<typeof PodExtensionService> {
  const { service, programs } = parts;
  return {
    get: unary<PodExtensionGetRequest, PodExtensionGetResponse>(async ({ podName }, context) => {
      const pod = service.podFor(context, podName);
      return { pod: shownPod(pod), status: await service.status(pod) };
    }),
    list: unary<PodExtensionListRequest, PodExtensionListResponse>(async ({ labels }, context) => {
      const wanted = Object.entries(labels);
      const found = service
        .visible(context)
        .filter(({ spec }) => wanted.every(([k, v]) => spec.labels[k] === v));
      return { pods: await Promise.all(found.map((pod) => service.status(pod))) };
    }),
    watch: serverStream<PodExtensionWatchRequest, PodExtensionWatchResponse>(({ podName }, send, context) =>
      watchPods(parts, podName, send, context),
    ),
    logs: serverStream<PodExtensionLogsRequest, PodExtensionLogsResponse>(async (request, send, context) => {
      const { tail, follow } = request;
      if (tail > MOST_TAIL) throw bad('tail', `must be at most ${MOST_TAIL}`, tail);
      const pod = service.podFor(context, request.podName);
      const container = containerIn(pod, request.containerName);
      const pieces = programs.logs(
        pod.hostName,
        container,
        { tail: tail || DEFAULT_TAIL, follow },
        context.signal,
      );
      try {
        for await (const { error, data } of pieces) await send({ data, errorOutput: error });
      } catch (error) {
        // Whoever has left wants no error.
        if (!context.signal.aborted) throw error;
      }
    }),
    exec: bidiStream((call, context) => execInPod(parts, call, context)),
    stats: unary<PodExtensionStatsRequest, PodExtensionStatsResponse>(async ({ podName }, context) => {
      const pod = service.podFor(context, podName);
      if (pod.spec.containers.length === 0) return PodExtensionStatsResponse.fromPartial({});
      const used = await programs.usage(pod.hostName);
      const whole = (figure: number) => BigInt(Math.round(figure));
      return {
        ...{ cpuNanos: whole(used.cpuNanos), memoryBytes: whole(used.memoryBytes), pids: whole(used.pids) },
        ...{ receivedBytes: whole(used.netInBytes), sentBytes: whole(used.netOutBytes) },
        ...{ diskReadBytes: whole(used.blockReadBytes), diskWrittenBytes: whole(used.blockWriteBytes) },
      };
    }),
  };
}
