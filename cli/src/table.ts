import {
  enumCamel,
  enumSchema,
  type FieldSchema,
  type MessageSchema,
  messageSchema,
} from '@edgeplane/objects';

interface Column {
  readonly title: string;
  readonly path: readonly FieldSchema[];
}

const LONGEST_CELL = 48;

/**
 * Lines with a column per leaf of the key and per simple member of the messages that is set in any of them. What does
 * not fit in a line is cut.
 */
export function renderTable(
  schema: MessageSchema,
  messages: readonly unknown[],
  hidden: (field: FieldSchema) => boolean,
): string {
  const columns = columnsOf(schema, hidden)
    .map(({ title, path }) => ({ title, cells: messages.map((message) => cell(message, path)) }))
    .filter(({ cells }) => cells.some((text) => text !== ''));
  const widths = columns.map(({ title, cells }) => Math.max(title.length, ...cells.map((c) => c.length)));
  const line = (texts: readonly string[]) =>
    `${texts
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()}\n`;
  const rows = messages.map((_, row) => line(columns.map(({ cells }) => cells[row] ?? '')));
  return line(columns.map(({ title }) => title)) + rows.join('');
}

function columnsOf(schema: MessageSchema, hidden: (field: FieldSchema) => boolean): readonly Column[] {
  const columns: Column[] = [];
  const visit = (message: MessageSchema, path: readonly FieldSchema[]): void => {
    for (const field of message.fields) {
      if (hidden(field)) continue;
      const inner = [...path, field];
      // Keys are shown whole; of other messages only what has a single name, such as a flavor's key.
      if (field.kind === 'message') {
        const inKey = path[0]?.name === 'key' || field.name === 'key' || field.type.endsWith('Key');
        if (!field.repeated && inKey) visit(messageSchema(field.type), inner);
      } else if (field.kind !== 'map') columns.push({ title: titleOf(inner), path: inner });
    }
  };
  visit(schema, []);
  return columns;
}

/** `key.app_key.developer_key.name` -> `DEVELOPER`; `key.name` -> `NAME`; `default_flavor.name` -> `DEFAULT_FLAVOR`. */
function titleOf(path: readonly FieldSchema[]): string {
  const names = path.map((field) => field.name.replace(/_key$/, '')).filter((name) => name !== 'key');
  const last = names.at(-1) ?? '';
  const title = last === 'name' && names.length > 1 ? (names.at(-2) ?? last) : names.slice(-2).join('_');
  return title.toUpperCase();
}

function cell(message: unknown, path: readonly FieldSchema[]): string {
  let value = message;
  for (const field of path) value = (value as Record<string, unknown> | undefined)?.[field.prop];
  const leaf = path.at(-1);
  if (!leaf || value === undefined || value === 0 || value === 0n || value === '' || value === false)
    return '';
  const one = (v: unknown) =>
    leaf.kind === 'enum' ? enumCamel(enumSchema(leaf.type), v as number) : String(v);
  const text = (Array.isArray(value) ? value.map(one).join(',') : one(value)).replace(/\s+/g, ' ');
  return text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL - 3)}...` : text;
}
