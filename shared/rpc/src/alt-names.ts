/**
 * The names in Node's text of a certificate's subjectAltName, each as `DNS:agent-1` or `URI:spiffe://site/agent`. Names with
 * characters that could be taken for a separator are written as JSON strings there, and come out as they are in the
 * certificate: no name can pass for two.
 */
export function parseAltNames(text: string): string[] {
  const names: string[] = [];
  for (const [, kind = '', value = ''] of text.matchAll(/([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/g))
    names.push(`${kind}:${value.startsWith('"') ? unquoted(value) : value}`);
  return names;
}

function unquoted(value: string): string {
  try {
    return String(JSON.parse(value));
  } catch {
    return value;
  }
}
