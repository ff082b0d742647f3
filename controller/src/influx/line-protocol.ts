import type { Metric, MetricVal } from '@edgeplane/proto/edgeproto/metric.js';

/** Largest integer field that InfluxDB holds. */
const INT64_MAX = 2n ** 63n - 1n;

/**
 * A sample as one line of InfluxDB's line protocol (controller spec section 18.4): measurement, tags, fields, time in
 * microseconds. Undefined when there is nothing to write: InfluxDB takes no point without a name or fields. Empty tags
 * and figures that are no finite number are left out, and integers beyond 63 bits are written as the largest there is.
 */
export function lineOf({ name, tags, vals, timestamp }: Metric): string | undefined {
  const fields = vals.flatMap((val) => {
    const text = valueText(val);
    return val.name === '' || text === undefined ? [] : [`${escapeKey(val.name)}=${text}`];
  });
  if (name === '' || fields.length === 0) return undefined;
  const labels = tags
    .filter((tag) => tag.name !== '' && tag.val !== '')
    .map((tag) => `,${escapeKey(tag.name)}=${escapeKey(tag.val)}`);
  const { seconds = 0n, nanos = 0 } = timestamp ?? {};
  const micros = seconds * 1_000_000n + BigInt(Math.floor(nanos / 1000));
  return `${escapeMeasurement(name)}${labels.join('')} ${fields.join(',')} ${micros}`;
}

function valueText({ value }: MetricVal): string | undefined {
  switch (value?.$case) {
    case 'dval':
      return Number.isFinite(value.value) ? String(value.value) : undefined;
    case 'ival':
      return `${value.value > INT64_MAX ? INT64_MAX : value.value}i`;
    default:
      return undefined;
  }
}

/** A `#` would make the line a comment. */
function escapeMeasurement(text: string): string {
  return plain(text).replace(/[, ]/g, '\\$&').replace(/^#/, '_#');
}

/** Names and values of tags, and names of fields. */
function escapeKey(text: string): string {
  return plain(text).replace(/[,= ]/g, '\\$&');
}

/**
 * Line breaks would end the line, and have no escape outside of text fields. A backslash has none either: at the end it
 * would take away the meaning of the comma, space or equals sign that follows.
 */
function plain(text: string): string {
  return text.replace(/[\r\n\0]+/g, ' ').replace(/\\+$/, (tail) => '/'.repeat(tail.length));
}
