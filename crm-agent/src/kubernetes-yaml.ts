import { parseAllDocuments, type ScalarTag, stringify } from 'yaml';

/** A file mode such as 0644. Written out again it is decimal, which means the same to everybody. */
const OCTAL: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^0[0-7]+$/,
  identify: () => false,
  resolve: (text) => Number.parseInt(text, 8),
};

/**
 * Documents of a manifest as Kubernetes reads them, which is YAML 1.1 in what manifests make use of: merged mappings and
 * octal numbers. Its many spellings of booleans stay text; they are told apart again when written.
 */
export function readKubernetesYaml(text: string) {
  return [...parseAllDocuments(text, { merge: true, customTags: (tags) => [OCTAL, ...tags] })];
}

/** A document for readers of YAML 1.1: a text that they would take for a boolean, `yes` or `on`, is quoted. */
export function writeKubernetesYaml(value: unknown): string {
  return stringify(value, { compat: 'yaml-1.1' });
}
