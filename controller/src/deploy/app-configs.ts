import { fail, messageOf } from '@edgeplane/base';
import type { ConfigFile } from '@edgeplane/proto/edgeproto/app.js';
import { parse } from 'yaml';
import { controllerErrors } from '../errors.js';
import { isUrl, shownUrl, type TextFetcher } from './fetch-text.js';
import { asNode, checkManifest, firstLine } from './manifest.js';

/** Kinds of configuration files whose content is checked; others are carried for whoever knows them. */
const CHECKS: ReadonlyMap<string, (text: string) => void> = new Map([
  // Environment of every container: a YAML list of Kubernetes EnvVar (match engine and agent spec section 13.1).
  ['envVarsYaml', checkEnvVars],
  // More Kubernetes objects, deployed along with the manifest.
  ['k8s-manifest', checkManifest],
  // Values of a Helm chart; the second name is what older clients write.
  ['helm-values', checkMapping],
  ['hemlCustomizationYaml', checkMapping],
]);
/** What a remote generator gets as `config`. */
const GENERATOR_CONFIG = 'deploygen-config';

/** URLs that one App may have fetched: its creator waits for all of them. */
const MAX_FETCHES = 16;

/**
 * The App's `config`, fetched if it is a URL; a YAML or JSON mapping whose one known member is the text `resources`
 * (controller spec section 11.3).
 * @throws EdgeplaneError APP_CONFIG_FETCH, APP_CONFIG_SYNTAX
 */
export async function resolveConfig(config: string, fetcher: TextFetcher): Promise<string> {
  if (config === '') return '';
  const text = await textOf(config, fetcher);
  const bad = (error: string) => fail(controllerErrors.APP_CONFIG_SYNTAX, { error, config: text });
  let parsed: unknown;
  try {
    parsed = parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw bad(firstLine(error));
  }
  if (parsed === null) return text;
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw bad('expected a mapping');
  const { resources } = asNode(parsed);
  if (typeof resources === 'object' && resources !== null) throw bad('resources: expected a text');
  return text;
}

/**
 * The App's configuration files, fetched where they are URLs.
 * @throws EdgeplaneError APP_CONFIG_FETCH; APP_CONFIG_FILE naming the file, the rule and the value
 */
export async function resolveConfigFiles(
  configs: readonly ConfigFile[],
  fetcher: TextFetcher,
): Promise<ConfigFile[]> {
  const fetches = configs.filter(({ config }) => isUrl(config)).length;
  if (fetches > MAX_FETCHES) throw fail(controllerErrors.APP_CONFIG_COUNT, { limit: MAX_FETCHES, fetches });
  const resolved: ConfigFile[] = [];
  for (const [index, { kind, config }] of configs.entries()) {
    const text = await textOf(config, fetcher);
    try {
      CHECKS.get(kind)?.(text);
    } catch (error) {
      throw fail(controllerErrors.APP_CONFIG_FILE, { index, kind, reason: messageOf(error) });
    }
    resolved.push({ kind, config: text });
  }
  return resolved;
}

/** Texts of the files of a kind, in order. */
export function configTexts(configs: readonly ConfigFile[], kind: string): string[] {
  return configs.filter((file) => file.kind === kind).map(({ config }) => config);
}

/** What a remote generator is told. */
export function generatorConfig(configs: readonly ConfigFile[]): string {
  return configTexts(configs, GENERATOR_CONFIG).join('\n');
}

async function textOf(config: string, fetcher: TextFetcher): Promise<string> {
  if (!isUrl(config)) return config;
  try {
    return await fetcher.get(config);
  } catch (error) {
    const params = { url: shownUrl(config), why: messageOf(error) };
    throw fail(controllerErrors.APP_CONFIG_FETCH, params, { cause: error });
  }
}

function checkEnvVars(text: string): void {
  // Texts stay texts: an App's variable 007 is not the number 7.
  const list = readYaml(text, 'failsafe');
  if (list === null || list === '') return;
  if (!Array.isArray(list)) throw new Error('must be a list of variables');
  list.forEach((item: unknown, i) => {
    const { name, value = '', valueFrom } = asNode(item);
    if (typeof name !== 'string' || name === '') throw new Error(`variable ${i + 1} must have a name`);
    if (valueFrom === undefined && typeof value !== 'string') {
      throw new Error(`the value of variable ${name} must be a text`);
    }
  });
}

function checkMapping(text: string): void {
  const values = readYaml(text, 'core');
  if (values !== null && (typeof values !== 'object' || Array.isArray(values))) {
    throw new Error('must be a YAML mapping');
  }
}

function readYaml(text: string, schema: 'core' | 'failsafe'): unknown {
  try {
    return parse(text, { schema, maxAliasCount: 100 });
  } catch (error) {
    throw new Error(`must be YAML: ${firstLine(error)}`);
  }
}
