import { fail } from '@edgeplane/base';
import { enumProtoName, enumSchema } from '@edgeplane/objects';
import {
  type CloudletCandidate,
  type FindCloudletRequest,
  CandidateVerdict as Verdict,
} from '@edgeplane/proto/dme/app-client.js';
import { dmeErrors } from '../errors.js';
import type { Instance } from '../instance.js';
import { PUBLIC_CLOUD_PADDING_KM } from '../matcher.js';
import { type Latency, type Ranked, rank } from '../ranking.js';
import { DEVELOPER_OPERATOR, PUBLIC_CLOUDS } from '../reserved.js';
import type { Asked } from './asked.js';
import type { Finder } from './find-cloudlet.js';

const MOST = 100;
/** Looked at when a client wants an explanation and does not say how long a one; and, with round trips, in any case. */
const USUAL = 10;
const NOWHERE_KM = -1;
const STATES = enumSchema('edgeproto.TrackedState');

interface Why {
  readonly verdict: Verdict;
  readonly reason: string;
}

/**
 * The instance a client is sent to and others, best first; with `explain` also those that cannot be used, at the end. Each
 * says why it is not the one.
 * @throws EdgeplaneError TOO_MANY_CANDIDATES
 */
export function candidatesFor(
  { latencies }: Finder,
  { carrierName, maxCandidates, explain, useLatency }: FindCloudletRequest,
  { entry, place }: Asked,
): { readonly chosen: Instance | undefined; readonly candidates: CloudletCandidate[] } {
  if (maxCandidates > MOST) throw fail(dmeErrors.TOO_MANY_CANDIDATES, { count: maxCandidates, most: MOST });
  if (!entry) return { chosen: undefined, candidates: [] };
  const shown = maxCandidates || (explain ? USUAL : 0);
  const latencyOf = ({ site }: Instance) => latencies.find(place, site.id);
  const ranked = rank(entry, carrierName, place, Math.max(shown, USUAL), useLatency ? latencyOf : undefined);
  const [first] = ranked;
  const candidates = ranked
    .slice(0, shown)
    .map((one) => candidate(one.instance, one.distance, latencyOf(one.instance), whyNot(one, ranked)));
  if (explain) {
    const carriers = new Set([carrierName, ...PUBLIC_CLOUDS, DEVELOPER_OPERATOR]);
    for (const carrier of carriers) {
      for (const { instance, distance } of entry.withheldFew(carrier, place, shown)) {
        const reason = `its state is ${enumProtoName(STATES, instance.state)}`;
        const why = { verdict: Verdict.CANDIDATE_NOT_READY, reason };
        candidates.push(candidate(instance, distance, latencyOf(instance), why));
      }
      for (const instance of entry.nowhere(carrier)) {
        if (candidates.length >= shown + MOST) break;
        const { latitude, longitude } = instance.site;
        const reason = `latitude ${latitude}, longitude ${longitude} is no place on earth`;
        const why = { verdict: Verdict.CANDIDATE_NOWHERE, reason };
        candidates.push(candidate(instance, NOWHERE_KM, undefined, why));
      }
    }
  }
  return { chosen: first?.instance, candidates };
}

function candidate(
  { uri, ports, location, cloudletKey }: Instance,
  distanceKm: number,
  latency: Latency | undefined,
  { verdict, reason }: Why,
): CloudletCandidate {
  return {
    fqdn: uri,
    ports: [...ports],
    cloudletLocation: location,
    carrierName: cloudletKey.operatorKey?.name ?? '',
    cloudletName: cloudletKey.name,
    distanceKm,
    verdict,
    reason,
    latencyMs: latency?.ms ?? 0,
    latencyReports: latency?.reports ?? 0,
  };
}

/** Why an instance comes after the first. */
function whyNot(one: Ranked<Instance>, [first]: readonly Ranked<Instance>[]): Why {
  if (!first || one === first) return { verdict: Verdict.CANDIDATE_CHOSEN, reason: 'the one to connect to' };
  if (one.kind === 'developer' && first.kind !== 'developer')
    return { verdict: Verdict.CANDIDATE_LAST_RESORT, reason: "the developer's own, for who gets no other" };
  const [mine, other] = [one.latency, first.latency];
  if (mine || other) {
    const worth = ({ latency, distance }: Ranked<Instance>) =>
      latency ? `${latency.ms} ms by ${latency.reports} reports` : `${km(distance)} away without reports`;
    const reason = `${worth(one)}; the chosen one is ${worth(first)}`;
    return { verdict: Verdict.CANDIDATE_SLOWER, reason };
  }
  const farther = one.distance - first.distance;
  if (one.kind === 'public' && first.kind === 'own' && farther < 0) {
    const reason = `a public cloud must be more than ${PUBLIC_CLOUD_PADDING_KM} km nearer than ${km(first.distance)}, and is ${km(-farther)} nearer`;
    return { verdict: Verdict.CANDIDATE_PUBLIC_CLOUD, reason };
  }
  const reason = farther > 0 ? `${km(farther)} farther than the chosen one` : 'as near as the chosen one';
  return { verdict: Verdict.CANDIDATE_FARTHER, reason };
}

function km(distance: number): string {
  return `${distance.toFixed(3)} km`;
}
