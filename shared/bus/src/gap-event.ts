import type { BusEvent, Gap } from './bus.js';

/** First token of the subjects in which publishers confess what they dropped. */
export const GAP_TOPIC = 'gap';

/** The event that stands for `lost` dropped ones. `count` differs for every gap of a publisher. */
export function gapEvent(publisher: string, count: number, lost: number): BusEvent {
  return {
    subject: `${GAP_TOPIC}.${publisher}`,
    id: `gap-${publisher}-${count}`,
    data: Buffer.from(JSON.stringify({ lost })),
  };
}

/** What an event says of dropped ones; undefined when it is not such an event. */
export function readGap(event: BusEvent, position: string): Gap | undefined {
  if (!event.subject.startsWith(`${GAP_TOPIC}.`)) return undefined;
  let lost = 0;
  try {
    const said = (JSON.parse(Buffer.from(event.data).toString()) as { lost?: unknown }).lost;
    if (typeof said === 'number') lost = said;
  } catch {
    // A gap of unknown size is a gap all the same.
  }
  return { kind: 'gap', position, reason: 'unpublished', lost };
}
