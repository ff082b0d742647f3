import type { AppInstKey, AppInstMetrics } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletKey, CloudletMetrics } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { Metric, MetricVal } from '@edgeplane/proto/edgeproto/metric.js';
import { OBJECTS } from './object-type.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';

/**
 * How measurements of instances and Cloudlets travel as Metric notices, whose one form for all samples is contract: the
 * name says what was measured, tags say of which instance or Cloudlet, and each value has the name of its member of
 * AppInstMetrics or CloudletMetrics. What could not be measured is left out.
 */

const APP_INST = 'appinst-usage';
const CLOUDLET = 'cloudlet-usage';

/** Measurements without what the controller adds; the members that are undefined could not be made. */
export type Measured<T> = {
  readonly [P in Exclude<
    keyof T,
    'key' | 'something' | 'foo' | 'timestamp' | 'ageMs' | 'notMeasured'
  >]?: T[P];
};

/** The sample of an instance. `at`: milliseconds since the epoch. */
export function appInstMetric(key: AppInstKey, at: number, values: Measured<AppInstMetrics>): Metric {
  const { appKey, clusterInstKey: cluster } = key;
  const tags: Tags = [
    ['dev', appKey?.developerKey?.name],
    ['app', appKey?.name],
    ['ver', appKey?.version],
    ['cluster', cluster?.clusterKey?.name],
    ['clusterdev', cluster?.developer],
    ...cloudletTags(cluster?.cloudletKey),
  ];
  return metric(APP_INST, tags, at, OBJECTS.AppInstMetrics.schema, values);
}

/** The sample of a Cloudlet. `at`: milliseconds since the epoch. */
export function cloudletMetric(key: CloudletKey, at: number, values: Measured<CloudletMetrics>): Metric {
  return metric(CLOUDLET, cloudletTags(key), at, OBJECTS.CloudletMetrics.schema, values);
}

/** Undefined for a Metric of another name. */
export function readAppInstMetric(sample: Metric): AppInstMetrics | undefined {
  if (sample.name !== APP_INST) return undefined;
  const tag = tagsOf(sample);
  const key: AppInstKey = {
    appKey: { developerKey: { name: tag('dev') }, name: tag('app'), version: tag('ver') },
    clusterInstKey: {
      clusterKey: { name: tag('cluster') },
      cloudletKey: cloudletKeyOf(tag),
      developer: tag('clusterdev'),
    },
  };
  return read(sample, OBJECTS.AppInstMetrics.schema, OBJECTS.AppInstMetrics.withKey(key));
}

/** Undefined for a Metric of another name. */
export function readCloudletMetric(sample: Metric): CloudletMetrics | undefined {
  if (sample.name !== CLOUDLET) return undefined;
  const key = cloudletKeyOf(tagsOf(sample));
  return read(sample, OBJECTS.CloudletMetrics.schema, OBJECTS.CloudletMetrics.withKey(key));
}

type Tags = readonly (readonly [name: string, value: string | undefined])[];

function cloudletTags(key: CloudletKey | undefined): Tags {
  return [
    ['oper', key?.operatorKey?.name],
    ['cloudlet', key?.name],
  ];
}

function tagsOf({ tags }: Metric): (name: string) => string {
  const values = new Map(tags.map(({ name, val }) => [name, val]));
  return (name) => values.get(name) ?? '';
}

function cloudletKeyOf(tag: (name: string) => string): CloudletKey {
  return { operatorKey: { name: tag('oper') }, name: tag('cloudlet') };
}

/** Members that are measurements: the numbers after the controller's own `age_ms`. */
function valueFields(schema: MessageSchema): readonly FieldSchema[] {
  return schema.fields.filter(
    ({ no, kind, type, repeated }) =>
      no > 102 && kind === 'scalar' && !repeated && (type === 'double' || type === 'uint64'),
  );
}

function metric(name: string, tags: Tags, at: number, schema: MessageSchema, values: object): Metric {
  const seconds = Math.floor(at / 1000);
  const vals = valueFields(schema).flatMap(({ name: field, prop }): MetricVal[] => {
    const value = (values as Readonly<Record<string, unknown>>)[prop];
    if (typeof value === 'number') return [{ name: field, value: { $case: 'dval', value } }];
    if (typeof value === 'bigint') return [{ name: field, value: { $case: 'ival', value } }];
    return [];
  });
  return {
    name,
    timestamp: { seconds: BigInt(seconds), nanos: Math.round((at - seconds * 1000) * 1e6) },
    tags: tags.map(([tag, val]) => ({ name: tag, val: val ?? '' })),
    vals,
  };
}

function read<T extends { timestamp: unknown; notMeasured: string[] }>(
  { timestamp, vals }: Metric,
  schema: MessageSchema,
  empty: T,
): T {
  const given = new Map(vals.map(({ name, value }) => [name, value]));
  const values: Record<string, number | bigint> = {};
  const notMeasured: string[] = [];
  for (const { name, prop, type } of valueFields(schema)) {
    const value = given.get(name);
    if (type === 'double' && value?.$case === 'dval') values[prop] = value.value;
    else if (type === 'uint64' && value?.$case === 'ival') values[prop] = value.value;
    else notMeasured.push(name);
  }
  const time = { seconds: timestamp?.seconds ?? 0n, nanos: timestamp?.nanos ?? 0 };
  return { ...empty, ...values, timestamp: time, notMeasured };
}
