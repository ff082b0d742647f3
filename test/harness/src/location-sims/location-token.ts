/** How long a token is good, seconds. */
export const TOKEN_SECONDS = 60;

/** A token of the token server simulator: who it is for and until when, Unix seconds (match engine spec section 7.3). */
export function makeToken(ip: string, expires: number): string {
  return Buffer.from(`IP=${ip} Expires=${expires}`).toString('base64');
}

/** The IP address in a token that is good at `now`, Unix seconds; undefined when it is not. */
export function ipOfToken(token: string, now: number): string | undefined {
  const match = /^IP=(\S+) Expires=(\d{1,15})$/.exec(Buffer.from(token, 'base64').toString());
  return match && now <= Number(match[2]) ? match[1] : undefined;
}
