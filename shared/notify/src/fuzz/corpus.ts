/** An input that broke something once, or that stands for a way in which things break; `answer`: what is said of it. */
export interface Kept {
  readonly name: string;
  readonly hex: string;
  readonly answer: RegExp | 'decoded';
}

export const CORPUS: readonly Kept[] = [
  { name: 'nothing', hex: '', answer: 'decoded' },
  { name: 'a tag of zero before a field', hex: '001001', answer: /not a protobuf message/ },
  { name: 'a length beyond the end', hex: '1affffffff0f', answer: /not a protobuf message/ },
  { name: 'a length beyond the end, in a message', hex: '1a040aff0161', answer: /premature EOF/ },
  { name: 'a number of eleven bytes', hex: '10ffffffffffffffffffff01', answer: /not a protobuf message/ },
  { name: 'a group', hex: '0b0c', answer: /not a protobuf message/ },
  { name: 'groups in groups, in a message', hex: `1a904e${'0b'.repeat(10_000)}`, answer: /malformed notice/ },
  { name: 'a wire type that there is not, in a message', hex: '1a0107', answer: /malformed notice/ },
  {
    name: 'more empty changes than may be',
    hex: 'aa0600'.repeat(100_001),
    answer: /more than 100000 fields/,
  },
  { name: 'a field of no version', hex: '9a0c0161', answer: 'decoded' },
  { name: 'the same field twice', hex: '10011002', answer: 'decoded' },
];
