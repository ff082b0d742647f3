/**
 * The same text in one piece. One that was put together of many keeps them all for as long as it lives, some 30 bytes and more
 * for each: a key that is kept would take ten times its length.
 */
export function flat(text: string): string {
  // To look at a character V8 joins the pieces. The result depends on it, so that the look is not left out.
  return Number.isNaN(text.charCodeAt(0)) ? '' : text;
}
