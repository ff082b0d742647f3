import { fail } from '@edgeplane/base';
import {
  type FieldSchema,
  isFieldsMember,
  type MessageSchema,
  type PlainOptions,
  toPlain,
} from '@edgeplane/objects';
import { stringify } from 'yaml';
import { cliErrors } from './errors.js';
import { squash } from './flag-table.js';
import { renderTable } from './table.js';

export const FORMATS = ['yaml', 'json', 'json-compact', 'table'] as const;
export type Format = (typeof FORMATS)[number];

export interface OutputOptions {
  readonly format: Format;
  /** Members with one of these tags are left out. */
  readonly hideTags: readonly string[];
}

/** @throws EdgeplaneError BAD_FORMAT. */
export function parseFormat(value: string): Format {
  const format = FORMATS.find((f) => f === value);
  if (!format) throw fail(cliErrors.BAD_FORMAT, { value, known: FORMATS.join(', ') });
  return format;
}

/** Text of one message; empty when there is nothing in it, except in JSON. */
export function renderOne(schema: MessageSchema, message: unknown, options: OutputOptions): string {
  const plain = toPlain(schema, message, plainOptions(options));
  switch (options.format) {
    case 'json':
      return `${JSON.stringify(plain, longAsText, 2)}\n`;
    case 'json-compact':
      return `${JSON.stringify(plain, longAsText)}\n`;
    case 'table':
      return Object.keys(plain).length === 0 ? '' : renderTable(schema, [message], isHidden(options));
    default:
      return Object.keys(plain).length === 0 ? '' : stringify(plain, YAML);
  }
}

/** Text of a list of messages; empty when there are none. */
export function renderList(
  schema: MessageSchema,
  messages: readonly unknown[],
  options: OutputOptions,
): string {
  if (messages.length === 0) return '';
  const plain = () => messages.map((message) => toPlain(schema, message, plainOptions(options)));
  switch (options.format) {
    case 'json':
      return `${JSON.stringify(plain(), longAsText, 2)}\n`;
    case 'json-compact':
      return `${JSON.stringify(plain(), longAsText)}\n`;
    case 'table':
      return renderTable(schema, messages, isHidden(options));
    default:
      return stringify(plain(), YAML);
  }
}

const YAML = { lineWidth: 0, indentSeq: false, aliasDuplicateObjects: false } as const;

function plainOptions(options: OutputOptions): PlainOptions {
  return {
    enums: 'camel',
    defaults: false,
    longsAsText: false,
    hide: isHidden(options),
    ...(options.format === 'yaml' && { memberName: (field: FieldSchema) => squash(field.name) }),
  };
}

/** `fields` is part of requests only. */
function isHidden({ hideTags }: OutputOptions): (field: FieldSchema) => boolean {
  return (field) =>
    isFieldsMember(field) || (field.hidetag !== undefined && hideTags.includes(field.hidetag));
}

/** An integer that JSON readers would round stays exact as text. */
function longAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
