import type { Logger } from '@edgeplane/base';
import type { MessageReceiver, PeerInfo } from '@edgeplane/notify';
import { OBJECTS, readAppInstMetric, readCloudletMetric } from '@edgeplane/objects';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import type { LatestMetrics } from './latest-metrics.js';

/** Where samples go that are to be kept for longer than until the next one. */
export interface MetricSink {
  add(metric: Metric): void;
}

/**
 * Takes Metric notices (controller spec section 18.4): all go on to the sink; the latest of each instance and Cloudlet is
 * kept for Show. Of Cloudlets a peer may speak only for those it reports, so that no agent shadows another's figures.
 */
export class MetricReceiver implements MessageReceiver<Metric> {
  readonly typeName = 'Metric';
  readonly #latest: LatestMetrics;
  readonly #sink: MetricSink | undefined;
  readonly #logger: Logger;
  readonly #refused = new WeakSet<PeerInfo>();

  constructor(latest: LatestMetrics, sink: MetricSink | undefined, logger: Logger) {
    this.#latest = latest;
    this.#sink = sink;
    this.#logger = logger;
  }

  onMessage(metric: Metric, peer: PeerInfo): void {
    const appInst = readAppInstMetric(metric);
    const cloudlet = appInst ? undefined : readCloudletMetric(metric);
    const about = appInst ? OBJECTS.AppInstMetrics.cloudletKeyJson(appInst) : undefined;
    const site = cloudlet ? OBJECTS.CloudletMetrics.keyJsonOf(cloudlet) : about;
    if (site !== undefined && !peer.cloudlets.has(site)) {
      // Once per connection: it will send the next one soon.
      if (!this.#refused.has(peer)) {
        this.#refused.add(peer);
        const facts = { name: metric.name, cloudlet: site, peer: peer.address };
        this.#logger.warn(facts, 'Samples refused: their sender does not report this Cloudlet');
      }
      return;
    }
    this.#logger.debug({ name: metric.name, tags: metric.tags, peer: peer.address }, 'Sample');
    if (appInst) this.#latest.appInsts.put(appInst);
    if (cloudlet) this.#latest.cloudlets.put(cloudlet);
    this.#sink?.add(metric);
  }
}
