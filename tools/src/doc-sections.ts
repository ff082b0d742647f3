import { DME_HISTOGRAMS, DME_METRICS } from '@edgeplane/dme/metrics';
import { limitRows, NOTIFY_METRICS, OBJECT_METRICS } from '@edgeplane/notify';
import type { MetricDefinition } from '@edgeplane/observe';
import { CONNECTION_METRICS } from '@edgeplane/rpc';

/** A part of a document that is made from the code. */
export interface DocSection {
  /** From the root of the repository. */
  readonly file: string;
  readonly name: string;
  readonly text: string;
}

/** Every part of a document that is made from the code. */
export function docSections(): readonly DocSection[] {
  const metrics = [NOTIFY_METRICS, CONNECTION_METRICS, OBJECT_METRICS, DME_METRICS, DME_HISTOGRAMS].flatMap(
    (definitions): MetricDefinition[] => Object.values(definitions),
  );
  return [
    { file: 'docs/metrics.md', name: 'metrics', text: metricsTable(metrics) },
    {
      ...{ file: 'docs/notify-protocol.md', name: 'limits' },
      text: table(['what', 'default', 'flag of controllers and relays', 'beyond it'], limitRows()),
    },
  ];
}

/** The document with the section in its place. @throws Error when it has no such place */
export function withSection(document: string, { file, name, text }: DocSection): string {
  const begin = `<!-- ${name}: made by pnpm gen -->\n`;
  const end = `<!-- end of ${name} -->\n`;
  const from = document.indexOf(begin);
  const to = document.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${file} has no place for ${name}`);
  return `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`;
}

function metricsTable(definitions: readonly MetricDefinition[]): string {
  const rows = definitions.map(({ name, kind, labels = [], help }) => [
    ...[`\`${name}\``, kind, labels.map((label) => `\`${label}\``).join(', '), help],
  ]);
  return table(['metric', 'kind', 'labels', 'meaning'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return `${line(head)}|${'---|'.repeat(head.length)}\n${rows.map(line).join('')}`;
}
